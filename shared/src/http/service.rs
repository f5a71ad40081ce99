//! What wraps every function's router: request ids, the log line, panics, tags, compression.

use std::time::Instant;

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};

use super::{context, etag, problem};
use crate::{error::Error, models::Versioned};

/// A record as an answer, with its version as entity tag.
pub struct Reply<T>(pub StatusCode, pub T);

impl<T: Serialize + Versioned> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let tag = match etag::Etag::of(self.1.version()).header() {
            Ok(tag) => tag,
            Err(error) => return error.into_response(),
        };
        (self.0, [(header::ETAG, tag)], axum::Json(self.1)).into_response()
    }
}

/// Wraps a function's router with what all functions do alike.
pub fn service(router: Router, environment: &str, name: &'static str) -> Router {
    let environment = environment.to_owned();
    router
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .layer(middleware::from_fn(etag::layer))
        .layer(CatchPanicLayer::custom(|_| Error::Internal("a handler panicked".into()).into_response()))
        .layer(middleware::from_fn(move |request, next| around(request, next, environment.clone(), name)))
        .layer(CompressionLayer::new())
}

async fn around(mut request: Request, next: Next, environment: String, name: &'static str) -> Response {
    let started = Instant::now();
    let info = context::from_gateway(request.extensions());
    request.extensions_mut().insert(info.clone());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());

    let mut response = problem::sign(next.run(request).await, &info);

    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&info.id) {
        headers.insert("x-request-id", id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));

    let caller = info.caller();
    tracing::info!(
        service = name,
        environment,
        requestId = info.id,
        userId = caller.map(|(id, _)| id.to_string()),
        role = caller.map(|(_, role)| <&str>::from(role)),
        method = %method,
        path,
        route,
        statusCode = response.status().as_u16(),
        duration = started.elapsed().as_secs_f64() * 1000.0,
        "request"
    );
    response
}
