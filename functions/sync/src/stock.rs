//! What the server has of everything that a push names.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    error::Error,
    identity::Caller,
    sync::{
        judge::{self, Row, Surroundings, VisitFacts},
        schema::{TABLES, Table},
    },
};
use serde_json::Value;
use store::{
    Tx,
    reads::sync_push::{self, State},
};
use uuid::Uuid;

use crate::records::Record;

pub(crate) struct Stock {
    by_table: BTreeMap<&'static str, BTreeMap<Uuid, State>>,
}

impl Stock {
    /// All tables in one flight.
    pub(crate) async fn load(tx: &Tx<Caller>, records: &[Record<'_>], held: Option<i64>) -> Result<Self, Error> {
        let mut ids: BTreeMap<&'static str, BTreeSet<Uuid>> = BTreeMap::new();
        for record in records {
            ids.entry(record.table.name).or_default().insert(record.id);
            for (column, parent) in [("visit_id", "visits"), ("client_id", "clients")] {
                let named = record.pushed.as_ref().and_then(|pushed| judge::id(&pushed.raw, column));
                ids.entry(parent).or_default().extend(named);
            }
        }
        let of = |table: &str| ids.get(table).into_iter().flatten().copied().collect::<Vec<_>>();
        let loaded = TABLES.iter().map(async |table| {
            // What the phone names by id alone may belong to visits that it doesn't name.
            let parts = if table.name == "visits" { [of("visit_tasks"), of("photos")].concat() } else { Vec::new() };
            sync_push::states(tx, table.name, of(table.name), parts, held).await.map(|states| (table.name, states))
        });
        Ok(Self { by_table: futures_util::future::try_join_all(loaded).await?.into_iter().collect() })
    }

    pub(crate) fn of(&self, table: &Table, id: Uuid) -> Option<&State> {
        self.by_table.get(table.name)?.get(&id)
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        let mut around = Surroundings::default();
        for (id, known) in self.by_table.get("clients").into_iter().flatten() {
            if known.stored.row.as_ref().is_some_and(|row| !judge::is_deleted(row)) {
                around.clients.insert(*id);
            }
            if known.taken {
                around.taken_clients.insert(*id);
            }
        }
        for (id, known) in self.by_table.get("visits").into_iter().flatten() {
            let Some(row) = &known.stored.row else {
                if known.stored.hidden {
                    around.hidden_visits.insert(*id);
                }
                continue;
            };
            let Some(facts) = facts(row) else { continue };
            if judge::is_deleted(row) {
                around.hidden_visits.insert(*id);
                around.deleted_visits.insert(*id, facts);
            } else {
                around.visits.insert(*id, facts);
            }
        }
        around
    }
}

pub(crate) fn facts(visit: &Row) -> Option<VisitFacts> {
    Some(VisitFacts {
        user_id: judge::id(visit, "user_id")?,
        client_id: judge::id(visit, "client_id")?,
        cancelled: visit.get("status").and_then(Value::as_str) == Some("cancelled"),
        completed: visit.get("status").and_then(Value::as_str) == Some("completed"),
    })
}
