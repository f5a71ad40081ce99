//! What a function holds for as long as its environment lives.

use std::{env, sync::Arc, time::Duration};

pub use aws_config::SdkConfig;
use aws_config::{AppName, BehaviorVersion, timeout::TimeoutConfig};

use crate::{
    config::Config,
    db::Db,
    identity::TokenVerifier,
    secrets::{SecretName, Secrets},
};

/// What every HTTP function needs; those that need more hold one of these and their own things beside it.
#[derive(Clone)]
pub struct App {
    /// What the environment told us.
    pub config: Arc<Config>,
    /// The one database connection.
    pub db: Db,
    /// Checks access tokens against the published keys.
    pub tokens: TokenVerifier,
}

impl App {
    /// Wires an app; nothing is sent before [`App::warm_up`] or the first request.
    #[must_use]
    pub fn new(config: Config, secrets: &Secrets) -> Self {
        let source = config.database_source(secrets, SecretName::Database);
        Self {
            db: Db::new(source, config.statement_mode),
            tokens: TokenVerifier::new(secrets.clone(), &config.public_url),
            config: Arc::new(config),
        }
    }

    /// Connects to the database and fetches the public keys, together, while Lambda still gives the full CPU.
    pub async fn warm_up(&self) {
        futures_util::join!(self.db.warm_up(), self.tokens.warm_up());
    }
}

/// The AWS SDK's configuration, from the environment: region, credentials, and the endpoint when
/// `AWS_ENDPOINT_URL` names one. Short time limits: a request has 29 seconds in all, and a caller who waits.
pub async fn aws_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(8))
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    // So that the record of AWS calls shows which function asked; nameless where none runs, as in tools.
    match env::var("AWS_LAMBDA_FUNCTION_NAME").ok().and_then(|name| AppName::new(name).ok()) {
        Some(name) => loader.app_name(name).load().await,
        None => loader.load().await,
    }
}
