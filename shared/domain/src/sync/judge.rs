//! What becomes of one pushed record: applied, merged, in conflict, or refused. Pure: what the server has is given, so
//! that any history can be tried in a test. How fields are merged is in `merge`, who may write what in `permits`, and the
//! tables' own rules in `visits` and `tasks`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    merge, permits,
    schema::{Column, Table, Writer},
    tasks, visits,
};
use crate::identity::Role;

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

impl Pushed {
    /// Whether the device means to write this column.
    #[must_use]
    pub fn edits(&self, column: &str) -> bool {
        let changed = self.raw.get("_changed").and_then(Value::as_str).unwrap_or_default();
        self.created || changed.split(',').any(|name| name == column)
    }

    /// When the phone last wrote the row, by its own clock, in milliseconds. It orders nothing but what this phone
    /// itself wrote on one cursor.
    #[must_use]
    pub fn stamp(&self) -> Option<i64> {
        self.raw.get("updated_at")?.as_i64()
    }
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
    /// Columns that this device changed after the cursor that its push carries, and [the stamp](Pushed::stamp) of that
    /// push where it is known. Requests may overtake each other, so that either may be the newer one.
    pub own_since: BTreeMap<String, Option<i64>>,
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
    /// Those of them that were taken from the caller: only what was done before is taken from the device.
    pub taken_clients: BTreeSet<Uuid>,
    /// Visits that the caller may see, as far as this push names them; those of the push itself included.
    pub visits: BTreeMap<Uuid, VisitFacts>,
    /// Visits that this push names and that are there, but not the caller's to see.
    pub hidden_visits: BTreeSet<Uuid>,
    /// Visits that this push names, would be the caller's to see, and were deleted.
    pub deleted_visits: BTreeMap<Uuid, VisitFacts>,
}

/// What the record has while nobody has decided between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The server's value, until a person decides.
    Server,
    /// The device's: it arrived later.
    Device,
    /// The server's: the device itself wrote it, later than what arrives now.
    Overtaken,
    /// Neither: the record is deleted. The side that deleted it has no value.
    Deleted,
}

/// Two values for one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// Which column.
    pub column: String,
    /// What the server had.
    pub server_value: Value,
    /// What the device sent.
    pub device_value: Value,
    /// Who gave the server its value.
    pub server_user_id: Option<Uuid>,
    /// Which of the two the record has.
    pub standing: Standing,
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
    pub(super) fn just(verdict: Verdict) -> Self {
        Self { verdict, conflicts: Vec::new() }
    }
    pub(super) fn refuse(reason: impl Into<String>) -> Self {
        Self::just(Verdict::Refuse(reason.into()))
    }
}

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
        return Judgement::refuse(permits::NOT_YOURS);
    }
    let edits = match merge::edits(table, pushed, stored.row.is_none()) {
        Ok(edits) => edits,
        Err(reasons) => return Judgement::refuse(reasons),
    };
    let judgement = match &stored.row {
        None => merge::create(table, pushed.id, edits, author, around, now),
        Some(row) if is_deleted(row) => merge::lost_to_deletion(table, row, edits, author, around, now),
        Some(_) => merge::change(table, edits, pushed.stamp(), stored, author, around, now),
    };
    judgement.unwrap_or_else(Judgement::refuse)
}

/// Judges a deletion.
#[must_use]
pub fn delete(table: &'static Table, stored: &Stored, author: &Author, around: &Surroundings) -> Judgement {
    let Some(row) = &stored.row else {
        // Deleting what nobody has is fine.
        return if stored.hidden { Judgement::refuse(permits::NOT_YOURS) } else { Judgement::just(Verdict::Keep) };
    };
    if is_deleted(row) {
        return Judgement::just(Verdict::Keep);
    }
    if let Err(reason) = permits::may_delete(table, row, author, around) {
        return Judgement::refuse(reason);
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
            standing: Standing::Deleted,
        })
        .collect();
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

/// Brings a row in line with the table's own rules: a visit's status with its times, a task's tick with its time.
///
/// # Errors
/// Says which rule it breaks.
pub fn settle(table: &Table, row: &mut Row, before: Option<&Row>, now: Timestamp) -> Result<(), String> {
    match table.name {
        "visits" => visits::settle(row, before, now),
        "visit_tasks" => tasks::settle(row, now),
        _ => Ok(()),
    }
}

/// Whether a row was softly deleted.
#[must_use]
pub fn is_deleted(row: &Row) -> bool {
    present(row, "deleted_at")
}

pub(super) fn present(row: &Row, name: &str) -> bool {
    row.get(name).is_some_and(|value| !value.is_null())
}

pub(super) fn text<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name)?.as_str()
}

pub(super) fn moment(row: &Row, name: &str) -> Option<Timestamp> {
    text(row, name)?.parse().ok()
}

/// An id in a row.
#[must_use]
pub fn id(row: &Row, name: &str) -> Option<Uuid> {
    text(row, name)?.parse().ok()
}
