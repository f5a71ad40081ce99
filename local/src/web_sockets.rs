//! API Gateway's WebSocket API, as far as `realtime` and its clients meet it: a socket is opened where the function
//! lets it, what a client says goes to the function and the function's answer back, and `@connections` sends and
//! closes.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{
        Path, Query, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::{sleep, timeout},
};
use uuid::Uuid;

/// Hands an event to the function; none where the function fails.
pub type Invoke = Arc<dyn Fn(Value) -> Pin<Box<dyn Future<Output = Option<Value>> + Send>> + Send + Sync>;

/// A socket that nothing was said on is closed after this.
const IDLE: Duration = Duration::from_mins(10);
/// Any is closed after this.
const LIFETIME: Duration = Duration::from_hours(2);
/// What a message may have in all.
const LARGEST: usize = 128 * 1024;

/// What is done to an open socket.
enum Order {
    Send(String),
    Close,
}

/// The sockets that are open.
#[derive(Clone)]
pub struct WebSocketApi {
    invoke: Invoke,
    open: Arc<Mutex<HashMap<String, UnboundedSender<Order>>>>,
}

impl WebSocketApi {
    /// One whose events go to `invoke`.
    #[must_use]
    pub fn new(invoke: Invoke) -> Self {
        Self { invoke, open: Arc::default() }
    }

    /// Where clients open sockets, and the function sends to them.
    pub fn router(self) -> Router {
        Router::new()
            .route("/", get(open))
            .route("/@connections/{id}", post(send).get(look).delete(close))
            .with_state(self)
    }

    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open.lock().map(|open| open.len()).unwrap_or_default()
    }

    /// Has a socket break off as when a network goes: the function is not told.
    pub fn forget_all(&self) {
        if let Ok(mut open) = self.open.lock() {
            open.clear();
        }
    }

    async fn tell(&self, kind: (&str, &str), connection: &str, rest: Value) -> Option<Value> {
        let (route, event_type) = kind;
        let mut event = json!({
            "requestContext": {
                "routeKey": route, "eventType": event_type, "connectionId": connection, "messageDirection": "IN",
                "stage": "live", "apiId": "socket-api", "domainName": "realtime.test.berthcare.ca",
                "requestId": Uuid::now_v7().to_string(), "requestTimeEpoch": Timestamp::now().as_millisecond(),
                "identity": {"sourceIp": "127.0.0.1"}
            },
            "isBase64Encoded": false
        });
        if let (Some(event), Value::Object(rest)) = (event.as_object_mut(), rest) {
            event.extend(rest);
        }
        (self.invoke)(event).await
    }

    fn order(&self, connection: &str, order: Order) -> Response {
        let sent = self.open.lock().ok().and_then(|open| open.get(connection)?.send(order).ok());
        match sent {
            Some(()) => StatusCode::OK.into_response(),
            None => (StatusCode::GONE, [("x-amzn-errortype", "GoneException")], "{}").into_response(),
        }
    }
}

async fn open(
    State(api): State<WebSocketApi>,
    Query(query): Query<HashMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let id = URL_SAFE.encode(&Uuid::new_v4().as_bytes()[..11]);
    let query = if query.is_empty() { Value::Null } else { json!(query) };
    let answer = api.tell(("$connect", "CONNECT"), &id, json!({"queryStringParameters": query})).await;
    let status = answer.and_then(|answer| answer["statusCode"].as_u64()).and_then(|status| u16::try_from(status).ok());
    match status.and_then(|status| StatusCode::from_u16(status).ok()) {
        Some(status) if status.is_success() => {
            // Only now is it open: what was sent to it before found nobody.
            let (sender, orders) = mpsc::unbounded_channel();
            if let Ok(mut open) = api.open.lock() {
                open.insert(id.clone(), sender);
            }
            upgrade.max_message_size(LARGEST).on_upgrade(move |socket| serve(api, id, socket, orders))
        }
        Some(status) => status.into_response(),
        None => StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn serve(api: WebSocketApi, id: String, mut socket: WebSocket, mut orders: UnboundedReceiver<Order>) {
    let end = sleep(LIFETIME);
    tokio::pin!(end);
    loop {
        let said = tokio::select! {
            () = &mut end => break,
            order = orders.recv() => match order {
                Some(Order::Send(text)) if socket.send(Message::Text(text.clone().into())).await.is_ok() => continue,
                _ => break,
            },
            said = timeout(IDLE, socket.recv()) => said,
        };
        match said {
            Ok(Some(Ok(Message::Text(text)))) => {
                let answer = api.tell(("$default", "MESSAGE"), &id, json!({"body": text.as_str()})).await;
                let answer = answer.and_then(|answer| answer["body"].as_str().map(ToOwned::to_owned));
                if let Some(answer) = answer
                    && socket.send(Message::Text(answer.into())).await.is_err()
                {
                    break;
                }
            }
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
            _ => break,
        }
    }
    let was_open = api.open.lock().ok().and_then(|mut open| open.remove(&id)).is_some();
    let _ = socket.send(Message::Close(None)).await;
    if was_open {
        api.tell(("$disconnect", "DISCONNECT"), &id, json!({})).await;
    }
}

async fn send(State(api): State<WebSocketApi>, Path(id): Path<String>, body: Bytes) -> Response {
    if body.len() > LARGEST {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    api.order(&id, Order::Send(String::from_utf8_lossy(&body).into_owned()))
}

async fn look(State(api): State<WebSocketApi>, Path(id): Path<String>) -> Response {
    if api.open.lock().is_ok_and(|open| open.contains_key(&id)) {
        axum::Json(json!({"identity": {"sourceIp": "127.0.0.1"}})).into_response()
    } else {
        (StatusCode::GONE, [("x-amzn-errortype", "GoneException")], "{}").into_response()
    }
}

async fn close(State(api): State<WebSocketApi>, Path(id): Path<String>) -> Response {
    let answer = api.order(&id, Order::Close);
    if answer.status().is_success() { StatusCode::NO_CONTENT.into_response() } else { answer }
}
