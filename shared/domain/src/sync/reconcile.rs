//! What becomes of one pushed record: applied, merged, in conflict, or refused. Pure: what the server has is given, so
//! that any history can be tried in a test. Here is what all tables have in common; each one's rules are in its own
//! file.
//!
//! Merging is by field. Where somebody else changed a column that the device edits, to another value and since the
//! device's work began, that is a true conflict: the later arrival wins, but for clinical values the server's stays;
//! either way both values are kept.
//!
//! Whether the device may write the record, and whether it is sound, is decided on the record with all its edits, so
//! that nothing comes into the chart by way of a conflict that couldn't be written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    alerts::Alert,
    clients::Client,
    conflict::{ColumnConflict, Resolution},
    edits::Edits,
    photos::Photo,
    policy::{Actor, Context, NOT_YOURS, Write},
    record::{Action, OthersValue, PushedRecord, Reconciled, Row, Stored, is_deleted, updated_by, value_of},
    schema::{Column, Entity, Table, Writer},
    synced_table::SyncedTable,
    visit_tasks::VisitTask,
    visits::Visit,
};

/// Calls a generic function with the type that has the table's rules.
macro_rules! by_rules_of {
    ($table:expr, $object:ident.$function:ident ( $($argument:expr),* )) => {
        match $table.entity {
            Entity::Client => $object.$function::<Client>($($argument),*),
            Entity::Visit => $object.$function::<Visit>($($argument),*),
            Entity::VisitTask => $object.$function::<VisitTask>($($argument),*),
            Entity::Photo => $object.$function::<Photo>($($argument),*),
            Entity::Alert => $object.$function::<Alert>($($argument),*),
        }
    };
}

/// Reconciles a record that a device created or changed. `now` is the server's time.
#[must_use]
pub fn upsert(
    table: &'static Table,
    pushed: &PushedRecord,
    stored: &Stored,
    actor: &Actor,
    context: &Context,
    now: Timestamp,
) -> Reconciled {
    let reconciliation = Reconciliation { table, stored, actor, context, now };
    by_rules_of!(table, reconciliation.upsert(pushed)).unwrap_or_else(|reason| Action::Refuse(reason).into())
}

/// Reconciles a deletion.
#[must_use]
pub fn delete(table: &'static Table, stored: &Stored, actor: &Actor, context: &Context) -> Reconciled {
    let reconciliation = Reconciliation { table, stored, actor, context, now: Timestamp::UNIX_EPOCH };
    by_rules_of!(table, reconciliation.delete()).unwrap_or_else(|reason| Action::Refuse(reason).into())
}

/// Brings a row in line with its table's rules; `before` is what it was.
///
/// # Errors
/// Says which rule it breaks.
pub(super) fn settle(table: &Table, row: &mut Row, before: &Row, now: Timestamp) -> Result<(), String> {
    struct Settling(Timestamp);
    impl Settling {
        fn settle<T: SyncedTable>(&self, row: &mut Row, before: &Row) -> Result<(), String> {
            let before = T::parse(before)?;
            T::change(row, |record| record.settle(Some(&before), self.0))?
        }
    }
    let settling = Settling(now);
    by_rules_of!(table, settling.settle(row, before))
}

/// Whose care a row concerns; none for a picture of a user.
#[must_use]
pub fn client_of(table: &Table, row: &Row, context: &Context) -> Option<Uuid> {
    struct Reading<'a>(&'a Row);
    impl Reading<'_> {
        fn client<T: SyncedTable>(&self, context: &Context) -> Option<Uuid> {
            T::parse(self.0).ok()?.client_id(context)
        }
    }
    let reading = Reading(row);
    by_rules_of!(table, reading.client(context))
}

/// The columns in which the stored row is other than the phone's, times included.
#[must_use]
pub fn differing(table: &'static Table, pushed: &PushedRecord, row: &Row) -> Vec<String> {
    let differs = |column: &&Column| {
        let Some(Ok(device)) = pushed.raw.get(column.name).map(|wire| column.read(wire)) else { return false };
        !column.same(value_of(row, column.name), &device)
    };
    table.columns.iter().filter(differs).map(|column| column.name.to_owned()).collect()
}

/// One record's reconciliation.
struct Reconciliation<'a> {
    table: &'static Table,
    stored: &'a Stored,
    actor: &'a Actor,
    context: &'a Context,
    now: Timestamp,
}

/// A row as it is, and what its table's rules look at.
struct Before<'a, T> {
    row: &'a Row,
    record: T,
}

