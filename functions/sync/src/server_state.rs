//! What the server has of everything that a push names.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    consent::ConsentKind,
    error::Error,
    identity::Caller,
    sync::{
        policy::Context,
        record::is_deleted,
        schema::{Column, Entity, Table},
        visits,
    },
};
use jiff::Timestamp;
use store::{
    Db,
    reads::sync_push::{self, PushState, PushingDevice, State},
};
use uuid::Uuid;

use crate::parse::Record;

pub(crate) struct ServerState {
    state: PushState,
}

impl ServerState {
    /// All tables in one round trip.
    pub(crate) async fn load(
        db: &Db,
        caller: &Caller,
        records: &[Record<'_>],
        held: Option<i64>,
    ) -> Result<Self, Error> {
        let mut ids: BTreeMap<&'static str, BTreeSet<Uuid>> = BTreeMap::new();
        for record in records {
            ids.entry(record.table.name).or_default().insert(record.id);
            let Some(pushed) = &record.pushed else { continue };
            for column in record.table.columns {
                let Some(parent) = column.references else { continue };
                ids.entry(parent.table().name).or_default().extend(pushed.named(column.name));
            }
        }
        Ok(Self { state: sync_push::load(db, caller, &ids, held).await? })
    }

    /// The device that pushes.
    pub(crate) fn device(&self) -> &PushingDevice {
        &self.state.device
    }

    /// Everything that is known of what is decided on: records, what they name, and the clients whose care they are.
    pub(crate) fn decided_on(&self) -> BTreeSet<Uuid> {
        let states = self.state.records.values().flatten();
        states.flat_map(|(id, state)| [Some(*id), state.client_id]).flatten().collect()
    }

    pub(crate) fn of(&self, table: &Table, id: Uuid) -> Option<&State> {
        self.state.records.get(table.name)?.get(&id)
    }

    /// Whether a record is of a client to whom the caller's access ended, and comes too late.
    pub(crate) fn access_ended(&self, record: &Record<'_>) -> bool {
        let ended = |table: &Table, id| self.of(table, id).is_some_and(|state| state.ended);
        let named = |column: &Column| {
            let parent = column.references?.table();
            Some(ended(parent, record.pushed.as_ref()?.named(column.name)?))
        };
        ended(record.table, record.id) || record.table.columns.iter().filter_map(named).any(|ended| ended)
    }

    /// What records' rules need to know beside them.
    pub(crate) fn context(&self, now: Timestamp) -> Context {
        let device = self.device();
        let (grants, recent_alerts) = (device.own_grants.clone(), device.recent_alerts);
        let mut context = Context { now, grants, recent_alerts, ..Context::default() };
        for (client, kind) in &self.state.withdrawn {
            match kind {
                ConsentKind::DataCollection => drop(context.charting_withdrawn.insert(*client)),
                ConsentKind::Photos => drop(context.photos_withdrawn.insert(*client)),
                ConsentKind::FamilySharing | ConsentKind::Sms => {}
            }
        }
        for (id, state) in self.all(Entity::Client) {
            if state.stored.present().is_some() {
                context.clients.insert(*id);
            }
        }
        let all = self.state.records.values().flatten();
        context.taken_clients = all.filter(|(_, state)| state.taken).filter_map(|(_, state)| state.client_id).collect();
        for (id, state) in self.all(Entity::Visit) {
            let Some(row) = &state.stored.row else { continue };
            let Some(facts) = visits::facts(row) else { continue };
            if is_deleted(row) {
                context.deleted_visits.insert(*id, facts);
            } else {
                context.visits.insert(*id, facts);
            }
        }
        context
    }

    fn all(&self, entity: Entity) -> impl Iterator<Item = (&Uuid, &State)> {
        self.state.records.get(entity.table().name).into_iter().flatten()
    }
}
