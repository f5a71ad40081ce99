//! From the phone to the server. Each record is judged alone; everything not refused is one transaction.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Json, extract::State, http::HeaderMap};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::{
    app::App,
    db::{AuditEntry, Tx},
    error::Error,
    http::{Large, Query},
    identity::{Caller, May, SyncUse},
    models::{
        care_team,
        sync_push::{self, ConflictAt, PushingDevice, Receipt, Refused, State as Known},
    },
    sync::{
        cursor::Cursor,
        judge::{self, Author, Judgement, Row, Surroundings, Verdict, VisitFacts},
        schema::{TABLES, Table},
    },
    validation::Check,
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::records::{self, Record};

/// The cursor that the phone holds.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PushQuery {
    /// The `timestamp` of the last pull.
    #[param(max_length = 20)]
    last_pulled_at: Option<String>,
}

/// What changed on the phone.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"changes": {"visits": {"created": [], "updated": [], "deleted": []}}}))]
pub struct Push {
    /// By table: `created` and `updated` rows, ids of `deleted` ones.
    #[schema(value_type = Object)]
    changes: Map<String, Value>,
}
impl Check for Push {}

/// A record that was not taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"table": "visit_tasks", "id": "0193a5b0-0000-7000-8000-0000000000b1",
    "reason": "tasks of the type vitals are for nurses"}))]
pub struct Rejected {
    /// For which table.
    table: String,
    /// Its id.
    id: String,
    /// Why. The record is kept as it came.
    reason: String,
}

/// What became of a push.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"experimentalRejectedIds": {}, "rejected": [], "applied": 3, "unchanged": 1, "conflicts": 0}))]
pub struct Pushed {
    /// For `WatermelonDB`: what stays dirty on the phone.
    #[schema(value_type = Object)]
    experimental_rejected_ids: BTreeMap<String, Vec<String>>,
    /// The same, with reasons.
    rejected: Vec<Rejected>,
    /// How many records changed something.
    applied: usize,
    /// How many the server had already.
    unchanged: usize,
    /// How many columns two people had changed.
    conflicts: usize,
}

/// Push what changed on the phone.
#[utoipa::path(post, path = "/sync", tag = "sync", operation_id = "push", params(PushQuery), request_body = Push,
    responses((status = 200, description = "What became of it.", body = Pushed)))]
pub(crate) async fn push(
    State(app): State<App>,
    caller: May<SyncUse>,
    headers: HeaderMap,
    Query(query): Query<PushQuery>,
    Large(body): Large<Push>,
) -> Result<Json<Pushed>, Error> {
    let now = Timestamp::now();
    let held = Cursor::parse(query.last_pulled_at.as_deref());
    let (records, refused) = records::read(body.changes);
    // One for each record, and some for what follows from them.
    let numbers = u16::try_from(records.len() + 8).unwrap_or(u16::MAX);
    let mut tx = app.db.write(&*caller, numbers).await?;
    let device = sync_push::device(&mut tx).await?;
    let held_number = held.and_then(|held| held.number_in(device.epoch)).unwrap_or(0);
    // A cursor of another epoch says nothing of what came since.
    let since = held.and_then(|held| held.number_in(device.epoch)).unwrap_or(i64::MAX);
    let known = Stock::load(&mut tx, &records, work_base(&device), since).await?;

    let author = Author { user_id: caller.user_id, agency_id: caller.agency_id, role: caller.role };
    let mut outcome = Outcome { refused, held: held_number, ..Outcome::default() };
    let mut around = known.surroundings();
    for record in &records {
        outcome.take(record, &known, &author, &mut around, now);
    }
    outcome.write(&mut tx).await?;
    let held = held.map(Cursor::as_i64);
    sync_push::finish(tx, held, &device.base().pushed(held), clock_offset(&headers, now)).await?;
    Ok(Json(outcome.told()))
}

/// From which number on other people's changes count as made at the same time. Where the work began in another epoch,
/// all of them do.
fn work_base(device: &PushingDevice) -> i64 {
    let base = device.base().of_push().map(|base| base.to_string());
    Cursor::parse(base.as_deref()).and_then(|base| base.number_in(device.epoch)).unwrap_or(0)
}

/// How far the phone's clock is ahead of ours, in milliseconds. It orders nothing.
fn clock_offset(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    let phone: i64 = headers.get("x-device-time")?.to_str().ok()?.parse().ok()?;
    Some(phone.checked_sub(now.as_millisecond())?.clamp(-1 << 50, 1 << 50))
}