impl Reconciliation<'_> {
    fn upsert<T: SyncedTable>(&self, pushed: &PushedRecord) -> Result<Reconciled, String> {
        let edits = Edits::parse(self.table, pushed, self.stored.row.is_none())?;
        let Some(row) = &self.stored.row else {
            let created = self.create::<T>(pushed.id, &edits)?;
            // After all else, so that what couldn't be created doesn't tell whether there is a record of others.
            return if self.stored.hidden { Err(NOT_YOURS.into()) } else { Ok(created) };
        };
        let (edits, repeated) = edits.other_than(row).made_by_a_person(pushed, self.stored);
        if edits.is_empty() {
            return Ok(Reconciled { repeated, ..Action::Keep.into() });
        }
        let before = Before { row, record: T::parse(row)? };
        if is_deleted(row) {
            return self.edit_of_deleted(&before, &edits);
        }
        Ok(Reconciled { repeated, ..self.change(&before, &edits, pushed.stamp())? })
    }

    /// A record that nobody has.
    fn create<T: SyncedTable>(&self, id: Uuid, edits: &Edits) -> Result<Reconciled, String> {
        let mut row = edits.over(&Row::new());
        row.insert("id".into(), json!(id));
        row.insert("agency_id".into(), json!(self.actor.agency_id));
        let mut record = T::parse(&row)?;
        record.begin(self.actor);
        T::may_write(&Write::Create(&record), self.actor, self.context)?;
        record.settle(None, self.now)?;
        row.extend(record.to_columns());
        Ok(Action::Insert(row).into())
    }

    /// A record that is there; `stamp` is the push's own, as [`PushedRecord::stamp`].
    fn change<T: SyncedTable>(
        &self,
        before: &Before<'_, T>,
        edits: &Edits,
        stamp: Option<i64>,
    ) -> Result<Reconciled, String> {
        let wished = edits.over(before.row);
        let after = T::parse(&wished)?;
        T::may_write(&Write::Change { before: &before.record, after: &after }, self.actor, self.context)?;
        self.sound(before, wished)?;

        let contested = self.contested(&before.record, edits);
        let (mut row, mut conflicts) = (before.row.clone(), Vec::new());
        for (column, device) in edits.iter() {
            let overtaken = self.is_overtaken(column, stamp);
            if column.writer == Writer::PhoneOnce && !overtaken {
                return Err(format!("{} can't be changed", column.name));
            }
            let resolution = match (overtaken, contested.get(column.name), self.others_value(column, device)) {
                (true, ..) => Some((Resolution::Overtaken, Some(self.actor.user_id))),
                (false, Some(by), _) => Some((Resolution::Server, *by)),
                (false, None, Some(other)) => Some((Resolution::Device, other.user_id)),
                (false, None, None) => None,
            };
            if let Some((resolution, server_user_id)) = resolution {
                conflicts.push(ColumnConflict {
                    column: column.name.to_owned(),
                    server_value: value_of(before.row, column.name).clone(),
                    device_value: device.clone(),
                    server_user_id,
                    resolution,
                });
            }
            if matches!(resolution, None | Some((Resolution::Device, _))) {
                row.insert(column.name.to_owned(), device.clone());
            }
        }
        if row != *before.row {
            conflicts = replaced(conflicts, self.enforce_transitions(before, &mut row)?);
        }
        if row != *before.row {
            T::change(&mut row, |record| record.settle(Some(&before.record), self.now))??;
        }
        let action = if row == *before.row { Action::Keep } else { Action::Update(row) };
        Ok(Reconciled { conflicts, ..action.into() })
    }

    /// The deletion stands, and what was written on the deleted row is kept for a person to see. What couldn't be
    /// written before the deletion is no conflict either.
    fn edit_of_deleted<T: SyncedTable>(&self, before: &Before<'_, T>, edits: &Edits) -> Result<Reconciled, String> {
        let wished = edits.over(before.row);
        let after = T::parse(&wished)?;
        T::may_write(&Write::ChangeDeleted { before: &before.record, after: &after }, self.actor, self.context)?;
        self.sound(before, wished)?;
        let conflicts = edits
            .iter()
            .map(|(column, device)| ColumnConflict {
                column: column.name.to_owned(),
                server_value: Value::Null,
                device_value: device.clone(),
                server_user_id: updated_by(before.row),
                resolution: Resolution::Deleted,
            })
            .collect();
        Ok(Reconciled { conflicts, ..Action::Keep.into() })
    }

    fn delete<T: SyncedTable>(&self) -> Result<Reconciled, String> {
        // Deleting what nobody has is fine, and so is what others have: which of the two it is isn't told.
        let Some(row) = self.stored.present() else { return Ok(Action::Keep.into()) };
        T::may_write(&Write::Delete(&T::parse(row)?), self.actor, self.context)?;
        // The deletion stands; what others wrote meanwhile is kept for a person to see.
        let written_by_people =
            |column: &str| self.table.column(column).is_some_and(|column| column.writer != Writer::Server);
        let conflicts = self
            .stored
            .others
            .iter()
            .filter(|(column, _)| written_by_people(column))
            .map(|(column, other)| ColumnConflict {
                column: column.clone(),
                server_value: other.value.clone(),
                device_value: Value::Null,
                server_user_id: other.user_id,
                resolution: Resolution::Deleted,
            })
            .collect();
        Ok(Reconciled { conflicts, ..Action::Delete.into() })
    }

    /// Whether the record is sound with everything that the device wrote. Moves of its status are not judged here: one
    /// that it can't make any more is kept for a person, and not refused.
    fn sound<T: SyncedTable>(&self, before: &Before<'_, T>, mut wished: Row) -> Result<(), String> {
        self.enforce_transitions(before, &mut wished)?;
        T::change(&mut wished, |record| record.settle(Some(&before.record), self.now))?
    }

    /// A move that a record can't make any more is not lost: it waits for a person, with all that was recorded with it,
    /// and the rest of the record is merged.
    fn enforce_transitions<T: SyncedTable>(
        &self,
        before: &Before<'_, T>,
        merged: &mut Row,
    ) -> Result<Vec<ColumnConflict>, String> {
        if T::change(merged, |record| T::enforce_transitions(&before.record, record))? {
            return Ok(Vec::new());
        }
        let mut conflicts = Vec::new();
        for column in self.table.columns.iter().filter(|column| column.group.is_some()) {
            let server_value = value_of(before.row, column.name).clone();
            let device_value = merged.insert(column.name.to_owned(), server_value.clone()).unwrap_or(Value::Null);
            if server_value != device_value {
                conflicts.push(ColumnConflict {
                    column: column.name.to_owned(),
                    server_value,
                    device_value,
                    server_user_id: updated_by(before.row),
                    resolution: Resolution::Server,
                });
            }
        }
        Ok(conflicts)
    }

    /// Whether the device itself wrote the column after this, and that came first.
    fn is_overtaken(&self, column: &Column, stamp: Option<i64>) -> bool {
        match (self.stored.own_since.get(column.name), stamp) {
            (Some(Some(newer)), Some(stamp)) => stamp < *newer,
            _ => false,
        }
    }

    /// What somebody else made of a column that the device edits. What came from the device itself, and can't be told
    /// to be older than this push or newer, is weighed like somebody else's.
    fn others_value(&self, column: &Column, device: &Value) -> Option<OthersValue> {
        let of_others = self.stored.others.get(column.name).filter(|other| !column.same(&other.value, device)).cloned();
        of_others.or_else(|| {
            let value = self.stored.row.as_ref()?.get(column.name)?.clone();
            matches!(self.stored.own_since.get(column.name), Some(None))
                .then_some(OthersValue { value, user_id: Some(self.actor.user_id) })
        })
    }

    /// The columns for which the server's value stays until a person decides, and who gave it: those that others
    /// changed too and that wait for a person, and all that was recorded with one of these.
    fn contested<T: SyncedTable>(&self, before: &T, edits: &Edits) -> BTreeMap<&'static str, Option<Uuid>> {
        edits
            .iter()
            .filter(|(column, _)| before.waits_for_a_person(column))
            .filter_map(|(column, device)| Some((column, self.others_value(column, device)?.user_id)))
            .flat_map(|(column, by)| self.table.recorded_with(column).map(move |column| (column.name, by)))
            .collect()
    }
}

/// `conflicts`, but for columns that are in `by` as well: those take their place.
fn replaced(conflicts: Vec<ColumnConflict>, by: Vec<ColumnConflict>) -> Vec<ColumnConflict> {
    let (replaced, kept): (Vec<_>, Vec<_>) =
        conflicts.into_iter().partition(|conflict| by.iter().any(|new| new.column == conflict.column));
    let author_of = |column: &str| replaced.iter().find(|old| old.column == column).and_then(|old| old.server_user_id);
    let by = by
        .into_iter()
        .map(|new| ColumnConflict { server_user_id: author_of(&new.column).or(new.server_user_id), ..new });
    kept.into_iter().chain(by).collect()
}
