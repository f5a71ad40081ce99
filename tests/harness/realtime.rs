//! The WebSocket API with the real function behind it, and people who listen.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use axum::{Router, extract::Path, http::StatusCode, routing::post};
use futures_util::{SinkExt, StreamExt};
use local::web_sockets::WebSocketApi;
use runtime::aws::SdkConfig;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message},
};

use super::{Client, Config, Functions, TestApp};

/// Every frame arrives within two seconds of its commit.
const PATIENCE: Duration = Duration::from_secs(2);

/// Lambda is elsewhere than all other services.
#[derive(Debug)]
struct LambdaAt(String);

impl LoadServiceConfig for LambdaAt {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        (key.service_id() == "Lambda" && key.env() == "AWS_ENDPOINT_URL").then(|| self.0.clone())
    }
}

/// API Gateway's WebSocket API, and a Lambda that invokes the function `realtime` for who asks.
pub struct RealtimeStack {
    pub functions: Functions,
    pub config: Config,
    pub aws: SdkConfig,
    pub gateway: WebSocketApi,
    invoked: Arc<AtomicUsize>,
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

impl RealtimeStack {
    pub async fn over(app: &TestApp) -> Self {
        let ((lambda, lambda_address), (sockets, sockets_address)) = (listener().await, listener().await);
        let config = Config { realtime: sockets_address, ..app.config.clone() };
        let aws = app.aws.to_builder().service_config(LambdaAt(format!("http://{lambda_address}"))).build();
        let functions = Functions::new(&config, &aws);
        let invoked = Arc::new(AtomicUsize::new(0));
        let shared = Arc::new(Mutex::new(functions.clone()));
        let (of_lambda, of_gateway, counter) = (shared.clone(), shared, invoked.clone());
        let invoke = async move |Path(function): Path<String>, event: String| {
            if function == "realtime" {
                counter.fetch_add(1, Ordering::Relaxed);
                let told = of_lambda.lock().unwrap().tell_realtime(serde_json::from_str(&event).unwrap());
                tokio::spawn(async move {
                    if let Err(error) = told.await {
                        eprintln!("realtime failed: {error}");
                    }
                });
            }
            StatusCode::ACCEPTED
        };
        let router = Router::new().route("/2015-03-31/functions/{name}/invocations", post(invoke));
        tokio::spawn(async move { axum::serve(lambda, router).await });
        let gateway = WebSocketApi::new(Arc::new(move |event| {
            let answer = of_gateway.lock().unwrap().tell_realtime(event);
            Box::pin(async move { answer.await.inspect_err(|error| eprintln!("realtime failed: {error}")).ok() })
        }));
        let served = gateway.clone().router();
        tokio::spawn(async move { axum::serve(sockets, served).await });
        Self { functions, config, aws, gateway, invoked }
    }

    /// How often the function was invoked because something changed.
    pub fn invoked(&self) -> usize {
        self.invoked.load(Ordering::Relaxed)
    }

    /// The same caller, whose requests go to these functions.
    pub fn of(&self, client: &Client) -> Client {
        client.through(self.functions.clone())
    }

    /// Opens a socket for somebody who is signed in.
    pub async fn listen(&self, client: &Client) -> Socket {
        let ticket = self.of(client).send("POST", "/v1/realtime/ticket", None, &[]).await.expect(200);
        Socket::open(ticket["url"].as_str().unwrap()).await.unwrap()
    }
}

/// A socket, as a client has it.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens a socket; otherwise the status that it was refused with.
    pub async fn open(url: &str) -> Result<Self, u16> {
        match connect_async(url).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{url}: {error}"),
        }
    }

    /// The next frame, or none where the socket is closed.
    pub async fn next(&mut self) -> Option<Value> {
        let message = timeout(PATIENCE, self.0.next()).await.expect("nothing came within two seconds");
        match message {
            Some(Ok(Message::Text(text))) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                let schema = serde_json::from_str(include_str!("../../docs/realtime.schema.json")).unwrap();
                jsonschema::validate(&schema, &frame).unwrap_or_else(|error| panic!("{frame}: {error}"));
                Some(frame)
            }
            _ => None,
        }
    }

    /// The next frame that isn't of presence.
    pub async fn next_change(&mut self) -> Option<Value> {
        loop {
            match self.next().await {
                Some(frame) if frame["type"].as_str().unwrap().starts_with("presence.") => {}
                other => return other,
            }
        }
    }

    /// The next frame of that type; others may come before it.
    pub async fn until(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await.expect("the socket was closed");
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    pub async fn say(&mut self, what: &str) {
        self.0.send(Message::Text(what.into())).await.unwrap();
    }

    pub async fn ping(&mut self) {
        self.say(&json!({"action": "ping"}).to_string()).await;
    }

    pub async fn close(mut self) {
        self.0.close(None).await.unwrap();
    }
}