/// What the server has of everything that a push names.
struct Stock {
    by_table: BTreeMap<&'static str, BTreeMap<Uuid, Known>>,
}

impl Stock {
    async fn load(tx: &mut Tx<Caller>, records: &[Record], base: i64, held: i64) -> Result<Self, Error> {
        let mut ids: BTreeMap<&'static str, BTreeSet<Uuid>> = BTreeMap::new();
        for record in records {
            ids.entry(record.table.name).or_default().insert(record.id);
            for (column, parent) in [("visit_id", "visits"), ("client_id", "clients")] {
                let named = record.pushed.as_ref().and_then(|pushed| judge::id(&pushed.raw, column));
                ids.entry(parent).or_default().extend(named);
            }
        }
        let mut by_table = BTreeMap::new();
        // Tasks and photos first: those that the phone names by id alone belong to visits that it may not name.
        for table in TABLES.iter().rev() {
            let ids: Vec<_> = ids.get(table.name).into_iter().flatten().copied().collect();
            by_table.insert(table.name, sync_push::states(tx, table.name, ids, base, held).await?);
        }
        let unnamed: BTreeSet<Uuid> = by_table["visit_tasks"]
            .values()
            .chain(by_table["photos"].values())
            .filter_map(|task: &Known| judge::id(task.stored.row.as_ref()?, "visit_id"))
            .filter(|visit| !by_table["visits"].contains_key(visit))
            .collect();
        let more = sync_push::states(tx, "visits", unnamed.into_iter().collect(), base, held).await?;
        by_table.entry("visits").or_default().extend(more);
        Ok(Self { by_table })
    }

    fn of(&self, table: &Table, id: Uuid) -> Option<&Known> {
        self.by_table.get(table.name)?.get(&id)
    }

    fn surroundings(&self) -> Surroundings {
        let mut around = Surroundings::default();
        for (id, known) in self.by_table.get("clients").into_iter().flatten() {
            if known.stored.row.as_ref().is_some_and(|row| !judge::is_deleted(row)) {
                around.clients.insert(*id);
            }
        }
        for (id, known) in self.by_table.get("visits").into_iter().flatten() {
            if let Some(facts) = known.stored.row.as_ref().filter(|row| !judge::is_deleted(row)).and_then(facts) {
                around.visits.insert(*id, facts);
            } else if known.stored.hidden || known.stored.row.is_some() {
                around.hidden_visits.insert(*id);
            }
        }
        around
    }
}

fn facts(visit: &Row) -> Option<VisitFacts> {
    Some(VisitFacts {
        user_id: judge::id(visit, "user_id")?,
        client_id: judge::id(visit, "client_id")?,
        cancelled: visit.get("status").and_then(Value::as_str) == Some("cancelled"),
        completed: visit.get("status").and_then(Value::as_str) == Some("completed"),
    })
}

/// What is to be written, by table, and what is to be told.
#[derive(Default)]
struct Outcome {
    /// The number that the phone's cursor has come to.
    held: i64,
    inserts: BTreeMap<&'static str, Vec<Row>>,
    updates: BTreeMap<&'static str, Vec<Row>>,
    deletes: BTreeMap<&'static str, Vec<Uuid>>,
    /// Rows that the phone must get again.
    touched: Vec<(&'static Table, Uuid, Vec<String>)>,
    conflicts: Vec<ConflictAt>,
    refused: Vec<Refused>,
    receipts: Vec<Receipt>,
    audit: Vec<AuditEntry>,
    checked: Vec<Uuid>,
    planned: Vec<(Uuid, Uuid)>,
    unchanged: usize,
}

impl Outcome {
    fn take(&mut self, record: &Record, known: &Stock, author: &Author, around: &mut Surroundings, now: Timestamp) {
        let (table, id) = (record.table, record.id);
        let nothing = Known::default();
        let state = known.of(table, id).unwrap_or(&nothing);
        let digest = record.digest.trim_start_matches("\\x");
        if state.receipts.iter().any(|receipt| receipt == digest) {
            self.unchanged += 1;
            self.send_again_where_other(record, state);
            return;
        }
        let Judgement { verdict, conflicts } = match &record.pushed {
            Some(pushed) => judge::upsert(table, pushed, &state.stored, author, around, now),
            None => judge::delete(table, id, &state.stored, author, around),
        };
        let client_id = client_of(table, &verdict, state, around);
        match verdict {
            Verdict::Refuse(reason) => {
                self.refused.push(record.refused(reason));
                return;
            }
            Verdict::Keep => {
                self.unchanged += 1;
                self.send_again_where_other(record, state);
            }
            Verdict::Insert(row) => {
                self.note_visit(table, id, &row, None, around);
                self.audit("create", table, id, client_id);
                self.inserts.entry(table.name).or_default().push(row);
            }
            Verdict::Update(row) => {
                self.note_visit(table, id, &row, state.stored.row.as_ref(), around);
                self.audit("update", table, id, client_id);
                self.updates.entry(table.name).or_default().push(row);
            }
            Verdict::Delete => {
                self.audit("delete", table, id, client_id);
                self.deletes.entry(table.name).or_default().push(id);
            }
        }
        if let Some(client_id) = client_id {
            let at = |conflict| ConflictAt { table_name: table.name, record_id: id, client_id, conflict };
            self.conflicts.extend(conflicts.into_iter().map(at));
        }
        self.receipts.push(Receipt { record_id: id, body_sha256: record.digest.clone() });
    }

