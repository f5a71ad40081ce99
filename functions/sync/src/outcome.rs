//! What becomes of a push: what is written, by table, and what is told.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    identity::Caller,
    sync::{
        judge::{self, Author, Conflict, Judgement, Row, Standing, Surroundings, Verdict},
        schema::{TABLES, Table},
    },
};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde_json::Value;
use store::{
    AuditEntry, DbError, Tx,
    reads::sync_push::{self, Batch, ConflictAt, Receipt, Refused, State, Touched},
    tables::care_team::{self, Pairs},
};
use uuid::Uuid;

use crate::{
    push::{Pushed, Rejected},
    records::Record,
    stock::{Stock, facts},
};

/// What is to be written, by table, and what is to be told.
#[derive(Default)]
pub(crate) struct Outcome {
    /// The number that the phone's cursor has come to.
    held: i64,
    inserts: BTreeMap<&'static str, Vec<Row>>,
    updates: BTreeMap<&'static str, Vec<Row>>,
    deletes: BTreeMap<&'static str, Vec<Uuid>>,
    /// Rows that the phone must get again.
    touched: Vec<Touched>,
    conflicts: Vec<ConflictAt>,
    refused: Vec<Refused>,
    receipts: Vec<Receipt>,
    audit: Vec<AuditEntry>,
    /// Visits with a new check-in or check-out.
    checked: Vec<Uuid>,
    /// Of new visits: they grant access.
    planned: Pairs,
    /// Of visits whose status moved: one that is called off grants none any more.
    moved: Pairs,
    /// Deletions that were refused: the phone must forget them, so that it takes the record again.
    returned: BTreeSet<(&'static str, Uuid)>,
    applied: usize,
    unchanged: usize,
}

impl Outcome {
    pub(crate) fn new(refused: Vec<Refused>, held: i64) -> Self {
        Self { held, refused, ..Self::default() }
    }

    /// Puts a record into quarantine. One that the phone deleted comes back to it.
    pub(crate) fn refuse(&mut self, record: &Record<'_>, known: &Stock, reason: String) {
        self.refused.push(record.refused(reason));
        let state = known.of(record.table, record.id);
        let Some(row) = state.and_then(|state| state.stored.row.as_ref()) else { return };
        if record.pushed.is_none() && !judge::is_deleted(row) {
            let (table, id) = (record.table.name, record.id);
            self.returned.insert((table, id));
            // What changed after the phone's cursor comes with its next pull anyway.
            if self.has_passed(row) {
                self.touched.push(Touched { table, id, columns: Vec::new() });
            }
        }
    }

    /// Judges a record.
    pub(crate) fn take(
        &mut self,
        record: &Record<'_>,
        known: &Stock,
        author: &Author,
        around: &mut Surroundings,
        now: Timestamp,
    ) {
        let (table, id) = (record.table, record.id);
        let nothing = State::default();
        let state = known.of(table, id).unwrap_or(&nothing);
        let digest = record.digest.trim_start_matches("\\x");
        if state.receipts.iter().any(|receipt| receipt == digest) {
            self.unchanged += 1;
            self.send_again_where_other(record, state);
            return;
        }
        let Judgement { verdict, conflicts } = match &record.pushed {
            Some(pushed) => judge::upsert(table, pushed, &state.stored, author, around, now),
            None => judge::delete(table, &state.stored, author, around),
        };
        let client_id = client_of(table, &verdict, state, around);
        match verdict {
            Verdict::Refuse(reason) => {
                self.refuse(record, known, reason);
                return;
            }
            Verdict::Keep => {
                self.unchanged += 1;
                self.send_again_where_other(record, state);
            }
            Verdict::Insert(row) => {
                self.note_visit(table, id, &row, None, around);
                self.note("create", table, id, client_id);
                self.applied += 1;
                self.inserts.entry(table.name).or_default().push(row);
            }
            Verdict::Update(row) => {
                self.note_visit(table, id, &row, state.stored.row.as_ref(), around);
                self.note("update", table, id, client_id);
                self.applied += 1;
                self.send_again(record, kept_back(&conflicts));
                self.updates.entry(table.name).or_default().push(row);
            }
            Verdict::Delete => {
                self.note("delete", table, id, client_id);
                self.applied += 1;
                self.deletes.entry(table.name).or_default().push(id);
            }
        }
        let at = |conflict| ConflictAt { table_name: table.name, record_id: id, client_id, conflict };
        self.conflicts.extend(conflicts.into_iter().map(at));
        let row_stamp = record.pushed.as_ref().and_then(judge::Pushed::stamp);
        self.receipts.push(Receipt { record_id: id, body_sha256: record.digest.clone(), row_stamp });
    }

    /// After a push a phone takes its own values for the server's; where they are not, it must get the row again. What
    /// changed after its cursor comes with its next pull anyway. But where it wrote the column itself it must be touched all
    /// the same: that is a change of others, so that what the phone writes before it has seen it is a conflict.
    fn send_again_where_other(&mut self, record: &Record<'_>, state: &State) {
        let (Some(row), Some(pushed)) = (&state.stored.row, &record.pushed) else { return };
        if judge::is_deleted(row) {
            return;
        }
        let columns = judge::differing(record.table, pushed, row);
        if self.has_passed(row) || columns.iter().any(|column| pushed.edits(column)) {
            self.send_again(record, columns);
        }
    }

