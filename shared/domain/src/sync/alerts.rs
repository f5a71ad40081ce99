//! Alerts: whoever cares for a client raises them; how they go on is the server's.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    policy::{Actor, Context, NOT_YOURS, Write, refused},
    synced_table::SyncedTable,
};
use crate::{limits::ALERTS_PER_WINDOW, transitions::AlertStatus};

/// What the rules look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Alert {
    client_id: Uuid,
    visit_id: Option<Uuid>,
    raised_by: Option<Uuid>,
    status: Option<AlertStatus>,
    escalation_level: Option<i32>,
}

impl SyncedTable for Alert {
    fn begin(&mut self, actor: &Actor) {
        self.raised_by = Some(actor.user_id);
        self.status = Some(AlertStatus::Open);
        self.escalation_level = Some(0);
    }

    fn may_write(write: &Write<'_, Self>, actor: &Actor, context: &Context) -> Result<(), String> {
        match write {
            Write::Create(alert) if !context.clients.contains(&alert.client_id) => refused(NOT_YOURS),
            // Nobody is told whether there is no such visit, or one that isn't theirs to see.
            Write::Create(alert) if !alert.visit_fits(context) => refused("visit_id must be a visit to this client"),
            Write::Create(_) if context.recent_alerts >= ALERTS_PER_WINDOW => refused(format!(
                "you have raised {ALERTS_PER_WINDOW} alerts within an hour: call your coordinator. It comes again"
            )),
            Write::Create(_) => Ok(()),
            _ if actor.role.sees_agency() => Ok(()),
            Write::Change { before, .. } | Write::ChangeDeleted { before, .. }
                if before.raised_by == Some(actor.user_id) =>
            {
                Ok(())
            }
            _ => refused(NOT_YOURS),
        }
    }

    fn client_id(&self, _context: &Context) -> Option<Uuid> {
        Some(self.client_id)
    }
}

impl Alert {
    fn visit_fits(&self, context: &Context) -> bool {
        let to_its_client = |visit| context.visits.get(&visit).is_some_and(|visit| visit.client_id == self.client_id);
        self.visit_id.is_none_or(to_its_client)
    }
}
