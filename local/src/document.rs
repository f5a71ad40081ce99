//! The OpenAPI document of all functions together.

use serde_json::Value;

/// Every function's paths in one document.
///
/// # Errors
/// When the document can't be written as JSON.
pub fn whole() -> Result<Value, serde_json::Error> {
    let mut whole = auth::document();
    for part in [
        clients::document(),
        visits::document(),
        photos::document(),
        sync::document(),
        alerts::document(),
        privacy::document(),
        realtime::document(),
        webhooks::document(),
        health::document(),
    ] {
        whole.merge(part);
    }
    web::complete_document(&whole)
}

/// The document as `functions/health/openapi.json` holds it.
///
/// # Errors
/// As [`whole`].
pub fn text() -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(&whole()?)? + "\n")
}
