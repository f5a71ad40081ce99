//! Start-up of a function: logs, panics, and the runtime's loop.

use axum::Router;
use tracing_subscriber::EnvFilter;

use crate::{
    app::{App, aws_config},
    config::Config,
    secrets::Secrets,
};

/// Whatever stops a function from starting; Lambda's log shows it.
pub type Fatal = Box<dyn std::error::Error + Send + Sync>;

/// Logs as one JSON object a line, from `LOG_LEVEL` (default `info`) up.
pub fn start_logging() {
    let filter = EnvFilter::try_from_env("LOG_LEVEL").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .init();
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
