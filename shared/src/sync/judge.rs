//! What becomes of one pushed record: applied, merged, in conflict, or refused. Pure: what the server has is given, so
//! that any history can be tried in a test.
//!
//! Merging is by field. A column is the device's edit where WatermelonDB's `_changed` names it (all columns of a new
//! record). Where somebody else changed the same column since the device's work began, to another value, that is a true
//! conflict: the later arrival wins, but for clinical values the server's stays; either way both values are kept.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    photos,
    schema::{Column, Table, Writer},
};
use crate::{clinical, error::Error, identity::Role, models::visit_tasks::TaskType, validation::Faults};

/// A row as PostgreSQL's JSON has it.
pub type Row = Map<String, Value>;

/// Who pushes.
#[derive(Clone, Copy, Debug)]
pub struct Author {
    /// Who.
    pub user_id: Uuid,
    /// In which agency.
    pub agency_id: Uuid,
    /// As what.
    pub role: Role,
}

/// A record as a device sent it.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Its id.
    pub id: Uuid,
    /// Its columns, as on the wire.
    pub raw: Map<String, Value>,
    /// Whether it stood among the created ones, so that every column is an edit.
    pub created: bool,
}

/// What somebody else made of a column since the device's work began.
#[derive(Clone, Debug, PartialEq)]
pub struct Other {
    /// The newest value.
    pub value: Value,
    /// Whose it is; none where a job wrote it.
    pub user_id: Option<Uuid>,
}

/// What the server has of a record.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Whether there is such a record that the caller may not see.
    pub hidden: bool,
    /// The row, where there is one that the caller may see.
    pub row: Option<Row>,
    /// Columns that others changed since the device's work began.
    pub others: BTreeMap<String, Other>,
    /// Columns that this device changed after the cursor that its push carries: a newer push of its own came first.
    pub own_since: BTreeSet<String>,
}

/// What the judgement of children needs to know of a visit.
#[derive(Clone, Debug)]
pub struct VisitFacts {
    /// Who goes there.
    pub user_id: Uuid,
    /// Who is visited.
    pub client_id: Uuid,
    /// Whether it was called off.
    pub cancelled: bool,
    /// Whether it took place and has ended.
    pub completed: bool,
}

/// Everything around a record that its judgement needs.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Clients whom the caller may see, as far as this push names them.
    pub clients: BTreeSet<Uuid>,
    /// Visits that the caller may see, as far as this push names them; those of the push itself included.
    pub visits: BTreeMap<Uuid, VisitFacts>,
    /// Visits that this push names and that are there, but not the caller's to see.
    pub hidden_visits: BTreeSet<Uuid>,
}

/// Two values for one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conflict {
    /// Which column.
    pub column: String,
    /// What the server had.
    pub server_value: Value,
    /// What the device sent.
    pub device_value: Value,
    /// Who gave the server its value.
    pub server_user_id: Option<Uuid>,
    /// Whether a person must decide; otherwise the device's value won.
    pub needs_review: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing: the server has it all.
    Keep,
    /// A new row.
    Insert(Row),
    /// The row as merged.
    Update(Row),
    /// Soft deletion.
    Delete,
    /// Kept in quarantine, for this reason.
    Refuse(String),
}

/// A verdict and the conflicts found on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// What is to be done.
    pub verdict: Verdict,
    /// What is to be kept for a person, or for the record.
    pub conflicts: Vec<Conflict>,
}

impl Judgement {
    fn just(verdict: Verdict) -> Self {
        Self { verdict, conflicts: Vec::new() }
    }
    fn refuse(reason: impl Into<String>) -> Self {
        Self::just(Verdict::Refuse(reason.into()))
    }
}

/// Told for rows of others, and of nobody: which of the two is not told.
pub(super) const NOT_YOURS: &str = "this is not yours to change";

