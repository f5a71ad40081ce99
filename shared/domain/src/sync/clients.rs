//! Clients: phones hold them and write nothing of them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    policy::{Actor, Context, Write, refused},
    synced_table::SyncedTable,
};

/// What the rules look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Client {
    id: Uuid,
}

impl SyncedTable for Client {
    fn may_write(write: &Write<'_, Self>, _actor: &Actor, _context: &Context) -> Result<(), String> {
        match write {
            Write::Delete(_) => refused("clients are removed on the portal"),
            _ => refused("clients are changed on the portal"),
        }
    }

    fn client_id(&self, _context: &Context) -> Option<Uuid> {
        Some(self.id)
    }
}
