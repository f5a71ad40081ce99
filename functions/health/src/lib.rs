//! `health`: whether BerthCare works, and how to use it. It holds no data and reads none.

mod checks;
mod docs;

use axum::{Router, routing::get};
use shared::{
    config::Config,
    db::Db,
    ephemeral::Ephemeral,
    http,
    objects::Objects,
    secrets::{SecretName, Secrets},
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What BerthCare stands on, to be asked how it is.
#[derive(Clone)]
pub struct Health {
    db: Db,
    ephemeral: Ephemeral,
    photos: Objects,
    /// Whether the documentation page offers to sign in as a demo user: only the local stack has those.
    has_demo_users: bool,
}

impl Health {
    /// Wires the function.
    #[must_use]
    pub fn new(config: &Config, secrets: &Secrets, aws: &shared::app::SdkConfig) -> Self {
        Self {
            db: Db::new(config.database_source(secrets, SecretName::Database), config.statement_mode),
            ephemeral: Ephemeral::new(aws, &config.ephemeral_table),
            photos: Objects::new(aws, &config.photos_bucket),
            has_demo_users: config.environment == "local",
        }
    }
}

fn routes() -> OpenApiRouter<Health> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(checks::health))
        .routes(routes!(docs::document))
        .routes(routes!(docs::page))
        // The same page; documented once.
        .route("/docs/", get(docs::page))
        .routes(routes!(docs::asset));
    OpenApiRouter::new().nest("/v1", v1)
}

/// The function's HTTP interface.
pub fn router(health: Health) -> Router {
    let (router, _) = routes().with_state(health).split_for_parts();
    http::service(router, "health")
}

/// The same, as a document.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}
