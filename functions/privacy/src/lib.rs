//! `privacy`: what a privacy officer works with. Exports of what is held on a client; registers of requests, breaches
//! and holds; who saw what, and the proof that the record of it is untouched.

mod access_log;
mod affected;
mod audit;
mod export;
mod exports;
mod fhir;
mod holds;
mod incidents;
mod requests;
mod retention;

use app::{App, AppConfig};
use axum::{Router, extract::FromRef};
use runtime::{
    aws::SdkConfig,
    config::{ExportsBucket, JobsFunction},
    jobs::JobsInvoker,
    objects::Objects,
    secrets::{SecretName, Secrets},
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use web::tokens::TokenVerifier;

pub use export::{Bundle, ClientExport};
pub use exports::maker::{Exports, ExportsConfig, ExportsEvent, ExportsReport, serve as serve_exports};

runtime::config! {
    /// The configuration of `privacy`.
    pub struct Config {
        /// What every HTTP function is configured with.
        pub app: AppConfig,
        /// Where exports wait to be fetched.
        pub exports_bucket: ExportsBucket,
        /// Beside which function `exports` stands, which makes them.
        pub jobs_function: JobsFunction,
    }
}

/// What `privacy` holds beyond what every function does: where exports wait, and who makes them.
#[derive(Clone)]
pub struct Privacy {
    app: App,
    exports: Objects,
    jobs: JobsInvoker,
}

impl FromRef<Privacy> for App {
    fn from_ref(privacy: &Privacy) -> Self {
        privacy.app.clone()
    }
}

impl FromRef<Privacy> for TokenVerifier {
    fn from_ref(privacy: &Privacy) -> Self {
        privacy.app.tokens.clone()
    }
}

impl Privacy {
    /// Wires the function.
    #[must_use]
    pub fn new(config: &Config, secrets: &Secrets, aws: &SdkConfig) -> Self {
        Self {
            app: App::with_database(SecretName::PrivacyDatabase, &config.app, secrets),
            exports: Objects::new(aws, &config.exports_bucket.0),
            jobs: JobsInvoker::new(aws, &config.jobs_function),
        }
    }

    /// Connects ahead of the first request.
    pub async fn warm_up(&self) {
        self.app.warm_up().await;
    }
}

fn routes() -> OpenApiRouter<Privacy> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(export::read))
        .routes(routes!(exports::request))
        .routes(routes!(exports::read))
        .routes(routes!(requests::list, requests::record))
        .routes(routes!(requests::read, requests::change))
        .routes(routes!(incidents::list, incidents::record))
        .routes(routes!(incidents::read, incidents::change))
        .routes(routes!(affected::list))
        .routes(routes!(affected::notice))
        .routes(routes!(holds::list, holds::place))
        .routes(routes!(holds::read))
        .routes(routes!(holds::lift))
        .routes(routes!(retention::plan))
        .routes(routes!(retention::reports))
        .routes(routes!(access_log::read))
        .routes(routes!(access_log::read_along))
        .routes(routes!(audit::search))
        .routes(routes!(audit::chain));
    OpenApiRouter::new().nest("/v1", v1)
}

/// The function's HTTP interface.
pub fn router(privacy: Privacy) -> Router {
    let app = privacy.app.clone();
    let (router, _) = routes().with_state(privacy).split_for_parts();
    app.service(router, "privacy")
}

/// The OpenAPI document of the routes.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}
