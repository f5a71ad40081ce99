//! What a transaction announces: that listeners of an agency are to be told something. It comes as a notice beside the
//! answers to the transaction's own statements (`app.announce`), so that it costs none.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex},
};

use tokio_postgres::error::DbError as Notice;
use uuid::Uuid;

use crate::Pending;

/// The notice's code.
const CODE: &str = "BC200";

/// Who is told of an agency's changes, after the commit that made them.
pub trait Listeners: Send + Sync {
    /// Something changed in these agencies. A failure is theirs to log.
    fn changed(&self, agencies: BTreeSet<Uuid>) -> Pending<'_, ()>;
}

/// What was announced on a connection, and not yet handed on.
#[derive(Clone, Default)]
pub struct Announced(Arc<Mutex<BTreeSet<Uuid>>>);

impl Announced {
    pub(crate) fn note(&self, notice: &Notice) {
        if notice.code().code() == CODE
            && let Ok(agency) = notice.message().parse()
            && let Ok(mut agencies) = self.0.lock()
        {
            agencies.insert(agency);
        }
    }

    pub(crate) fn take(&self) -> BTreeSet<Uuid> {
        self.0.lock().map(|mut agencies| mem::take(&mut *agencies)).unwrap_or_default()
    }
}
