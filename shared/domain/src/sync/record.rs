//! What reconciliation is given of a record, and what it answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{conflict::ColumnConflict, schema::AUTHOR};

/// A row as PostgreSQL's JSON has it.
pub type Row = Map<String, Value>;

/// A record as a device sent it.
#[derive(Clone, Debug)]
pub struct PushedRecord {
    /// The record's id, as it was sent.
    pub id: Uuid,
    /// Its columns, as on the wire.
    pub raw: Map<String, Value>,
    /// Whether it stood among the created ones, so that every column is an edit.
    pub created: bool,
}

impl PushedRecord {
    /// The columns that `_changed` names.
    pub fn changed(&self) -> impl Iterator<Item = &str> {
        let changed = self.raw.get("_changed").and_then(Value::as_str).unwrap_or_default();
        changed.split(',').filter(|name| !name.is_empty())
    }

    /// Whether the device means to write this column.
    #[must_use]
    pub fn edits(&self, column: &str) -> bool {
        self.created || self.changed().any(|name| name == column)
    }

    /// When the phone last wrote the row, by its own clock, in milliseconds. It orders nothing but what this phone
    /// itself wrote on one cursor.
    #[must_use]
    pub fn stamp(&self) -> Option<i64> {
        self.raw.get("updated_at")?.as_i64()
    }

    /// Whose session wrote what the server hasn't taken yet, where the phone says so.
    #[must_use]
    pub fn author(&self) -> Option<Uuid> {
        self.named(AUTHOR)
    }

    /// The record that a column names, as far as it is one.
    #[must_use]
    pub fn named(&self, column: &str) -> Option<Uuid> {
        id(&self.raw, column)
    }
}

/// What somebody else made of a column since the device's work began.
#[derive(Clone, Debug, PartialEq)]
pub struct OthersValue {
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
    pub others: BTreeMap<String, OthersValue>,
    /// Columns that this device changed after the cursor that its push carries, and [the stamp](PushedRecord::stamp) of
    /// that push where it is known. Requests may overtake each other, so that either may be the newer one.
    pub own_since: BTreeMap<String, Option<i64>>,
    /// The columns in which the device was last given another value than the row's, by its own push or by a pull, with
    /// that value. None where it was never answered with the record: then all of what it created is its own.
    pub given: Option<Row>,
    /// What the device itself last wrote of each column, where it may be sending that again: no pull since has found
    /// nothing waiting.
    pub sent: Row,
}

impl Stored {
    /// What the device was last given of a column; none where it was never answered with the record.
    #[must_use]
    pub fn last_given(&self, column: &str) -> Option<&Value> {
        let given = self.given.as_ref()?;
        Some(given.get(column).unwrap_or_else(|| self.row.as_ref().map_or(&Value::Null, |row| value_of(row, column))))
    }

    /// The row, where there is one that wasn't deleted.
    #[must_use]
    pub fn present(&self) -> Option<&Row> {
        self.row.as_ref().filter(|row| !is_deleted(row))
    }
}

/// What is to be done with a pushed record.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Nothing: the server has it all.
    Keep,
    /// A new row.
    Insert(Row),
    /// The row as merged.
    Update(Row),
    /// The record is marked as deleted, and stays.
    Delete,
    /// Kept in quarantine, for this reason.
    Refuse(String),
}

impl Action {
    /// The row that is written.
    #[must_use]
    pub fn row(&self) -> Option<&Row> {
        match self {
            Self::Insert(row) | Self::Update(row) => Some(row),
            Self::Keep | Self::Delete | Self::Refuse(_) => None,
        }
    }
}

/// What became of a pushed record.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconciled {
    /// What is to be done.
    pub action: Action,
    /// What is to be kept for a person, or for the record.
    pub conflicts: Vec<ColumnConflict>,
    /// Columns where the phone has another value than the server, which nobody means.
    pub repeated: Vec<String>,
}

impl From<Action> for Reconciled {
    fn from(action: Action) -> Self {
        Self { action, conflicts: Vec::new(), repeated: Vec::new() }
    }
}

/// A column's value; null where there is none.
#[must_use]
pub fn value_of<'a>(row: &'a Row, column: &str) -> &'a Value {
    row.get(column).unwrap_or(&Value::Null)
}

/// Whether a row was softly deleted.
#[must_use]
pub fn is_deleted(row: &Row) -> bool {
    !value_of(row, "deleted_at").is_null()
}

/// The number of its last change.
#[must_use]
pub fn change_number(row: &Row) -> Option<i64> {
    row.get("change_number")?.as_i64()
}

/// Who changed it last; none where a job did.
#[must_use]
pub fn updated_by(row: &Row) -> Option<Uuid> {
    id(row, "updated_by")
}

/// The record's own id.
#[must_use]
pub fn own_id(row: &Row) -> Option<Uuid> {
    id(row, "id")
}

fn id(row: &Row, column: &str) -> Option<Uuid> {
    row.get(column)?.as_str()?.parse().ok()
}
