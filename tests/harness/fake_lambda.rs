//! Lambda, as far as functions invoke each other: it takes every event and keeps it.

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use tokio::{
    net::TcpListener,
    sync::mpsc::{self, UnboundedReceiver},
};

pub struct FakeLambda {
    pub url: String,
    invoked: UnboundedReceiver<Invocation>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Invocation {
    pub function: String,
    /// `Event`: whoever asks doesn't wait.
    pub kind: String,
    pub event: String,
}

impl FakeLambda {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, invoked) = mpsc::unbounded_channel();
        let invoke = async move |Path(function): Path<String>, headers: HeaderMap, event: String| {
            let kind = headers["x-amz-invocation-type"].to_str().unwrap().to_owned();
            sender.send(Invocation { function, kind, event }).unwrap();
            StatusCode::ACCEPTED
        };
        let router = Router::new().route("/2015-03-31/functions/{name}/invocations", post(invoke));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, invoked }
    }

    /// What was asked for since this was last called.
    pub fn take(&mut self) -> Vec<Invocation> {
        std::iter::from_fn(|| self.invoked.try_recv().ok()).collect()
    }

    /// The same of `jobs`, by the jobs' names.
    pub fn jobs(&mut self) -> Vec<jobs::JobName> {
        let event = |invoked: Invocation| serde_json::from_str::<jobs::Event>(&invoked.event).unwrap();
        self.take().into_iter().map(|invoked| event(invoked).job).collect()
    }
}