/// Judges a record that a device created or changed. `now` is the server's time.
#[must_use]
pub fn upsert(
    table: &'static Table,
    pushed: &Pushed,
    stored: &Stored,
    author: &Author,
    around: &Surroundings,
    now: Timestamp,
) -> Judgement {
    if stored.hidden {
        return Judgement::refuse(NOT_YOURS);
    }
    let edits = match edits(table, pushed, stored.row.is_none()) {
        Ok(edits) => edits,
        Err(reasons) => return Judgement::refuse(reasons),
    };
    match &stored.row {
        None => create(table, pushed.id, edits, author, around, now),
        Some(row) if is_deleted(row) => lost_to_deletion(row, &edits),
        Some(row) => change(table, row, edits, stored, author, around, now),
    }
}

/// Judges a deletion.
#[must_use]
pub fn delete(table: &'static Table, id: Uuid, stored: &Stored, author: &Author, around: &Surroundings) -> Judgement {
    let Some(row) = &stored.row else {
        // Deleting what nobody has is fine.
        return if stored.hidden { Judgement::refuse(NOT_YOURS) } else { Judgement::just(Verdict::Keep) };
    };
    if is_deleted(row) {
        return Judgement::just(Verdict::Keep);
    }
    let permitted = match table.name {
        "visit_tasks" => may_write_task(row, author, around),
        "photos" => photos::may_change(row, author, around),
        "clients" => Err("clients are removed on the portal".to_owned()),
        _ if author.role.sees_agency() => Ok(()),
        _ => Err(NOT_YOURS.to_owned()),
    };
    if let Err(reason) = permitted {
        return Judgement::refuse(reason);
    }
    if table.name == "visits" && matches!(text(row, "status"), Some("in_progress" | "completed")) {
        return Judgement::refuse("a visit that took place stays on record");
    }
    // The deletion stands; what others wrote meanwhile is kept for a person to see.
    let conflicts = stored
        .others
        .iter()
        .filter(|(column, _)| table.column(column).is_some_and(|column| column.writer != Writer::Server))
        .map(|(column, other)| Conflict {
            column: column.clone(),
            server_value: other.value.clone(),
            device_value: Value::Null,
            server_user_id: other.user_id,
            needs_review: true,
        })
        .collect();
    let _ = id;
    Judgement { verdict: Verdict::Delete, conflicts }
}

/// The columns in which the stored row is other than the phone's.
#[must_use]
pub fn differing(table: &'static Table, pushed: &Pushed, row: &Row) -> Vec<String> {
    let stamped = |column: &&Column| matches!(column.name, "created_at" | "updated_at");
    let differs = |column: &&Column| {
        let Some(Ok(device)) = pushed.raw.get(column.name).map(|wire| column.read(wire)) else { return false };
        !column.same(row.get(column.name).unwrap_or(&Value::Null), &device)
    };
    let columns = table.columns.iter().filter(|column| !stamped(column)).filter(differs);
    columns.map(|column| column.name.to_owned()).collect()
}

type Edits = BTreeMap<&'static str, (&'static Column, Value)>;

/// The columns that the device means to write, as the database has them.
fn edits(table: &'static Table, pushed: &Pushed, is_new: bool) -> Result<Edits, String> {
    let named: Option<BTreeSet<&str>> = (!pushed.created && !is_new).then(|| {
        let changed = pushed.raw.get("_changed").and_then(Value::as_str).unwrap_or_default();
        changed.split(',').filter(|name| !name.is_empty()).collect()
    });
    let mut reasons = Vec::new();
    if let Some(named) = &named {
        let unknown = named.iter().filter(|name| **name != "id" && table.column(name).is_none());
        reasons.extend(unknown.map(|name| format!("{name} is not a known column")));
    }
    let mut edits = Edits::new();
    for column in table.columns.iter().filter(|column| column.writer != Writer::Server) {
        let wanted = named.as_ref().is_none_or(|named| named.contains(column.name));
        // What an old app doesn't know keeps its value.
        let Some(wire) = pushed.raw.get(column.name).or((is_new && !column.optional).then_some(&Value::Null)) else {
            continue;
        };
        if wanted {
            match column.read(wire) {
                Ok(value) => {
                    edits.insert(column.name, (column, value));
                }
                Err(reason) => reasons.push(reason),
            }
        }
    }
    if reasons.is_empty() { Ok(edits) } else { Err(reasons.join("; ")) }
}

