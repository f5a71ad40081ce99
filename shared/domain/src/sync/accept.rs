//! What a person makes of a record that a phone sent and the server couldn't take: accepted as it came or corrected, by
//! the rules of every other write, in the name of whoever wrote it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    policy::{Actor, Context, NEEDS_REASON},
    reconcile,
    record::{Action, PushedRecord, Reconciled, Stored, is_deleted},
    schema::{Table, Writer},
};
use crate::{
    error::{Conflict, Error, Fault},
    validation::{Faults, pointer_token},
};

/// The record as it is to be taken. `came`: as the phone sent it; `correction`: as a person sent it instead. Of a row
/// that the phone had merely changed, what it changed counts, and what the correction says otherwise.
#[must_use]
pub fn wanted(id: Uuid, came: &Value, correction: Option<&Map<String, Value>>) -> PushedRecord {
    let nothing = Map::new();
    let came = came.as_object().unwrap_or(&nothing);
    let mut raw = correction.unwrap_or(came).clone();
    let created = raw.get("_status").and_then(Value::as_str) != Some("updated");
    if !created {
        let before = raw.get("_changed").and_then(Value::as_str).unwrap_or_default();
        let corrected = raw.iter().filter(|(name, value)| is_column(name) && came.get(*name) != Some(value));
        let changed: Vec<_> =
            before.split(',').filter(|name| !name.is_empty()).chain(corrected.map(|(name, _)| name.as_str())).collect();
        let changed = changed.join(",");
        raw.insert("_changed".into(), json!(changed));
    }
    PushedRecord { id, raw, created }
}

/// `WatermelonDB`'s own names begin with an underscore.
fn is_column(name: &str) -> bool {
    name != "id" && !name.starts_with('_')
}

/// What taking a record comes to. `stored`: what the server has; `strict`: whether columns that nobody knows are
/// faults, as they are where a person wrote them.
///
/// # Errors
/// Every fault by its place in `record`; or that the record can't take it any more.
pub fn accept(
    table: &'static Table,
    record: &PushedRecord,
    strict: bool,
    stored: &Stored,
    (actor, context): (&Actor, &Context),
    now: Timestamp,
) -> Result<Action, Error> {
    readable(table, record, strict, stored.row.is_none())?;
    decided(table, reconcile::upsert(table, record, &as_known(stored), actor, context, now), stored)
}

/// The same of a deletion.
///
/// # Errors
/// As [`accept`].
pub fn accept_deletion(
    table: &'static Table,
    stored: &Stored,
    actor: &Actor,
    context: &Context,
) -> Result<Action, Error> {
    decided(table, reconcile::delete(table, &as_known(stored), actor, context), stored)
}

/// Whoever accepts it knows what the record is by now: nothing is in conflict with what was written meanwhile.
fn as_known(stored: &Stored) -> Stored {
    Stored { hidden: stored.hidden, row: stored.row.clone(), ..Stored::default() }
}

/// Every column that can't be read.
fn readable(table: &Table, record: &PushedRecord, strict: bool, is_new: bool) -> Result<(), Error> {
    let mut faults = Faults::default();
    if strict {
        for name in record.raw.keys().filter(|name| is_column(name) && table.column(name).is_none()) {
            faults.add(&format!("/record/{}", pointer_token(name)), "is not a known column");
        }
    }
    for column in table.columns.iter().filter(|column| column.writer != Writer::Server) {
        let sent = record.raw.get(column.name).or((is_new && !column.optional).then_some(&Value::Null));
        let Some(wire) = sent.filter(|_| is_new || record.edits(column.name)) else { continue };
        if let Err(reason) = column.read(wire) {
            let fault = fault_of(table, &reason);
            faults.extend_at("", vec![fault]);
        }
    }
    faults.into_result()
}

fn decided(table: &Table, reconciled: Reconciled, stored: &Stored) -> Result<Action, Error> {
    let Reconciled { action, conflicts, .. } = reconciled;
    match action {
        Action::Refuse(reason) if reason == NEEDS_REASON => {
            Err(vec![Fault::body("/reason", "must say why: this visit is completed")].into())
        }
        Action::Refuse(reason) => {
            Err(reason.split("; ").map(|reason| fault_of(table, reason)).collect::<Vec<_>>().into())
        }
        _ if conflicts.is_empty() => Ok(action),
        _ if stored.row.as_ref().is_some_and(is_deleted) => {
            Err(Error::Conflict(Conflict::Final("The record was deleted meanwhile. Dismiss this, or write it anew.")))
        }
        _ => Err(Error::Conflict(Conflict::Final("The record can't become this any more. Correct it, or dismiss it."))),
    }
}

/// Reasons about a column begin with its name, and about a part of it with the way there.
fn fault_of(table: &Table, reason: &str) -> Fault {
    let (place, rest) = reason.split_once(' ').unwrap_or((reason, ""));
    match table.column(place.split('/').next().unwrap_or_default()) {
        Some(_) => Fault::body(&format!("/record/{place}"), rest),
        None => Fault::body("/record", reason),
    }
}
