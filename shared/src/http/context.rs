use std::{convert::Infallible, net::IpAddr};

use axum::{
    extract::FromRequestParts,
    http::{Extensions, request::Parts},
};
use lambda_http::request::RequestContext;
use uuid::Uuid;

use crate::request::RequestInfo;

/// Reads API Gateway's request context.
pub(super) fn from_gateway(extensions: &Extensions) -> RequestInfo {
    let (id, source_ip) = match extensions.get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => (context.request_id.clone(), context.http.source_ip.clone()),
        _ => (None, None),
    };
    RequestInfo::new(
        id.unwrap_or_else(|| Uuid::now_v7().to_string()),
        source_ip.filter(|text| text.parse::<IpAddr>().is_ok()),
    )
}

/// What the service put beside the request.
pub(crate) fn request_info(parts: &Parts) -> RequestInfo {
    parts.extensions.get().cloned().unwrap_or_else(|| from_gateway(&parts.extensions))
}

impl<S: Send + Sync> FromRequestParts<S> for RequestInfo {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(request_info(parts))
    }
}
