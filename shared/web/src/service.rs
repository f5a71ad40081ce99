//! What wraps every function's router: request ids, the log line, panics, tags, compression.

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use domain::Versioned;
use runtime::{
    lambda::{ColdStart, Invocation, Sentry},
    request::during,
};
use serde::Serialize;
use tower_http::{CompressionLevel, catch_panic::CatchPanicLayer, compression::CompressionLayer};
use uuid::Uuid;

use crate::{Error, etag, problem, request};

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

/// A new record as an answer: with its version as entity tag, and its own path in `Location`.
pub struct Created<T>(pub Uuid, pub T);

impl<T: Serialize + Versioned> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = Reply(StatusCode::CREATED, self.1).into_response();
        response.extensions_mut().insert(CreatedId(self.0));
        response
    }
}

/// What is being made for the caller, as an answer: how far it is, and the path that tells of it in `Location`.
pub struct Accepted<T>(pub Uuid, pub T);

impl<T: Serialize + Versioned> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        let mut response = Reply(StatusCode::ACCEPTED, self.1).into_response();
        response.extensions_mut().insert(CreatedId(self.0));
        response
    }
}

/// What the record is called below the path that it was posted to.
#[derive(Clone, Copy)]
struct CreatedId(Uuid);

/// A browser that opens an answer by itself runs nothing of it, and shows it inside no other page.
const NOT_A_PAGE: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/// Wraps a function's router with what all functions have in common.
pub fn service(router: Router, name: &'static str) -> Router {
    let cold_start = ColdStart::default();
    router
        .fallback(async || Error::from(domain::Error::NotFound))
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .layer(middleware::from_fn(etag::layer))
        .layer(CatchPanicLayer::custom(|_| {
            Error::from(domain::Error::Internal("a handler panicked".into())).into_response()
        }))
        .layer(middleware::from_fn(move |request, next| around(request, next, name, cold_start.take())))
        // Of a first sync the usual level takes twice as long as the database does, for a fifth fewer bytes.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(middleware::from_fn(etag::follow_encoding))
}

async fn around(mut request: Request, next: Next, name: &'static str, cold_start: bool) -> Response {
    let mut info = request::from_gateway(name, &request);
    let path = request.uri().path().trim_end_matches('/').to_owned();
    let sentry = request.extensions().get::<Sentry>().cloned().unwrap_or_default();
    let invocation = Invocation::begin(info.clone(), cold_start, sentry);
    let admitted = request::through_the_edge(&mut request, &mut info).await;

    during(&info, async {
        let response = match admitted {
            Ok(()) => next.run(request).await,
            Err(refused) => refused.into_response(),
        };
        let created = response.extensions().get::<CreatedId>().copied();
        let mut response = problem::finish(response, &info);
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&info.id) {
            headers.insert("x-request-id", id);
        }
        if let Some(Ok(location)) = created.map(|CreatedId(id)| HeaderValue::try_from(format!("{path}/{id}"))) {
            headers.insert(header::LOCATION, location);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NOT_A_PAGE));
        invocation.end(response.status().as_u16()).await;
        response
    })
    .await
}
