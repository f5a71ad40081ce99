//! API Gateway's part of the local stack: `gateway PORT FUNCTIONS` listens there and hands requests to the functions
//! that cargo-lambda serves at the port FUNCTIONS. It answers browsers' preflights itself and says whose pages may read
//! an answer, by template.yaml and `PORTAL_ORIGINS`; cargo-lambda lets every page, which would hide that AWS lets none.
//! Below `/realtime` it is the WebSocket API.

use std::{env, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{StatusCode, Uri, uri::PathAndQuery},
    response::{IntoResponse, Response},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use local::{cors::Cors, web_sockets::WebSocketApi};
use runtime::lambda::Fatal;
use serde_json::Value;
use tokio::net::TcpListener;

struct Gateway {
    cors: Cors,
    client: Client<HttpConnector, Body>,
    functions: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let mut arguments = env::args().skip(1);
    let (Some(port), Some(functions)) = (arguments.next(), arguments.next()) else {
        return Err("name two ports: gateway PORT FUNCTIONS".into());
    };
    let template = std::fs::read_to_string("template.yaml")?;
    let cors = Cors::of_template(&template, &env::var("PORTAL_ORIGINS")?)
        .ok_or("template.yaml has no CorsConfiguration of lists")?;
    // None is kept: the emulator may close an idle connection in the moment in which it is used again.
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    let gateway = Gateway { cors, client, functions: format!("127.0.0.1:{functions}") };
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let gateway = Arc::new(gateway);
    let sockets = {
        let gateway = Arc::clone(&gateway);
        WebSocketApi::new(Arc::new(move |event| {
            let gateway = Arc::clone(&gateway);
            Box::pin(async move { gateway.invoke_realtime(&event).await })
        }))
    };
    let router = Router::new().fallback(answer).with_state(gateway).nest("/realtime", sockets.router());
    axum::serve(listener, router).await?;
    Ok(())
}

impl Gateway {
    /// What the function answers; none where it fails.
    async fn invoke_realtime(&self, event: &Value) -> Option<Value> {
        let uri = format!("http://{}/2015-03-31/functions/realtime/invocations", self.functions);
        let request = Request::post(uri).body(Body::from(event.to_string())).ok()?;
        let answer = self.client.request(request).await.ok()?;
        let is_done = answer.status().is_success();
        let body = to_bytes(Body::new(answer), usize::MAX).await.ok()?;
        serde_json::from_slice(&body).ok().filter(|_| is_done)
    }
}

async fn answer(State(gateway): State<Arc<Gateway>>, mut request: Request) -> Response {
    let asked = request.headers().clone();
    if Cors::is_preflight(request.method(), &asked) {
        return (StatusCode::NO_CONTENT, gateway.cors.preflight(&asked)).into_response();
    }
    // The path as it came: nothing is decoded or tidied on the way.
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let uri = Uri::builder().scheme("http").authority(gateway.functions.as_str()).path_and_query(path).build();
    let Ok(uri) = uri else { return StatusCode::BAD_REQUEST.into_response() };
    *request.uri_mut() = uri;
    match gateway.client.request(request).await {
        Ok(answer) => {
            let mut answer = answer.map(Body::new);
            gateway.cors.mark(&asked, answer.headers_mut());
            answer
        }
        Err(error) => (StatusCode::BAD_GATEWAY, format!("The functions did not answer: {error}")).into_response(),
    }
}
