//! Wiring: what a function holds for as long as its environment lives, how it signs in to the database, and how it is
//! run.

mod config;
mod credentials;
mod iam;
mod refusals;
mod run;
#[cfg(feature = "jobs")]
mod with_jobs;

use std::sync::Arc;

use axum::extract::FromRef;
use runtime::secrets::{SecretName, Secrets};
use store::Db;
use web::tokens::TokenVerifier;

pub use config::{AppConfig, DatabaseConfig};
pub use credentials::{DatabaseAddress, DatabaseSettings, DatabaseSource};
pub use iam::IamSigner;
pub use run::{run, run_as};

#[cfg(feature = "jobs")]
pub use with_jobs::{AppWithJobs, run_with_jobs};

/// What every HTTP function needs; those that need more hold one of these and their own things beside it.
#[derive(Clone)]
pub struct App {
    /// The origin that clients use, without `/v1`; the issuer of our tokens.
    pub public_url: Arc<str>,
    /// The one database connection.
    pub db: Db,
    /// Checks access tokens against the published keys.
    pub tokens: TokenVerifier,
}

impl App {
    /// Wires an app that asks the database as those who serve callers and need nothing more; nothing is sent before
    /// [`App::warm_up`] or the first request.
    #[must_use]
    pub fn new(config: &AppConfig, secrets: &Secrets) -> Self {
        Self::with_database(SecretName::Database, config, secrets)
    }

    /// The same as the role of the database whose secret that is.
    #[must_use]
    pub fn with_database(database: SecretName, config: &AppConfig, secrets: &Secrets) -> Self {
        Self {
            db: config.database.connect_as(database, secrets),
            tokens: TokenVerifier::new(secrets.clone(), &config.public_url),
            public_url: config.public_url.as_str().into(),
        }
    }

    /// Connects to the database and fetches the public keys, together, while Lambda still gives the full CPU.
    pub async fn warm_up(&self) {
        futures_util::join!(self.db.warm_up(), self.tokens.warm_up());
    }
}

impl FromRef<App> for TokenVerifier {
    fn from_ref(app: &App) -> Self {
        app.tokens.clone()
    }
}
