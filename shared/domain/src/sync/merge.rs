//! Merging is by field. A column is the device's edit where WatermelonDB's `_changed` names it (all columns of a new
//! record). Where somebody else changed the same column since the device's work began, to another value, that is a true
//! conflict: the later arrival wins, but for clinical values the server's stays; either way both values are kept.
//!
//! Whether the device may write the record, and whether it is sound, is judged on the record with all its edits, so that
//! nothing comes into the chart by way of a conflict that couldn't be written.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    judge::{Author, Conflict, Judgement, Other, Pushed, Row, Standing, Stored, Surroundings, Verdict, id, settle},
    permits,
    schema::{Column, Table, Writer},
    tasks, visits,
};

pub(super) type Edits = BTreeMap<&'static str, (&'static Column, Value)>;

/// The columns that the device means to write, as the database has them.
///
/// # Errors
/// What can't be read.
pub(super) fn edits(table: &'static Table, pushed: &Pushed, is_new: bool) -> Result<Edits, String> {
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

/// Judges a record that nobody has.
///
/// # Errors
/// Why it is refused.
pub(super) fn create(
    table: &'static Table,
    id: Uuid,
    edits: Edits,
    author: &Author,
    around: &Surroundings,
    now: Timestamp,
) -> Result<Judgement, String> {
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
    permits::may_create(table, &row, author, around)?;
    settle(table, &mut row, None, now)?;
    Ok(Judgement::just(Verdict::Insert(row)))
}

/// Judges what the device made of a record that is there. `stamp` is the push's own, as [`Pushed::stamp`].
///
/// # Errors
/// Why it is refused.
pub(super) fn change(
    table: &'static Table,
    edits: Edits,
    stamp: Option<i64>,
    stored: &Stored,
    author: &Author,
    around: &Surroundings,
    now: Timestamp,
) -> Result<Judgement, String> {
    let Some(before) = &stored.row else { return Ok(Judgement::just(Verdict::Keep)) };
    let edits = other_than(before, edits);
    if edits.is_empty() {
        return Ok(Judgement::just(Verdict::Keep));
    }
    let wished = overlaid(before, &edits);
    permits::may_change(table, before, &wished, author, around)?;
    sound(table, before, wished, now)?;

    let contested = contested(table, before, &edits, stored, author);
    let (mut row, mut conflicts) = (before.clone(), Vec::new());
    for (name, (column, device)) in edits {
        let overtaken = is_overtaken(stored, name, stamp);
        if column.writer == Writer::PhoneOnce && !overtaken {
            return Err(format!("{name} can't be changed"));
        }
        let other = other(stored, column, &device, author);
        let waiting_for = contested.get(name);
        let standing = match (overtaken, waiting_for, &other) {
            (true, ..) => Some((Standing::Overtaken, Some(author.user_id))),
            (false, Some(by), _) => Some((Standing::Server, *by)),
            (false, None, Some(other)) => Some((Standing::Device, other.user_id)),
            (false, None, None) => None,
        };
        if let Some((standing, server_user_id)) = standing {
            conflicts.push(Conflict {
                column: name.to_owned(),
                server_value: value_of(before, name).clone(),
                device_value: device.clone(),
                server_user_id,
                standing,
            });
        }
        if matches!(standing, None | Some((Standing::Device, _))) {
            row.insert(name.to_owned(), device);
        }
    }
    if table.name == "visits" && row != *before {
        let kept_back = visits::keep_to_the_way(before, &mut row);
        conflicts = replaced(conflicts, kept_back);
    }
    if row == *before {
        return Ok(Judgement { verdict: Verdict::Keep, conflicts });
    }
    settle(table, &mut row, Some(before), now)?;
    let verdict = if row == *before { Verdict::Keep } else { Verdict::Update(row) };
    Ok(Judgement { verdict, conflicts })
}

/// The deletion stands, and what was written on the deleted row is kept for a person to see.
///
/// # Errors
/// Why it is refused: what couldn't be written before the deletion is no conflict either.
pub(super) fn lost_to_deletion(
    table: &'static Table,
    before: &Row,
    edits: Edits,
    author: &Author,
    around: &Surroundings,
    now: Timestamp,
) -> Result<Judgement, String> {
    let edits = other_than(before, edits);
    if edits.is_empty() {
        return Ok(Judgement::just(Verdict::Keep));
    }
    let wished = overlaid(before, &edits);
    permits::might_have_changed(table, before, &wished, author, around)?;
    sound(table, before, wished, now)?;
    let conflicts = edits
        .into_iter()
        .map(|(name, (_, device))| Conflict {
            column: name.to_owned(),
            server_value: Value::Null,
            device_value: device,
            server_user_id: id(before, "updated_by"),
            standing: Standing::Deleted,
        })
        .collect();
    Ok(Judgement { verdict: Verdict::Keep, conflicts })
}

fn value_of<'a>(row: &'a Row, name: &str) -> &'a Value {
    row.get(name).unwrap_or(&Value::Null)
}

