//! The OpenAPI document, and a page that reads it without the internet.

use std::sync::Arc;

use axum::{
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use shared::{error::Error, http::Path};
use utoipa_swagger_ui::{Config, serve};

/// Generated from all functions' handlers by `make openapi`; a test holds it equal to them.
const DOCUMENT: &str = include_str!("../openapi.json");
/// The document changes with a release.
const CACHED: &str = "public, max-age=300";

/// The OpenAPI 3.1 document.
#[utoipa::path(get, path = "/openapi.json", tag = "health", operation_id = "openapi", security(()),
    responses((status = 200, description = "This document.", body = Object, content_type = "application/json",
        example = json!({"openapi": "3.1.0"}))))]
pub(crate) async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, CACHED)], DOCUMENT)
}

/// The document, to read and to try.
#[utoipa::path(get, path = "/docs", tag = "health", operation_id = "docs", security(()),
    responses((status = 200, description = "A page.", body = String, content_type = "text/html")))]
pub(crate) async fn page() -> Result<Response, Error> {
    let page = file("index.html")?;
    // The page names its files relative to a folder; this one has no slash at its end.
    let page = String::from_utf8_lossy(&page.bytes).replacen("<head>", "<head><base href=\"/v1/docs/\">", 1);
    Ok(([(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, CACHED)], page).into_response())
}

/// A file of that page.
#[utoipa::path(get, path = "/docs/{file}", tag = "health", operation_id = "docs_file", security(()),
    params(("file" = String, Path, description = "Its name.", example = "swagger-ui.css")),
    responses((status = 200, description = "The file.", content((Vec<u8> = "text/css"), (Vec<u8> = "text/javascript"),
        (Vec<u8> = "text/html"), (Vec<u8> = "image/png"), (Vec<u8> = "application/json"), (Vec<u8> = "text/plain")))))]
pub(crate) async fn asset(Path(name): Path<String>) -> Result<Response, Error> {
    let file = file(&name)?;
    Ok(([(CONTENT_TYPE, file.content_type), (CACHE_CONTROL, CACHED.to_owned())], file.bytes.into_owned())
        .into_response())
}

fn file(name: &str) -> Result<utoipa_swagger_ui::SwaggerFile<'static>, Error> {
    let config = Arc::new(Config::from("/v1/openapi.json"));
    serve(name, config).map_err(|error| Error::Internal(error.to_string().into()))?.ok_or(Error::NotFound)
}
