//! The OpenAPI document, and a page that shows it without the internet. Locally the page signs in as a demo user.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use domain::error::Error;
use utoipa_swagger_ui::{Config, SwaggerFile, serve};
use web::Path;

use crate::Health;

/// Generated from all functions' handlers by `make openapi`; a test holds it equal to them.
const DOCUMENT: &str = include_str!("../openapi.json");
/// The document changes with a release.
const CACHED: &str = "public, max-age=300";
/// Swagger UI sets styles from its scripts and has icons as `data:` addresses; everything else is a file of the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'none'; \
                      frame-ancestors 'none'";
/// Its name under `/docs/`, and the script that signs in as a demo user.
const DEMO_SIGN_IN: (&str, &str) = ("demo-sign-in.js", include_str!("demo-sign-in.js"));

/// The OpenAPI 3.1 document.
#[utoipa::path(get, path = "/openapi.json", tag = "health", operation_id = "openapi", security(()),
    responses((status = 200, description = "The OpenAPI document.", body = Object, content_type = "application/json",
        example = json!({"openapi": "3.1.0"}))))]
pub(crate) async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, CACHED)], DOCUMENT)
}

/// The document, to read and to try.
#[utoipa::path(get, path = "/docs", tag = "health", operation_id = "docs", security(()),
    responses((status = 200, description = "A page.", body = String, content_type = "text/html")))]
pub(crate) async fn page(State(health): State<Health>) -> web::Result<Response> {
    let page = file("index.html", &health)?;
    // The page's files are relative to a folder, and `/v1/docs` has no slash at its end.
    let mut page = String::from_utf8_lossy(&page.bytes).replacen("<head>", "<head><base href=\"/v1/docs/\">", 1);
    if health.has_demo_users {
        let script = format!("<script src=\"./{}\"></script></body>", DEMO_SIGN_IN.0);
        page = page.replacen("</body>", &script, 1);
    }
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, CACHED), (CONTENT_SECURITY_POLICY, POLICY)];
    Ok((headers, page).into_response())
}

/// A file of that page.
#[utoipa::path(get, path = "/docs/{file}", tag = "health", operation_id = "docs_file", security(()),
    params(("file" = String, Path, description = "The file's name.", example = "swagger-ui.css")),
    responses((status = 200, description = "The file.", content((Vec<u8> = "text/css"), (Vec<u8> = "text/javascript"),
        (Vec<u8> = "text/html"), (Vec<u8> = "image/png"), (Vec<u8> = "application/json"), (Vec<u8> = "text/plain")))))]
pub(crate) async fn asset(State(health): State<Health>, Path(name): Path<String>) -> web::Result<Response> {
    let (demo, script) = DEMO_SIGN_IN;
    if health.has_demo_users && name == demo {
        return Ok(([(CONTENT_TYPE, "text/javascript"), (CACHE_CONTROL, CACHED)], script).into_response());
    }
    let file = file(&name, &health)?;
    Ok(([(CONTENT_TYPE, file.content_type), (CACHE_CONTROL, CACHED.to_owned())], file.bytes.into_owned())
        .into_response())
}

fn file(name: &str, health: &Health) -> web::Result<SwaggerFile<'static>> {
    let config = Config::from("/v1/openapi.json").try_it_out_enabled(health.has_demo_users);
    serve(name, Arc::new(config))
        .map_err(|error| Error::Internal(error.to_string().into()))?
        .ok_or(Error::NotFound.into())
}