    /// After a push a phone takes its own values for the server's; where they are not, it must get the row again.
    fn send_again_where_other(&mut self, record: &Record, state: &Known) {
        let (Some(row), Some(pushed)) = (&state.stored.row, &record.pushed) else { return };
        // What changed after the phone's cursor comes with its next pull anyway.
        let passed = row.get("change_number").and_then(Value::as_i64).is_some_and(|number| number <= self.held);
        if passed && !judge::is_deleted(row) {
            let columns = judge::differing(record.table, pushed, row);
            if !columns.is_empty() {
                self.touched.push((record.table, record.id, columns));
            }
        }
    }

    /// A visit of this push is known to what follows in it; new check-ins are measured, and new visits grant access.
    fn note_visit(&mut self, table: &Table, id: Uuid, row: &Row, before: Option<&Row>, around: &mut Surroundings) {
        if table.name != "visits" {
            return;
        }
        if let Some(facts) = facts(row) {
            if before.is_none_or(|before| before.get("status") != row.get("status")) {
                self.planned.push((facts.client_id, facts.user_id));
            }
            around.visits.insert(id, facts);
        }
        let checked =
            |name: &str| row.get(name).is_some_and(|v| !v.is_null() && before.and_then(|b| b.get(name)) != Some(v));
        if checked("check_in_latitude") || checked("check_out_latitude") {
            self.checked.push(id);
        }
    }

    fn audit(&mut self, verb: &str, table: &Table, id: Uuid, client_id: Option<Uuid>) {
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

    /// Parents first, one statement a table.
    async fn write(&mut self, tx: &mut Tx<Caller>) -> Result<(), Error> {
        for table in TABLES {
            if let Some(rows) = self.inserts.get(table.name) {
                sync_push::insert(tx, table, rows).await?;
            }
            if let Some(rows) = self.updates.get(table.name) {
                sync_push::update(tx, table, rows).await?;
            }
            if let Some(ids) = self.deletes.get(table.name) {
                sync_push::delete(tx, table, ids).await?;
            }
        }
        for (table, id, columns) in &self.touched {
            sync_push::touch(tx, table, *id, columns).await?;
        }
        sync_push::measure(tx, &self.checked).await?;
        self.planned.sort_unstable();
        self.planned.dedup();
        for (client_id, user_id) in &self.planned {
            care_team::refresh_scheduled(tx, *client_id, *user_id).await?;
        }
        sync_push::keep_conflicts(tx, &self.conflicts).await?;
        sync_push::quarantine(tx, &self.refused).await?;
        sync_push::remember(tx, &self.receipts).await?;
        for entry in self.audit.drain(..) {
            tx.audit(entry);
        }
        Ok(())
    }

    fn told(self) -> Pushed {
        let mut told = Pushed {
            applied: self.receipts.len() - self.unchanged.min(self.receipts.len()),
            unchanged: self.unchanged,
            conflicts: self.conflicts.len(),
            ..Pushed::default()
        };
        for refused in self.refused {
            let ids = told.experimental_rejected_ids.entry(refused.table_name.clone()).or_default();
            ids.push(refused.record_id.clone());
            told.rejected.push(Rejected { table: refused.table_name, id: refused.record_id, reason: refused.reason });
        }
        told
    }
}

fn client_of(table: &Table, verdict: &Verdict, state: &Known, around: &Surroundings) -> Option<Uuid> {
    state.client_id.or_else(|| {
        let (Verdict::Insert(row) | Verdict::Update(row)) = verdict else { return None };
        match table.name {
            "clients" => judge::id(row, "id"),
            _ => judge::id(row, "client_id")
                .or_else(|| around.visits.get(&judge::id(row, "visit_id")?).map(|visit| visit.client_id)),
        }
    })
}
