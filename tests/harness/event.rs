//! API Gateway HTTP API events (payload format 2.0), and the answers that Lambda gives back.

use axum::Router;
use base64::{Engine, engine::general_purpose::STANDARD};
use lambda_http::{Adapter, Context, LambdaEvent, request::LambdaRequest};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

/// What a request is made of.
pub struct Sent<'a> {
    pub method: &'a str,
    /// With its query, percent-encoded.
    pub path: &'a str,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

/// The event that API Gateway makes of a request.
fn event(sent: &Sent<'_>) -> Value {
    let (path, query) = sent.path.split_once('?').unwrap_or((sent.path, ""));
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
                "sourceIp": "192.0.2.1",
                "userAgent": "tests"
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

/// Sends the event through the function, as the Lambda runtime does, and answers what goes back to API Gateway.
pub async fn invoke(router: Router, sent: &Sent<'_>) -> Value {
    invoke_event(router, event(sent)).await
}

/// The same for an event as it is.
pub async fn invoke_event(router: Router, event: Value) -> Value {
    let request: LambdaRequest = serde_json::from_value(event).unwrap();
    let response = Adapter::from(router).oneshot(LambdaEvent::new(request, Context::default())).await.unwrap();
    serde_json::to_value(response).unwrap()
}
