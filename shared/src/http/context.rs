use std::{convert::Infallible, net::IpAddr};

use axum::{
    extract::FromRequestParts,
    http::{Extensions, request::Parts},
};
use lambda_http::request::RequestContext;
use uuid::Uuid;

use crate::request::RequestInfo;

/// Reads API Gateway's request context, and Lambda's.
pub(super) fn from_gateway(service: &'static str, extensions: &Extensions) -> RequestInfo {
    let (id, source_ip) = match extensions.get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => (context.request_id.clone(), context.http.source_ip.clone()),
        _ => (None, None),
    };
    let lambda = extensions.get::<lambda_http::Context>();
    let mut info = RequestInfo::new(service, id.unwrap_or_else(|| Uuid::now_v7().to_string()));
    info.trace_id = lambda.and_then(|context| context.xray_trace_id.as_deref()).map(root_of_trace);
    info.source_ip = source_ip.filter(|text| text.parse::<IpAddr>().is_ok());
    info
}

/// What the service noted of the request.
pub(crate) fn request_info() -> RequestInfo {
    RequestInfo::current().unwrap_or_else(|| RequestInfo::new("unknown", Uuid::now_v7().to_string()))
}

impl<S: Send + Sync> FromRequestParts<S> for RequestInfo {
    type Rejection = Infallible;
    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(request_info())
    }
}

/// The part of `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1` that is the trace's id.
fn root_of_trace(header: &str) -> String {
    header.split(';').find_map(|part| part.strip_prefix("Root=")).unwrap_or(header).to_owned()
}
