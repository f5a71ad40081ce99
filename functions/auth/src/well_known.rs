//! What anyone may know: the keys that verify our tokens, and where they are (OpenID Connect Discovery 1.0).

use axum::{extract::State, http::header::CACHE_CONTROL, response::IntoResponse};
use serde_json::{Value, json};
use web::tokens::issuer;

use crate::Auth;

/// Keys are published two hours before they sign, so five minutes of caching do no harm.
const CACHED: [(axum::http::HeaderName, &str); 1] = [(CACHE_CONTROL, "public, max-age=300")];

/// The public keys, as a JSON Web Key Set (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", operation_id = "jwks", security(()),
    responses((status = 200, description = "The keys.", body = Object, content_type = "application/json",
        example = json!({"keys": [
        {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "2026-11",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
         "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}))))]
pub(crate) async fn jwks(State(auth): State<Auth>) -> web::Result<impl IntoResponse> {
    let keys = auth.app.tokens.published_keys().await?;
    Ok((CACHED, axum::Json(json!(*keys))))
}

/// Where to find what verifies our tokens.
#[utoipa::path(get, path = "/.well-known/openid-configuration", tag = "auth", operation_id = "openid_configuration",
    security(()),
    responses((status = 200, description = "The configuration.", body = Object, content_type = "application/json",
        example = json!({
        "issuer": "https://api.berthcare.ca/v1", "jwks_uri": "https://api.berthcare.ca/v1/.well-known/jwks.json",
        "token_endpoint": "https://api.berthcare.ca/v1/auth/login"}))))]
pub(crate) async fn openid_configuration(State(auth): State<Auth>) -> impl IntoResponse {
    (CACHED, axum::Json(configuration(&issuer(&auth.app.public_url))))
}

fn configuration(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "token_endpoint": format!("{issuer}/auth/login"),
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
}
