//! What the server has of everything that a push names.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    error::Error,
    identity::Caller,
    sync::{
        policy::Context,
        record::is_deleted,
        schema::{Entity, TABLES, Table},
        visits,
    },
};
use store::{
    Tx,
    reads::sync_push::{self, State},
};
use uuid::Uuid;

use crate::parse::Record;

pub(crate) struct ServerState {
    by_table: BTreeMap<&'static str, BTreeMap<Uuid, State>>,
}

impl ServerState {
    /// All tables in one round trip.
    pub(crate) async fn load(tx: &Tx<Caller>, records: &[Record<'_>], held: Option<i64>) -> Result<Self, Error> {
        let mut ids: BTreeMap<&'static str, BTreeSet<Uuid>> = BTreeMap::new();
        for record in records {
            ids.entry(record.table.name).or_default().insert(record.id);
            let Some(pushed) = &record.pushed else { continue };
            for column in record.table.columns {
                let Some(parent) = column.references else { continue };
                ids.entry(parent.table().name).or_default().extend(pushed.named(column.name));
            }
        }
        let of = |table: &str| ids.get(table).into_iter().flatten().copied().collect::<Vec<_>>();
        let loaded = TABLES.iter().map(async |table| {
            // What the phone names by id alone may belong to visits that it doesn't name.
            let parts = match table.entity {
                Entity::Visit => [Entity::VisitTask, Entity::Photo].map(|part| of(part.table().name)).concat(),
                _ => Vec::new(),
            };
            sync_push::states(tx, table.name, of(table.name), parts, held).await.map(|states| (table.name, states))
        });
        Ok(Self { by_table: futures_util::future::try_join_all(loaded).await?.into_iter().collect() })
    }

    pub(crate) fn of(&self, table: &Table, id: Uuid) -> Option<&State> {
        self.by_table.get(table.name)?.get(&id)
    }

    /// What records' rules need to know beside them.
    pub(crate) fn context(&self) -> Context {
        let mut context = Context::default();
        for (id, state) in self.all(Entity::Client) {
            if state.stored.present().is_some() {
                context.clients.insert(*id);
            }
            if state.taken {
                context.taken_clients.insert(*id);
            }
        }
        for (id, state) in self.all(Entity::Visit) {
            let Some(row) = &state.stored.row else {
                if state.stored.hidden {
                    context.hidden_visits.insert(*id);
                }
                continue;
            };
            let Some(facts) = visits::facts(row) else { continue };
            if is_deleted(row) {
                context.hidden_visits.insert(*id);
                context.deleted_visits.insert(*id, facts);
            } else {
                context.visits.insert(*id, facts);
            }
        }
        context
    }

    fn all(&self, entity: Entity) -> impl Iterator<Item = (&Uuid, &State)> {
        self.by_table.get(entity.table().name).into_iter().flatten()
    }
}
