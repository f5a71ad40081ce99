//! What the logs need to know of a request.

use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use crate::identity::Role;

/// A request or event: its id and origin, and once known its caller.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// The function that serves it.
    pub service: &'static str,
    /// API Gateway's id for it, which the client gets as `x-request-id`; Lambda's where no gateway is involved.
    pub id: String,
    /// The X-Ray trace that it belongs to.
    pub trace_id: Option<String>,
    /// The caller's address.
    pub source_ip: Option<String>,
    caller: Arc<OnceLock<(Uuid, Role)>>,
}

tokio::task_local! {
    static CURRENT: RequestInfo;
}

impl RequestInfo {
    /// A request nobody is known to have sent yet.
    #[must_use]
    pub fn new(service: &'static str, id: String) -> Self {
        Self { service, id, trace_id: None, source_ip: None, caller: Arc::default() }
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

    /// Runs what serves this request, so that each line it logs tells of it.
    pub async fn during<F: Future>(&self, work: F) -> F::Output {
        CURRENT.scope(self.clone(), work).await
    }

    /// The request that is being served here.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }
}