fn other_than(before: &Row, edits: Edits) -> Edits {
    edits.into_iter().filter(|(name, (column, device))| !column.same(value_of(before, name), device)).collect()
}

fn overlaid(before: &Row, edits: &Edits) -> Row {
    let mut row = before.clone();
    row.extend(edits.iter().map(|(name, (_, value))| ((*name).to_owned(), value.clone())));
    row
}

/// Whether the record is sound with everything that the device wrote. A visit's moves are not judged here: one that it
/// can't make any more is kept for a person, and not refused.
fn sound(table: &Table, before: &Row, mut wished: Row, now: Timestamp) -> Result<(), String> {
    if table.name == "visits" {
        visits::keep_to_the_way(before, &mut wished);
    }
    settle(table, &mut wished, Some(before), now)
}

/// Whether the device itself wrote the column after this, and that came first.
fn is_overtaken(stored: &Stored, name: &str, stamp: Option<i64>) -> bool {
    match (stored.own_since.get(name), stamp) {
        (Some(Some(newer)), Some(stamp)) => stamp < *newer,
        _ => false,
    }
}

/// What somebody else made of a column that the device edits. What came from the device itself, and can't be told to be
/// older than this push or newer, is weighed like somebody else's.
fn other(stored: &Stored, column: &Column, device: &Value, author: &Author) -> Option<Other> {
    let of_others = stored.others.get(column.name).filter(|other| !column.same(&other.value, device)).cloned();
    of_others.or_else(|| {
        let value = stored.row.as_ref()?.get(column.name)?.clone();
        matches!(stored.own_since.get(column.name), Some(None))
            .then_some(Other { value, user_id: Some(author.user_id) })
    })
}

/// The columns for which the server's value stays until a person decides, and who gave it: clinical ones that others
/// changed too, and all that was recorded with one of these.
fn contested(
    table: &Table,
    before: &Row,
    edits: &Edits,
    stored: &Stored,
    author: &Author,
) -> BTreeMap<&'static str, Option<Uuid>> {
    if table.name == "visit_tasks" && !tasks::is_clinical(before) {
        return BTreeMap::new();
    }
    edits
        .values()
        .filter(|(column, _)| column.clinical)
        .filter_map(|(column, device)| Some((column.name, other(stored, column, device, author)?.user_id)))
        .flat_map(|(name, by)| visits::recorded_with(table, name).map(move |name| (name, by)))
        .collect()
}

/// `conflicts`, but for columns that are in `by` as well: those take their place.
fn replaced(conflicts: Vec<Conflict>, by: Vec<Conflict>) -> Vec<Conflict> {
    let (replaced, kept): (Vec<_>, Vec<_>) =
        conflicts.into_iter().partition(|conflict| by.iter().any(|new| new.column == conflict.column));
    let author_of = |column: &str| replaced.iter().find(|old| old.column == column).and_then(|old| old.server_user_id);
    let by =
        by.into_iter().map(|new| Conflict { server_user_id: author_of(&new.column).or(new.server_user_id), ..new });
    kept.into_iter().chain(by).collect()
}
