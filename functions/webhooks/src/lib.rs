//! `webhooks`: what Twilio tells us. Each request must bear Twilio's signature and our own token ([`twilio_request`]);
//! then it is accepted, and may still come twice, late or out of order.

pub mod keywords;
pub mod signature;
mod sms;
mod tokens;
mod twilio_request;
mod twiml;
mod twiml_document;
mod voice;

use std::sync::Arc;

use app::{App, AppConfig};
use axum::{Router, extract::FromRef};
use jiff::Timestamp;
use runtime::{
    aws::SdkConfig,
    config::{EphemeralTable, JobsFunction},
    ephemeral::Ephemeral,
    jobs::JobsInvoker,
    secrets::{SecretName, Secrets},
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What tells the time.
type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

runtime::config! {
    /// The configuration of `webhooks`.
    pub struct Config {
        /// What every HTTP function is configured with.
        pub app: AppConfig,
        /// Where refusals are counted.
        pub ephemeral_table: EphemeralTable,
        /// Who calls and sends.
        pub jobs_function: JobsFunction,
    }
}

/// What `webhooks` holds beyond what every function does: Twilio's secrets, the count of refusals, the way to `jobs`,
/// and a clock.
#[derive(Clone)]
pub struct Webhooks {
    app: App,
    secrets: Secrets,
    ephemeral: Ephemeral,
    jobs: JobsInvoker,
    clock: Clock,
}

impl FromRef<Webhooks> for App {
    fn from_ref(webhooks: &Webhooks) -> Self {
        webhooks.app.clone()
    }
}

impl Webhooks {
    /// Wires the function.
    #[must_use]
    pub fn new(config: &Config, secrets: Secrets, aws: &SdkConfig) -> Self {
        let ephemeral = Ephemeral::new(aws, &config.ephemeral_table);
        let jobs = JobsInvoker::new(aws, &config.jobs_function);
        let app = App::with_database(SecretName::WebhooksDatabase, &config.app, &secrets);
        Self { app, secrets, ephemeral, jobs, clock: Arc::new(Timestamp::now) }
    }

    /// The same, going by another clock.
    #[must_use]
    pub fn by_clock(self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Connects and reads the secrets ahead of the first request: Twilio's caller is listening.
    pub async fn warm_up(&self) {
        tokio::join!(self.app.db.warm_up(), twilio_request::warm_up(self));
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

fn routes() -> OpenApiRouter<Webhooks> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(voice::webhook))
        .routes(routes!(voice::status))
        .routes(routes!(sms::webhook))
        .routes(routes!(sms::status));
    OpenApiRouter::new().nest("/v1", v1)
}

/// The function's HTTP interface.
pub fn router(webhooks: Webhooks) -> Router {
    let (router, _) = routes().with_state(webhooks).split_for_parts();
    web::service(router, "webhooks")
}

/// The OpenAPI document of the routes.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}
