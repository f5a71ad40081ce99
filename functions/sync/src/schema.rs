//! The schema of what phones hold.

use axum::Json;
use domain::sync::schema::{VERSION, describe, describe_with_rules};
use serde_json::Value;

/// What phones hold: `tables` with their columns, what their values may be (in the words of JSON Schema; lengths in
/// characters) and who writes them: `phone`, `phone-once` (with the record), `app` (of what isn't sent yet) or
/// `server`. `push` says how large one push should be; a larger one is sent in parts. `versions` has the tables of each
/// version.
#[utoipa::path(get, path = "/sync/schema", tag = "sync", operation_id = "sync_schema", security(()),
    responses((status = 200, description = "The newest schema version, and all that are served.", body = Object,
        content_type = "application/json", example = json!({"version": 3, "tables": [], "push": {"maxBytes": 3_000_000,
            "maxRecords": 20_000}, "versions": []}))))]
pub(crate) async fn schema() -> Json<Value> {
    let mut newest = describe_with_rules(VERSION);
    newest["versions"] = (1..=VERSION).map(describe).collect();
    Json(newest)
}
