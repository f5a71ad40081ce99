use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{metrics::Measurement, request::RequestInfo};

/// Whether an environment has served nothing yet.
#[derive(Clone, Default)]
pub(crate) struct ColdStart(Arc<AtomicBool>);

impl ColdStart {
    /// True once.
    pub(crate) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}

/// One request or event on its way through the function. What it leaves is one line: the log's and CloudWatch's.
pub(crate) struct Invocation {
    request: RequestInfo,
    cold_start: bool,
    started: Instant,
}

impl Invocation {
    pub(crate) fn begin(request: RequestInfo, cold_start: bool) -> Self {
        Self { request, cold_start, started: Instant::now() }
    }

    /// Writes the line. `path` is the route's template: what a client puts in its place may be a name.
    pub(crate) fn end(self, method: &str, path: &str, status: u16) {
        let latency = self.started.elapsed();
        let route = format!("{method} {path}");
        let measured =
            Measurement::Invocation { function: self.request.service, route: &route, latency, failed: status >= 500 };
        tracing::info!(
            service = self.request.service,
            method,
            path,
            statusCode = status,
            duration = milliseconds(latency),
            coldStart = self.cold_start,
            measured = %measured.embedded(),
            "answered"
        );
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
