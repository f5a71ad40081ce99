//! Start-up of a function: logs, panics, and the runtime's loop.

use axum::Router;
use tracing_subscriber::EnvFilter;

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

/// Serves a router's answers to API Gateway until Lambda ends the environment.
pub async fn serve(router: Router) -> Result<(), Fatal> {
    lambda_http::run(router).await
}
