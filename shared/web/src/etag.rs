//! Entity tags (RFC 9110, section 8.8.3). A record's tag is its version; a list's is a digest of what it says.

use aws_lc_rs::digest;
use axum::{
    body::{Body, HttpBody as _},
    extract::{FromRequestParts, Request},
    http::{
        HeaderValue, Method, StatusCode,
        header::{CONTENT_ENCODING, ETAG, IF_MATCH, IF_NONE_MATCH, VARY},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::Versioned;
use http_body_util::BodyExt;

use crate::Error;

/// The version of one record, as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etag(String);

impl Etag {
    /// The tag of a version number: a row's change number, or a time in microseconds.
    #[must_use]
    pub fn of(version: i64) -> Self {
        Self(format!("\"{version}\""))
    }
}

/// The `If-Match` header, if there is one.
#[derive(Clone, Debug)]
pub struct IfMatch(Option<String>);

impl IfMatch {
    /// Refuses unless the record is the one that the client saw.
    pub fn check(&self, current: &impl Versioned) -> Result<(), Error> {
        match &self.0 {
            Some(tags) if !names(tags, &Etag::of(current.version()).0) => Err(domain::Error::PreconditionFailed.into()),
            _ => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(Self(parts.headers.get(IF_MATCH).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())))
    }
}

/// Weakness is ignored: compression on the way may have weakened a tag of ours.
fn names(header: &str, tag: &str) -> bool {
    header.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == "*" || one == tag)
}

/// Gives each successful read a tag, and answers 304 where the client has it already.
pub(super) async fn layer(request: Request, next: Next) -> Response {
    let is_read = request.method() == Method::GET;
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let response = next.run(request).await;
    // A stream of unknown length is too large to hold for a digest, and never the same twice.
    if !is_read || response.status() != StatusCode::OK || response.body().size_hint().exact().is_none() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(_) => return Error::from(domain::Error::Internal("a response body is incomplete".into())).into_response(),
    };
    let tag = match parts.headers.get(ETAG).and_then(|tag| tag.to_str().ok()) {
        Some(tag) => tag.to_owned(),
        None => format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, &body).as_ref()[..16])),
    };
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(ETAG, value);
    }
    if known.is_some_and(|known| names(&known, &tag)) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove("content-type");
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(body))
}

/// Once an answer is encoded its bytes differ, so that its tag is weak (RFC 9110, section 8.8.1). An answer without a
/// body varies by the encoding as the one with it does (section 15.4.5).
pub(super) async fn follow_encoding(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let unchanged = response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    if unchanged {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    let weak = headers.get(ETAG).and_then(|tag| tag.to_str().ok()).filter(|tag| !tag.starts_with("W/"));
    if let Some(weak) = weak.and_then(|tag| HeaderValue::from_str(&format!("W/{tag}")).ok())
        && headers.contains_key(CONTENT_ENCODING)
    {
        headers.insert(ETAG, weak);
    }
    response
}

impl Etag {
    pub(super) fn header(&self) -> Result<HeaderValue, Error> {
        Ok(HeaderValue::from_str(&self.0).map_err(|error| domain::Error::Internal(error.into()))?)
    }
}
