//! API Gateway's side of a request: the events that it makes (HTTP API, payload format 2.0).

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use uuid::Uuid;

/// What a request is made of.
pub struct Sent<'a> {
    /// Such as `GET`.
    pub method: &'a str,
    /// With its query, percent-encoded: the event has the path decoded.
    pub path: &'a str,
    /// From which address.
    pub source_ip: &'a str,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it is, however bad.
    pub body: Option<Vec<u8>>,
}

/// The event that API Gateway makes of a request.
#[must_use]
pub fn event(sent: &Sent<'_>) -> Value {
    let (path, query) = sent.path.split_once('?').unwrap_or((sent.path, ""));
    let path = percent_decode_str(path).decode_utf8_lossy();
    let headers: serde_json::Map<String, Value> =
        sent.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "api.test.berthcare.ca",
            "domainPrefix": "api",
            "http": {
                "method": sent.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": sent.source_ip,
                "userAgent": "BerthCare"
            },
            "requestId": Uuid::now_v7().to_string(),
            "routeKey": "$default",
            "stage": "$default",
            "time": "20/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1_795_176_000_000_i64
        },
        "body": sent.body.as_ref().map(|body| STANDARD.encode(body)),
        "isBase64Encoded": sent.body.is_some()
    })
}
