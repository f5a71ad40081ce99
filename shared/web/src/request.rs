use std::{convert::Infallible, net::IpAddr};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request},
    http::{Method, request::Parts},
};
use domain::request::RequestInfo;
use lambda_http::{Context, request::RequestContext};
use runtime::request::current;
use uuid::Uuid;

use crate::{Error, Origin};

/// The path of a request that no route takes.
const NO_ROUTE: &str = "(none)";

/// Reads API Gateway's request context, and Lambda's.
pub(super) fn from_gateway(service: &'static str, request: &Request) -> RequestInfo {
    let extensions = request.extensions();
    let (id, source_ip) = match extensions.get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => (context.request_id.clone(), context.http.source_ip.clone()),
        _ => (None, None),
    };
    let path = extensions.get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str);
    let id = id.unwrap_or_else(|| Uuid::now_v7().to_string());
    let xray = extensions.get::<Context>().and_then(|context| context.xray_trace_id.as_deref());
    let mut info = RequestInfo::new(service, id, (known(request.method()), path)).traced(xray);
    info.source_ip = source_ip.filter(|text| text.parse::<IpAddr>().is_ok());
    info
}

/// The method, unless it is one of the client's own making.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// Turns away what goes around CloudFront, where functions stand behind it, and learns from it who is calling: to API
/// Gateway every request comes from the edge.
pub(super) async fn through_the_edge(request: &mut Request, info: &mut RequestInfo) -> Result<(), Error> {
    if let Some(origin) = request.extensions().get::<Origin>().cloned() {
        info.source_ip = None;
        info.source_ip = origin.admit(request).await?.map(|address| address.to_string());
    }
    Ok(())
}

/// What the service noted of the request.
pub(crate) fn request_info() -> RequestInfo {
    current().unwrap_or_else(|| RequestInfo::new("unknown", Uuid::now_v7().to_string(), ("OTHER", NO_ROUTE)))
}

/// The request, in a handler whose caller nobody knows yet: for the audit log.
#[derive(Clone, Debug)]
pub struct CurrentRequest(pub RequestInfo);

impl<S: Send + Sync> FromRequestParts<S> for CurrentRequest {
    type Rejection = Infallible;
    async fn from_request_parts(_: &mut Parts, _: &S) -> std::result::Result<Self, Infallible> {
        Ok(Self(request_info()))
    }
}
