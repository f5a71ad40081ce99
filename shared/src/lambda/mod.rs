//! Start-up of a function: logs, panics, and the runtime's loop.

mod invocation;
mod log;

use std::{env, io};

use axum::Router;
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) use invocation::{ColdStart, Invocation};
pub use log::Log;

use crate::{
    app::{App, aws_config},
    config::Config,
    secrets::Secrets,
};

/// Whatever stops a function from starting; Lambda's log shows it.
pub type Fatal = Box<dyn std::error::Error + Send + Sync>;

/// Logs as one JSON object a line, from `LOG_LEVEL` (`error`, `warn`, or `info`, the default) up.
pub fn start_logging() {
    let said = |name| env::var(name).unwrap_or_default();
    let log = Log::new(said("AWS_LAMBDA_FUNCTION_NAME"), said("BERTHCARE_ENV"), &said("LOG_LEVEL"), io::stdout);
    log.subscriber().init();
}

/// Runs a function that needs an [`App`] and nothing beside it.
///
/// # Errors
/// When the environment lacks a setting, or the runtime ends.
pub async fn run(router: impl FnOnce(App) -> Router) -> Result<(), Fatal> {
    start_logging();
    let config = Config::from_env()?;
    let secrets = Secrets::new(&aws_config().await, &config.environment);
    let app = App::new(config, &secrets);
    app.warm_up().await;
    serve(router(app)).await
}

/// Serves a router's answers to API Gateway until Lambda ends the environment.
pub async fn serve(router: Router) -> Result<(), Fatal> {
    lambda_http::run(router).await
}