fn create(
    table: &'static Table,
    id: Uuid,
    edits: Edits,
    author: &Author,
    around: &Surroundings,
    now: Timestamp,
) -> Judgement {
    let mut row: Row = edits.into_iter().map(|(name, (_, value))| (name.to_owned(), value)).collect();
    row.insert("id".into(), json!(id));
    row.insert("agency_id".into(), json!(author.agency_id));
    match table.name {
        "alerts" => {
            row.insert("raised_by".into(), json!(author.user_id));
            row.insert("status".into(), json!("open"));
            row.insert("escalation_level".into(), json!(0));
        }
        "photos" => {
            row.insert("status".into(), json!("pending"));
            row.insert("version".into(), json!(1));
        }
        _ => {}
    }
    if let Err(reason) = may_create(table, &row, author, around).and_then(|()| settle(table, &mut row, None, now)) {
        return Judgement::refuse(reason);
    }
    Judgement::just(Verdict::Insert(row))
}

fn change(
    table: &'static Table,
    stored_row: &Row,
    edits: Edits,
    stored: &Stored,
    author: &Author,
    around: &Surroundings,
    now: Timestamp,
) -> Judgement {
    let mut row = stored_row.clone();
    let mut conflicts = Vec::new();
    for (name, (column, device)) in edits {
        let server = stored_row.get(name).cloned().unwrap_or(Value::Null);
        // Overtaken by the device's own newer value, an older one has nothing to say any more.
        if column.same(&server, &device) || stored.own_since.contains(name) {
            continue;
        }
        if column.writer == Writer::PhoneOnce {
            return Judgement::refuse(format!("{name} can't be changed"));
        }
        let other = stored.others.get(name).filter(|other| !column.same(&other.value, &device));
        let clinical = column.clinical && (table.name != "visit_tasks" || is_clinical(stored_row));
        if let Some(other) = other {
            conflicts.push(Conflict {
                column: name.to_owned(),
                server_value: server,
                device_value: device.clone(),
                server_user_id: other.user_id,
                needs_review: clinical,
            });
        }
        if other.is_none() || !clinical {
            row.insert(name.to_owned(), device);
        }
    }
    if row == *stored_row {
        return Judgement { verdict: Verdict::Keep, conflicts };
    }
    if let Err(reason) = may_change(table, stored_row, &row, author, around) {
        return Judgement::refuse(reason);
    }
    if table.name == "visits" {
        conflicts.extend(keep_to_the_way(stored_row, &mut row));
    }
    match settle(table, &mut row, Some(stored_row), now) {
        Err(reason) => Judgement::refuse(reason),
        Ok(()) if row == *stored_row => Judgement { verdict: Verdict::Keep, conflicts },
        Ok(()) => Judgement { verdict: Verdict::Update(row), conflicts },
    }
}

/// The deletion stands, and what was written on the deleted row is kept for a person to see.
fn lost_to_deletion(row: &Row, edits: &Edits) -> Judgement {
    let conflicts = edits
        .iter()
        .filter(|(name, (column, device))| !column.same(row.get(**name).unwrap_or(&Value::Null), device))
        .map(|(name, (_, device))| Conflict {
            column: (*name).to_owned(),
            server_value: Value::Null,
            device_value: device.clone(),
            server_user_id: row.get("updated_by").and_then(Value::as_str).and_then(|id| id.parse().ok()),
            needs_review: true,
        })
        .collect();
    Judgement { verdict: Verdict::Keep, conflicts }
}