    fn has_passed(&self, row: &Row) -> bool {
        row.get("change_number").and_then(Value::as_i64).is_some_and(|number| number <= self.held)
    }

    fn send_again(&mut self, record: &Record<'_>, columns: Vec<String>) {
        if !columns.is_empty() {
            self.touched.push(Touched { table: record.table.name, id: record.id, columns });
        }
    }

    /// A visit of this push is known to what follows in it; new check-ins are measured, and new visits grant access.
    fn note_visit(&mut self, table: &Table, id: Uuid, row: &Row, before: Option<&Row>, around: &mut Surroundings) {
        if table.name != "visits" {
            return;
        }
        if let Some(facts) = facts(row) {
            let pair = (facts.client_id, facts.user_id);
            match before {
                None => drop(self.planned.insert(pair)),
                Some(before) if before.get("status") != row.get("status") => drop(self.moved.insert(pair)),
                Some(_) => {}
            }
            around.visits.insert(id, facts);
        }
        let checked =
            |name: &str| row.get(name).is_some_and(|v| !v.is_null() && before.and_then(|b| b.get(name)) != Some(v));
        if checked("check_in_latitude") || checked("check_out_latitude") {
            self.checked.push(id);
        }
    }

    fn note(&mut self, verb: &str, table: &Table, id: Uuid, client_id: Option<Uuid>) {
        let (action, resource) = match (table.name, verb) {
            ("visits", "create") => ("visit.create", "visit"),
            ("visits", "update") => ("visit.update", "visit"),
            ("visits", _) => ("visit.delete", "visit"),
            ("visit_tasks", "create") => ("visit_task.create", "visit_task"),
            ("visit_tasks", "update") => ("visit_task.update", "visit_task"),
            ("visit_tasks", _) => ("visit_task.delete", "visit_task"),
            ("photos", "create") => ("photo.create", "photo"),
            ("photos", "update") => ("photo.update", "photo"),
            ("photos", _) => ("photo.delete", "photo"),
            ("alerts", "create") => ("alert.create", "alert"),
            ("alerts", _) => ("alert.update", "alert"),
            (_, _) => ("client.update", "client"),
        };
        self.audit.push(AuditEntry::new(action, resource, id, client_id).with(serde_json::json!({"by": "sync"})));
    }

    /// What goes on record.
    pub(crate) fn audit(&self) -> impl Iterator<Item = AuditEntry> {
        self.audit.iter().cloned()
    }

    /// The records to be written, parents first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = (&'static Table, Batch<'_>)> {
        fn of<'a, T>(lists: &'a BTreeMap<&str, Vec<T>>, table: &Table) -> &'a [T] {
            lists.get(table.name).map_or(&[], Vec::as_slice)
        }
        TABLES.iter().flat_map(|table| {
            let batches = [
                Batch::Insert(of(&self.inserts, table)),
                Batch::Update(of(&self.updates, table)),
                Batch::Delete(of(&self.deletes, table)),
            ];
            batches.into_iter().filter(|batch| !batch.is_empty()).map(move |batch| (table, batch))
        })
    }

    /// Sends everything at once, one statement a table and list; `base` is where the device's work began.
    pub(crate) async fn write(&self, tx: &Tx<Caller>, base: Option<i64>) -> Result<(), DbError> {
        let batches = self.batches().map(|(table, batch)| batch.write(tx, table));
        futures_util::try_join!(
            try_join_all(batches),
            sync_push::touch(tx, &self.touched),
            sync_push::measure(tx, &self.checked),
            care_team::refresh_all_scheduled(tx, &self.planned),
            care_team::shorten_all_scheduled(tx, &self.moved),
            sync_push::keep_conflicts(tx, &self.conflicts),
            sync_push::quarantine(tx, &self.refused, base),
            sync_push::remember(tx, &self.receipts),
        )
        .map(drop)
    }

    /// Whether somebody asks for help: not only when the minute job comes round.
    pub(crate) fn raises_alerts(&self) -> bool {
        self.inserts.contains_key("alerts")
    }

    pub(crate) fn told(self) -> Pushed {
        let mut told = Pushed {
            applied: self.applied,
            unchanged: self.unchanged,
            conflicts: self.conflicts.len(),
            ..Pushed::default()
        };
        for Refused { told_table: table, told_id: id, reason, .. } in self.refused {
            let returned = id.parse().is_ok_and(|id| self.returned.iter().any(|known| *known == (&table, id)));
            if !returned {
                told.experimental_rejected_ids.entry(table.clone()).or_default().push(id.clone());
            }
            told.rejected.push(Rejected { table, id, reason });
        }
        told
    }
}

/// The columns for which the phone takes its own value for the server's, wrongly.
fn kept_back(conflicts: &[Conflict]) -> Vec<String> {
    let kept_back = conflicts.iter().filter(|conflict| conflict.standing != Standing::Device);
    kept_back.map(|conflict| conflict.column.clone()).collect()
}

fn client_of(table: &Table, verdict: &Verdict, state: &State, around: &Surroundings) -> Option<Uuid> {
    state.client_id.or_else(|| {
        let (Verdict::Insert(row) | Verdict::Update(row)) = verdict else { return None };
        match table.name {
            "clients" => judge::id(row, "id"),
            _ => judge::id(row, "client_id")
                .or_else(|| around.visits.get(&judge::id(row, "visit_id")?).map(|visit| visit.client_id)),
        }
    })
}
