//! A Sentry on loopback, which keeps what it is sent.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Uri},
    routing::post,
};
use runtime::lambda::Sentry;
use serde_json::{Value, json};

#[derive(Clone, Default)]
pub struct FakeSentry {
    received: Arc<Mutex<Vec<String>>>,
    dsn: String,
}

impl FakeSentry {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let dsn = format!("http://the-public-key@{}/42", listener.local_addr().unwrap());
        let fake = Self { received: Arc::default(), dsn };
        let router = Router::new().route("/api/42/envelope/", post(keep)).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        fake
    }

    /// What the secret `{env}/sentry` holds.
    pub fn secret(&self) -> Value {
        json!({"dsn": self.dsn})
    }

    /// A function's way here.
    pub fn connected(&self) -> Sentry {
        let sentry = Sentry::default();
        sentry.connect(&serde_json::from_value(self.secret()).unwrap(), "test").unwrap();
        sentry
    }

    /// Everything that was sent: for each envelope its headers and its body.
    pub fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    /// The errors among it.
    pub fn events(&self) -> Vec<Value> {
        self.of_type("event")
    }

    /// The traces among it.
    pub fn traces(&self) -> Vec<Value> {
        self.of_type("transaction")
    }

    /// An envelope is lines of JSON: its header, then for each item a header and the item.
    fn of_type(&self, kind: &str) -> Vec<Value> {
        let mut found = Vec::new();
        for envelope in self.received() {
            let lines: Vec<Value> = envelope.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            found.extend(lines.windows(2).filter(|pair| pair[0]["type"] == kind).map(|pair| pair[1].clone()));
        }
        found
    }
}

async fn keep(State(fake): State<FakeSentry>, uri: Uri, headers: HeaderMap, body: String) {
    fake.received.lock().unwrap().push(format!("{uri} {headers:?}\n{body}"));
}
