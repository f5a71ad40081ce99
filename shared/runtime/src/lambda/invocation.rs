use std::{
    env,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::request::RequestInfo;
use sentry_core::Transaction;

use super::{Sentry, sentry::status_of};
use crate::metrics::Measurement;

/// The version that this environment serves, as Lambda tells it; the newest code has no number yet.
static VERSION: LazyLock<String> =
    LazyLock::new(|| env::var("AWS_LAMBDA_FUNCTION_VERSION").unwrap_or_else(|_| "$LATEST".into()));

/// Whether an environment has served nothing yet.
#[derive(Clone, Default)]
pub struct ColdStart(Arc<AtomicBool>);

impl ColdStart {
    /// True for the first who asks, and false for all after.
    #[must_use]
    pub fn take(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}

/// One request or event on its way through the function. What it leaves is one line, the log's and CloudWatch's, and
/// now and then a trace.
pub struct Invocation {
    request: RequestInfo,
    cold_start: bool,
    sentry: Sentry,
    trace: Option<Transaction>,
}

impl Invocation {
    /// Begins one now.
    #[must_use]
    pub fn begin(request: RequestInfo, cold_start: bool, sentry: Sentry) -> Self {
        let trace = sentry.trace(&request.route());
        Self { request, cold_start, sentry, trace }
    }

    /// Writes the line, and reports what is to be reported.
    pub async fn end(self, status: u16) {
        let latency = self.request.elapsed();
        let (failed, route) = (status >= 500, self.request.route());
        let function = self.request.service;
        let measured = Measurement::Invocation { function, version: &VERSION, route: &route, latency, status };
        tracing::info!(
            method = self.request.method,
            path = self.request.path,
            statusCode = status,
            duration = latency.as_secs_f64() * 1000.0,
            coldStart = self.cold_start,
            measured = %measured.embedded(),
            "answered"
        );
        if let Some(trace) = self.trace {
            trace.set_tag("requestId", &self.request.id);
            trace.set_status(status_of(status));
            trace.finish();
        }
        if failed {
            self.sentry.flush().await;
        } else if self.sentry.is_waiting() {
            // A trace may be lost when Lambda freezes the environment; nobody waits for it.
            let sentry = self.sentry;
            tokio::spawn(async move { sentry.flush().await });
        }
    }
}
