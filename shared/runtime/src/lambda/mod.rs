//! Start-up of a function: logs, panics, and the runtime's loop.

mod invocation;
mod log;
mod sentry;

use std::{env, io, panic::AssertUnwindSafe};

use domain::request::RequestInfo;
use futures_util::FutureExt;
use lambda_runtime::Context;
use tracing_subscriber::util::SubscriberInitExt;

pub use invocation::{ColdStart, Invocation};
pub use log::Log;
pub use sentry::{Sentry, SentrySecret};

use crate::{
    Chain,
    aws::{SdkConfig, aws_config},
    config::Environment,
    request,
    secrets::{SecretName, Secrets},
};

/// Whatever stops a function from starting; Lambda's log shows it.
pub type Fatal = Box<dyn std::error::Error + Send + Sync>;

/// Starts logging, reads the configuration, and begins to fetch what every function needs.
///
/// # Errors
/// When the environment lacks a setting.
pub async fn start() -> Result<Function, Fatal> {
    let sentry = start_logging();
    let environment = Environment::from_env()?;
    let aws = aws_config().await;
    let secrets = Secrets::new(&aws, &environment.name);
    let function = Function { environment, aws, secrets, sentry, cold_start: ColdStart::default() };
    function.begin_reporting();
    Ok(function)
}

/// Logs as one JSON object a line, from `LOG_LEVEL` (`error`, `warn`, or `info`, the default) up. Errors are reported
/// too, once what this answers is connected.
pub fn start_logging() -> Sentry {
    let sentry = Sentry::default();
    let said = |name| env::var(name).unwrap_or_default();
    Log::new(said("AWS_LAMBDA_FUNCTION_NAME"), said("BERTHCARE_ENV"), &said("LOG_LEVEL"), io::stdout)
        .subscriber(sentry.clone())
        .init();
    log_panics();
    sentry
}

/// Has panics logged like everything else. Their message is logged only where it stands in the code: other messages
/// may quote what they choked on.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let written = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(withheld)");
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, error = written, "panicked");
    }));
}

/// A function in its Lambda environment, before it serves anything.
pub struct Function {
    /// The environment that it runs in.
    pub environment: Environment,
    /// The AWS SDK's configuration.
    pub aws: SdkConfig,
    /// The secrets of the environment.
    pub secrets: Secrets,
    /// Where errors are reported.
    pub sentry: Sentry,
    cold_start: ColdStart,
}

impl Function {
    /// Finds out where Sentry is, beside whatever else the function prepares.
    fn begin_reporting(&self) {
        if self.environment.sentry {
            let (sentry, secrets) = (self.sentry.clone(), self.secrets.clone());
            let environment = self.environment.name.clone();
            tokio::spawn(async move {
                let connected = match secrets.json(SecretName::Sentry).await {
                    Ok(secret) => sentry.connect(&secret, &environment),
                    Err(error) => Err(error.into()),
                };
                if let Err(error) = connected {
                    tracing::warn!(error = %Chain::of(error.as_ref()), "errors can't be reported to Sentry");
                }
            });
        }
    }

    /// Does the work that an event asks for, and leaves the line that a request leaves. `name` is the event's: which
    /// job, which trigger.
    ///
    /// # Errors
    /// The work's own, as text that tells of no person; and where it panicked.
    pub async fn observe<T>(
        &self,
        (service, name): (&'static str, &str),
        context: &Context,
        work: impl Future<Output = Result<T, Fatal>>,
    ) -> Result<T, Fatal> {
        observe((service, name), context, (self.cold_start.take(), self.sentry.clone()), work).await
    }
}

/// [`Function::observe`], wherever the function came from.
pub async fn observe<T>(
    (service, name): (&'static str, &str),
    context: &Context,
    (cold_start, sentry): (bool, Sentry),
    work: impl Future<Output = Result<T, Fatal>>,
) -> Result<T, Fatal> {
    let request =
        RequestInfo::new(service, context.request_id.clone(), ("EVENT", name)).traced(context.xray_trace_id.as_deref());
    let invocation = Invocation::begin(request.clone(), cold_start, sentry);
    request::during(&request, async {
        let outcome = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err("it panicked".into()));
        // The runtime would log the error with all that it holds.
        let outcome = outcome.map_err(|error| {
            let chain = Chain::of(error.as_ref()).to_string();
            tracing::error!(error = chain, "the event failed");
            Fatal::from(chain)
        });
        invocation.end(if outcome.is_ok() { 200 } else { 500 }).await;
        outcome
    })
    .await
}
