//! `health`: whether BerthCare works, and how to use it. It holds no data and reads none.

mod checks;
mod docs;

use app::DatabaseConfig;
use axum::{Router, routing::get};
use runtime::{
    aws::SdkConfig,
    config::{ConfigError, Environment, EphemeralTable, PhotosBucket},
    ephemeral::Ephemeral,
    objects::Objects,
    secrets::{SecretName, Secrets},
};
use store::Db;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The configuration of `health`.
#[derive(Clone)]
pub struct Config {
    /// Where the database is.
    pub database: DatabaseConfig,
    /// The DynamoDB table to check.
    pub ephemeral_table: EphemeralTable,
    /// The bucket to check.
    pub photos_bucket: PhotosBucket,
    /// Whether there are demo users: on the local stack alone.
    pub has_demo_users: bool,
}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            database: DatabaseConfig::from_env()?,
            ephemeral_table: EphemeralTable::from_env()?,
            photos_bucket: PhotosBucket::from_env()?,
            has_demo_users: Environment::from_env()?.name == "local",
        })
    }
}

/// The services that BerthCare depends on, to be checked.
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
    pub fn new(config: &Config, secrets: &Secrets, aws: &SdkConfig) -> Self {
        Self {
            db: config.database.connect_as(SecretName::HealthDatabase, secrets),
            ephemeral: Ephemeral::new(aws, &config.ephemeral_table),
            photos: Objects::new(aws, &config.photos_bucket.0),
            has_demo_users: config.has_demo_users,
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
    web::service(router, "health")
}

/// The OpenAPI document of the routes.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}
