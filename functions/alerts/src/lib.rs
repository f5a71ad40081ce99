//! `alerts`: a caregiver asks for help, and a person answers.

mod alerts;

use axum::{Router, extract::FromRef};
use shared::{
    app::{App, SdkConfig},
    config::Config,
    http,
    jobs::Jobs,
    secrets::Secrets,
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What `alerts` holds beyond what every function does: the way to `jobs`, which places the calls.
#[derive(Clone)]
pub struct Alerts {
    app: App,
    jobs: Jobs,
}

impl FromRef<Alerts> for App {
    fn from_ref(alerts: &Alerts) -> Self {
        alerts.app.clone()
    }
}

impl Alerts {
    /// Wires the function.
    #[must_use]
    pub fn new(config: Config, secrets: &Secrets, aws: &SdkConfig) -> Self {
        let jobs = Jobs::new(aws, &config.jobs_function);
        Self { app: App::new(config, secrets), jobs }
    }

    /// Connects ahead of the first request.
    pub async fn warm_up(&self) {
        self.app.warm_up().await;
    }
}

fn routes() -> OpenApiRouter<Alerts> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(alerts::list, alerts::raise))
        .routes(routes!(alerts::read))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(alerts::resolve));
    OpenApiRouter::new().nest("/v1", v1)
}

/// The function's HTTP interface.
pub fn router(alerts: Alerts) -> Router {
    let (router, _) = routes().with_state(alerts).split_for_parts();
    http::service(router, "alerts")
}

/// The same, as a document.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}
