//! The function's events: requests of the HTTP API, what the WebSocket API tells of sockets, and word that something
//! changed.

use std::collections::BTreeSet;

use axum::Router;
use domain::error::Error;
use lambda_http::request::LambdaRequest;
use lambda_runtime::{LambdaEvent, tower::ServiceExt};
use runtime::lambda::Fatal;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Realtime, changes};

/// What an event is called that is no request: requests are observed by the router.
#[must_use]
pub fn event_name(event: &Value) -> Option<&'static str> {
    match event["requestContext"]["eventType"].as_str() {
        Some("CONNECT") => Some("$connect"),
        Some("DISCONNECT") => Some("$disconnect"),
        Some(_) => Some("$default"),
        None => event.get("changed").map(|_| "changed"),
    }
}

/// What the WebSocket API tells of a socket.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SocketEvent {
    request_context: SocketContext,
    query_string_parameters: Option<Query>,
    body: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SocketContext {
    connection_id: String,
}

#[derive(Default, Deserialize)]
struct Query {
    ticket: Option<String>,
}

/// Word that something changed in these agencies.
#[derive(Deserialize)]
struct Changed {
    changed: BTreeSet<Uuid>,
}

/// Takes one event, of any kind.
///
/// # Errors
/// When a change could not be told: Lambda tries an asynchronous event again, and then sets it aside.
pub async fn invoke(realtime: &Realtime, router: Router, event: LambdaEvent<Value>) -> Result<Value, Fatal> {
    let LambdaEvent { payload, context } = event;
    if let Some(name) = event_name(&payload) {
        return take(realtime, name, payload).await;
    }
    let request: LambdaRequest = serde_json::from_value(payload)?;
    let answer = web::adapter(router).oneshot(LambdaEvent::new(request, context)).await?;
    Ok(serde_json::to_value(answer)?)
}

/// Takes one event that is no request, by its name.
///
/// # Errors
/// As [`invoke`].
pub async fn take(realtime: &Realtime, name: &str, payload: Value) -> Result<Value, Fatal> {
    match name {
        "changed" => {
            let Changed { changed } = serde_json::from_value(payload)?;
            for agency in changed {
                changes::tell(realtime, agency).await?;
            }
            Ok(Value::Null)
        }
        _ => Ok(told_of_socket(realtime, name, serde_json::from_value(payload)?).await?),
    }
}

async fn told_of_socket(realtime: &Realtime, name: &str, event: SocketEvent) -> Result<Value, Error> {
    let connection = &event.request_context.connection_id;
    match name {
        "$connect" => {
            let ticket = event.query_string_parameters.unwrap_or_default().ticket.unwrap_or_default();
            match realtime.connect(connection, &ticket).await {
                Ok(()) => Ok(json!({"statusCode": 200})),
                Err(Error::Unauthorized | Error::SessionEnded | Error::SecondFactorMissing) => {
                    Ok(json!({"statusCode": 401}))
                }
                Err(error) => Err(error),
            }
        }
        "$disconnect" => {
            realtime.disconnect(connection).await?;
            Ok(json!({"statusCode": 200}))
        }
        _ => {
            let answer = realtime.hear(connection, event.body.as_deref().unwrap_or_default()).await?;
            Ok(json!({"statusCode": 200, "body": answer}))
        }
    }
}
