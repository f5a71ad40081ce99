use axum::{Router, extract::FromRef};
use runtime::{
    aws::SdkConfig,
    config::JobsFunction,
    jobs::JobsInvoker,
    lambda::{self, Fatal},
    secrets::Secrets,
};
use web::tokens::TokenVerifier;

use crate::{App, AppConfig};

/// What an HTTP function holds that makes work for `jobs` and needs nothing else.
#[derive(Clone)]
pub struct AppWithJobs {
    /// What every function needs.
    pub app: App,
    /// The function to invoke after a commit.
    pub jobs: JobsInvoker,
}

impl FromRef<AppWithJobs> for App {
    fn from_ref(whole: &AppWithJobs) -> Self {
        whole.app.clone()
    }
}

impl FromRef<AppWithJobs> for TokenVerifier {
    fn from_ref(whole: &AppWithJobs) -> Self {
        whole.app.tokens.clone()
    }
}

impl AppWithJobs {
    /// Wires the function; nothing is sent before [`App::warm_up`] or the first request.
    #[must_use]
    pub fn new(config: &AppConfig, jobs: &JobsFunction, secrets: &Secrets, aws: &SdkConfig) -> Self {
        Self { app: App::new(config, secrets), jobs: JobsInvoker::new(aws, jobs) }
    }
}

/// Runs a function that makes work for `jobs` and needs nothing else beside an [`App`].
///
/// # Errors
/// When the environment lacks a setting, or the runtime ends.
pub async fn run_with_jobs(router: impl FnOnce(AppWithJobs) -> Router) -> Result<(), Fatal> {
    let function = lambda::start().await?;
    let config = AppConfig::from_env()?;
    let whole = AppWithJobs::new(&config, &JobsFunction::from_env()?, &function.secrets, &function.aws);
    web::serve(
        &function,
        Box::pin(async {
            whole.app.warm_up().await;
            router(whole)
        }),
    )
    .await
}