fn may_create(table: &Table, row: &Row, author: &Author, around: &Surroundings) -> Result<(), String> {
    let not_yours = || Err(NOT_YOURS.to_owned());
    let client_seen = id(row, "client_id").is_some_and(|client| around.clients.contains(&client));
    match table.name {
        "clients" => Err("clients are changed on the portal".into()),
        "visits" | "alerts" if !client_seen => not_yours(),
        "visits" if id(row, "user_id") == Some(author.user_id) && author.role.gives_care() => Ok(()),
        "visits" => Err("visits of others are planned on the portal".into()),
        "visit_tasks" => may_write_task(row, author, around),
        "alerts" if id(row, "visit_id").is_some_and(|visit| !around.visits.contains_key(&visit)) => {
            Err("its visit is not known".into())
        }
        "alerts" => Ok(()),
        "photos" => photos::may_create(row, author, around),
        _ => not_yours(),
    }
}

fn may_change(table: &Table, before: &Row, after: &Row, author: &Author, around: &Surroundings) -> Result<(), String> {
    let planner = author.role.sees_agency();
    match table.name {
        "clients" => Err("clients are changed on the portal".into()),
        "photos" => photos::may_change(before, author, around),
        _ if planner && table.name != "visit_tasks" => Ok(()),
        "visits" if id(before, "user_id") != Some(author.user_id) => Err(NOT_YOURS.into()),
        "visits" => {
            let moved = ["scheduled_start", "scheduled_end"].iter().any(|name| before.get(*name) != after.get(*name));
            if moved { Err("visits are moved on the portal".into()) } else { Ok(()) }
        }
        "visit_tasks" => {
            may_write_task(before, author, around)?;
            may_write_task(after, author, around)
        }
        "alerts" if text(before, "raised_by") == Some(&author.user_id.to_string()) => Ok(()),
        _ => Err(NOT_YOURS.into()),
    }
}

/// As over REST: tasks of one's own visits, of the types that one's role writes.
fn may_write_task(task: &Row, author: &Author, around: &Surroundings) -> Result<(), String> {
    let visit = id(task, "visit_id").and_then(|visit| around.visits.get(&visit)).ok_or("its visit is not known")?;
    if !author.role.sees_agency() && visit.user_id != author.user_id {
        return Err(NOT_YOURS.into());
    }
    if visit.cancelled {
        return Err("its visit was called off".into());
    }
    match task_type(task) {
        Some(kind) if kind.writable_by(author.role) => Ok(()),
        Some(kind) => Err(format!("tasks of the type {} are for nurses", <&str>::from(kind))),
        None => Err("its type is not known".into()),
    }
}

/// The moves that a visit's status may make (migration V006).
fn may_move(from: &str, to: &str) -> bool {
    from == to
        || matches!(
            (from, to),
            ("scheduled", "in_progress" | "completed" | "cancelled" | "missed")
                | ("missed", "in_progress" | "completed")
                | ("in_progress", "completed")
        )
}

/// What a move of the status brings with it.
const OF_THE_MOVE: [&str; 10] = [
    "status",
    "cancel_reason",
    "actual_start",
    "actual_end",
    "check_in_latitude",
    "check_in_longitude",
    "check_in_accuracy_m",
    "check_out_latitude",
    "check_out_longitude",
    "check_out_accuracy_m",
];

/// A move that a visit can't make any more is not lost: it waits for a person, and the rest of the record is merged.
fn keep_to_the_way(before: &Row, after: &mut Row) -> Vec<Conflict> {
    let from = text(before, "status").unwrap_or_default().to_owned();
    let to = text(after, "status").unwrap_or_default().to_owned();
    // Facts outrank the word for them: who checked in was there, whatever the phone calls it.
    let told = match (present(after, "actual_start"), present(after, "actual_end")) {
        (true, true) => "completed".to_owned(),
        (true, false) => "in_progress".to_owned(),
        (false, _) => to,
    };
    // The server's check-in, kept until a person decides, may contradict the check-out of this phone.
    let contradicted = present(before, "actual_start") && ends_before_it_began(after);
    if may_move(&from, &told) && !contradicted {
        after.insert("status".into(), json!(told));
        return Vec::new();
    }
    let mut conflicts = Vec::new();
    for column in OF_THE_MOVE {
        let server = before.get(column).cloned().unwrap_or(Value::Null);
        let device = after.insert(column.to_owned(), server.clone()).unwrap_or(Value::Null);
        if server != device {
            conflicts.push(Conflict {
                column: column.to_owned(),
                server_value: server,
                device_value: device,
                server_user_id: before.get("updated_by").and_then(Value::as_str).and_then(|id| id.parse().ok()),
                needs_review: true,
            });
        }
    }
    conflicts
}

