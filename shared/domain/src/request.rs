//! What the logs need to know of a request.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::identity::Role;

/// A request or event: its id and origin, and once known its caller.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// The function that serves it.
    pub service: &'static str,
    /// API Gateway's id for it, which the client gets as `x-request-id`; Lambda's where no gateway is involved.
    pub id: String,
    /// The HTTP method, or `EVENT`.
    pub method: &'static str,
    /// The route's template, or the event's name. Never the path itself: what a client puts there may be a name.
    pub path: String,
    /// The X-Ray trace that it belongs to.
    pub trace_id: Option<String>,
    /// The caller's address.
    pub source_ip: Option<String>,
    started: Instant,
    caller: Arc<OnceLock<(Uuid, Role)>>,
}

impl RequestInfo {
    /// A request nobody is known to have sent yet.
    #[must_use]
    pub fn new(service: &'static str, id: String, (method, path): (&'static str, &str)) -> Self {
        let path = path.to_owned();
        Self {
            service,
            id,
            method,
            path,
            trace_id: None,
            source_ip: None,
            started: Instant::now(),
            caller: Arc::default(),
        }
    }

    /// The same, as Lambda tells of it. The trace's header is `Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1`.
    #[must_use]
    pub fn traced(mut self, xray_header: Option<&str>) -> Self {
        let root = |header: &str| header.split(';').find_map(|part| part.strip_prefix("Root=")).map(ToOwned::to_owned);
        self.trace_id = xray_header.and_then(root);
        self
    }

    /// `GET /v1/visits/{id}`.
    #[must_use]
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// For how long it has been served.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Tells the log who is calling: id and role, never a name.
    pub fn note_caller(&self, user_id: Uuid, role: Role) {
        let _ = self.caller.set((user_id, role));
    }

    /// Who is calling, where that is known.
    #[must_use]
    pub fn caller(&self) -> Option<(Uuid, Role)> {
        self.caller.get().copied()
    }
}
