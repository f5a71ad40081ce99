//! `realtime`: WebSockets. One function takes requests, what API Gateway tells of sockets, and word of those who write
//! that something changed; it tells each listener what that listener may see at that moment.

mod changes;
mod connections;
mod events;
mod fan_out;
mod frames;
mod invocations;
mod presence;
mod sockets;
mod ticket;
mod turns;

use std::sync::Arc;

use app::{App, AppConfig};
use aws_sdk_apigatewaymanagement::{Client, config::Builder};
use axum::{Router, extract::FromRef};
use runtime::{
    aws::SdkConfig,
    config::{EphemeralTable, RealtimeConnectionsUrl, RealtimeUrl},
    ephemeral::Ephemeral,
    realtime::RealtimeInvoker,
    secrets::Secrets,
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use web::tokens::TokenVerifier;

pub use frames::Frame;
pub use invocations::{event_name, invoke, take};

use crate::{connections::Connections, sockets::Sockets, ticket::Tickets, turns::Turns};

runtime::config! {
    /// The configuration of `realtime`.
    pub struct Config {
        /// What every HTTP function is configured with.
        pub app: AppConfig,
        /// Where tickets and connections are.
        pub ephemeral_table: EphemeralTable,
        /// Where clients open WebSockets.
        pub url: RealtimeUrl,
        /// Where API Gateway takes what is sent to them.
        pub connections_url: RealtimeConnectionsUrl,
    }
}

/// What `realtime` holds beyond what every function does: tickets and connections, the way to sockets, and to itself.
#[derive(Clone)]
pub struct Realtime {
    app: App,
    url: Arc<str>,
    tickets: Tickets,
    connections: Connections,
    turns: Turns,
    sockets: Sockets,
    itself: Option<RealtimeInvoker>,
}

impl FromRef<Realtime> for App {
    fn from_ref(realtime: &Realtime) -> Self {
        realtime.app.clone()
    }
}

impl FromRef<Realtime> for TokenVerifier {
    fn from_ref(realtime: &Realtime) -> Self {
        realtime.app.tokens.clone()
    }
}

impl Realtime {
    /// Wires the function.
    #[must_use]
    pub fn new(config: &Config, secrets: &Secrets, aws: &SdkConfig) -> Self {
        let ephemeral = Ephemeral::new(aws, &config.ephemeral_table);
        let gateway = Builder::from(aws).endpoint_url(&config.connections_url.0).build();
        let function = config.app.database.realtime_function.as_deref();
        Self {
            app: App::new(&config.app, secrets),
            url: config.url.0.as_str().into(),
            tickets: Tickets(ephemeral.clone()),
            connections: Connections(ephemeral.clone()),
            turns: Turns(ephemeral),
            sockets: Sockets(Client::from_conf(gateway)),
            itself: function.map(|function| RealtimeInvoker::new(aws, function)),
        }
    }

    /// Connects ahead of the first request.
    pub async fn warm_up(&self) {
        self.app.warm_up().await;
    }
}

fn routes() -> OpenApiRouter<Realtime> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(ticket::issue))
        .routes(routes!(presence::list))
        .routes(routes!(events::list));
    OpenApiRouter::new().nest("/v1", v1)
}

/// The function's HTTP interface.
pub fn router(realtime: Realtime) -> Router {
    let app = realtime.app.clone();
    let (router, _) = routes().with_state(realtime).split_for_parts();
    app.service(router, "realtime")
}

/// The OpenAPI document of the routes.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}