/// Brings a row in line with the table's own rules: a visit's status with its times, a task's tick with its time.
///
/// # Errors
/// Says which rule it breaks.
pub fn settle(table: &Table, row: &mut Row, before: Option<&Row>, now: Timestamp) -> Result<(), String> {
    match table.name {
        "visits" => settle_visit(row, before, now),
        "visit_tasks" => settle_task(row, now),
        _ => Ok(()),
    }
}

fn settle_visit(row: &mut Row, before: Option<&Row>, now: Timestamp) -> Result<(), String> {
    let (came, left) = (present(row, "actual_start"), present(row, "actual_end"));
    let status = match (came, left) {
        (true, true) => "completed",
        (true, false) => "in_progress",
        (false, true) => return Err("a visit can't end before it began".into()),
        (false, false) => text(row, "status").unwrap_or("scheduled"),
    };
    if !came && matches!(status, "in_progress" | "completed") {
        return Err("a visit under way needs its actual_start".into());
    }
    let status = status.to_owned();
    if status == "cancelled" && !present(row, "cancel_reason") {
        return Err("a visit called off needs its cancel_reason".into());
    }
    if status != "cancelled" {
        row.insert("cancel_reason".into(), Value::Null);
    }
    row.insert("status".into(), json!(status));
    if moment(row, "scheduled_end") <= moment(row, "scheduled_start") {
        return Err("scheduled_end must be later than scheduled_start".into());
    }
    if ends_before_it_began(row) {
        return Err("actual_end must not be before actual_start".into());
    }
    for (fact, received) in [("actual_start", "check_in_received_at"), ("actual_end", "check_out_received_at")] {
        let known = before.is_some_and(|before| before.get(fact) == row.get(fact));
        if present(row, fact) && !known {
            row.insert(received.into(), json!(now));
        }
    }
    Ok(())
}

fn ends_before_it_began(visit: &Row) -> bool {
    let (began, ended) = (moment(visit, "actual_start"), moment(visit, "actual_end"));
    began.is_some() && ended.is_some() && ended < began
}

fn settle_task(row: &mut Row, now: Timestamp) -> Result<(), String> {
    let completed = row.get("completed") == Some(&json!(true));
    if !completed {
        row.insert("completed_at".into(), Value::Null);
    } else if !present(row, "completed_at") {
        row.insert("completed_at".into(), json!(now));
    }
    let (Some(kind), Some(data)) = (task_type(row), row.get("data").filter(|data| !data.is_null())) else {
        return Ok(());
    };
    let mut faults = Faults::default();
    clinical::check_data(kind, data, "", &mut faults).map_err(|error| error.to_string())?;
    match faults.into_result() {
        Err(Error::Invalid(faults)) => {
            let told: Vec<_> = faults
                .into_iter()
                .map(|fault| {
                    format!("data{} {}", fault.pointer.unwrap_or_default().trim_start_matches('#'), fault.detail)
                })
                .collect();
            Err(told.join("; "))
        }
        _ => Ok(()),
    }
}

/// Whether a row was softly deleted.
#[must_use]
pub fn is_deleted(row: &Row) -> bool {
    present(row, "deleted_at")
}

fn is_clinical(row: &Row) -> bool {
    task_type(row).is_some_and(TaskType::is_clinical)
}

fn task_type(row: &Row) -> Option<TaskType> {
    text(row, "task_type")?.parse().ok()
}

fn present(row: &Row, name: &str) -> bool {
    row.get(name).is_some_and(|value| !value.is_null())
}

fn text<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name)?.as_str()
}

fn moment(row: &Row, name: &str) -> Option<Timestamp> {
    text(row, name)?.parse().ok()
}

/// An id in a row.
#[must_use]
pub fn id(row: &Row, name: &str) -> Option<Uuid> {
    text(row, name)?.parse().ok()
}
