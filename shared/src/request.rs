//! What the logs need to know of a request.

use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use crate::identity::Role;

/// A request's id and origin, and once known its caller.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// API Gateway's id for it, which the client gets as `x-request-id`.
    pub id: String,
    /// The caller's address.
    pub source_ip: Option<String>,
    caller: Arc<OnceLock<(Uuid, Role)>>,
}

impl RequestInfo {
    /// A request nobody is known to have sent yet.
    #[must_use]
    pub fn new(id: String, source_ip: Option<String>) -> Self {
        Self { id, source_ip, caller: Arc::default() }
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
