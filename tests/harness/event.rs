//! Events sent through a function in this process, and the answers that Lambda gives back.

use axum::Router;
use lambda_http::{Context, LambdaEvent, request::LambdaRequest};
use local::gateway::{Sent, event};
use serde_json::Value;
use tower::ServiceExt;

/// Sends the event through the function, as the Lambda runtime does, and answers what goes back to API Gateway.
pub async fn invoke(router: Router, sent: &Sent<'_>) -> Value {
    invoke_event(router, event(sent)).await
}

/// The same for an event as it is.
pub async fn invoke_event(router: Router, event: Value) -> Value {
    let request: LambdaRequest = serde_json::from_value(event).unwrap();
    let response = web::adapter(router).oneshot(LambdaEvent::new(request, Context::default())).await.unwrap();
    serde_json::to_value(response).unwrap()
}
