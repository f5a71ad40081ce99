//! What follows from a person's choice between two values.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    conflict::{Choice, StoredSide},
    reconcile::settle,
    record::{Row, value_of},
    schema::{Column, Table},
};

/// A conflict that a person decides.
#[derive(Clone, Copy, Debug)]
pub struct OpenConflict<'a> {
    /// The table's name.
    pub table: &'static Table,
    /// The column's name.
    pub column: &'static Column,
    /// What the server had.
    pub server_value: &'a Value,
    /// What the device sent.
    pub device_value: &'a Value,
    /// Which of the two the record had when they met.
    pub stored_side: StoredSide,
}

/// What a choice comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Chosen {
    /// The record has it already.
    AsItIs,
    /// The record is to become this.
    Write(Row),
}

/// Why a choice can't be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CannotChoose {
    /// The record was deleted.
    Deleted,
    /// The record has neither of the two values any more.
    Overwritten,
    /// The value breaks a rule of the record.
    DoesNotFit(String),
    /// A rule of the record is stronger than the value: a visit with a check-in is not scheduled.
    NotAnyMore,
}

/// What becomes of `row`, the record where there is one that wasn't deleted, by a person's choice.
///
/// # Errors
/// Why it can't be followed.
pub fn choose(
    conflict: OpenConflict<'_>,
    row: Option<&Row>,
    choice: Choice,
    now: Timestamp,
) -> Result<Chosen, CannotChoose> {
    let OpenConflict { table, column, server_value, device_value, stored_side } = conflict;
    let kept = match choice {
        Choice::Server => server_value,
        Choice::Device => device_value,
        Choice::Current => return Ok(Chosen::AsItIs),
    };
    let Some(before) = row else {
        let is_the_deletion = stored_side == StoredSide::Deleted && kept.is_null();
        return if is_the_deletion { Ok(Chosen::AsItIs) } else { Err(CannotChoose::Deleted) };
    };
    let has = |row: &Row, value: &Value| column.same(value_of(row, column.name), value);
    if has(before, kept) {
        return Ok(Chosen::AsItIs);
    }
    if !has(before, server_value) && !has(before, device_value) {
        return Err(CannotChoose::Overwritten);
    }
    let mut row = before.clone();
    row.insert(column.name.to_owned(), kept.clone());
    settle(table, &mut row, before, now).map_err(CannotChoose::DoesNotFit)?;
    if has(&row, kept) { Ok(Chosen::Write(row)) } else { Err(CannotChoose::NotAnyMore) }
}
