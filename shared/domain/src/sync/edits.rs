//! Which columns a device means to write: those that WatermelonDB's `_changed` names, and all columns of a new record.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    record::{PushedRecord, Row, Stored, value_of},
    schema::{Column, Table, Writer},
};

/// The columns that a device means to write, by name, as the database has them.
#[derive(Debug)]
pub(super) struct Edits(BTreeMap<&'static str, (&'static Column, Value)>);

impl Edits {
    /// Reads a pushed record. `is_new` is whether the server has none.
    ///
    /// # Errors
    /// Everything that can't be read.
    pub(super) fn parse(table: &'static Table, pushed: &PushedRecord, is_new: bool) -> Result<Self, String> {
        let whole = pushed.created || is_new;
        let mut reasons = Vec::new();
        if !whole {
            let unknown = pushed.changed().filter(|name| *name != "id" && table.column(name).is_none());
            reasons.extend(unknown.map(|name| format!("{name} is not a known column")));
        }
        let mut edits = BTreeMap::new();
        for column in table.columns.iter().filter(|column| column.writer != Writer::Server) {
            // What an old app doesn't know keeps its value.
            let sent = pushed.raw.get(column.name).or((is_new && !column.optional).then_some(&Value::Null));
            let Some(wire) = sent.filter(|_| whole || pushed.edits(column.name)) else { continue };
            match column.read(wire) {
                Ok(value) => drop(edits.insert(column.name, (column, value))),
                Err(reason) => reasons.push(reason),
            }
        }
        if reasons.is_empty() { Ok(Self(edits)) } else { Err(reasons.join("; ")) }
    }

    /// Those that make the row another one.
    pub(super) fn other_than(self, row: &Row) -> Self {
        Self(self.0.into_iter().filter(|(name, (column, value))| !column.same(value_of(row, name), value)).collect())
    }

    /// Those that a person made, and the columns that are merely repeated. A phone goes on sending a row as created,
    /// with values that it pulled, and sends again what it gave last beside what was edited since: neither brings an
    /// old value back over what others wrote.
    pub(super) fn made_by_a_person(self, pushed: &PushedRecord, stored: &Stored) -> (Self, Vec<String>) {
        let repeats = |(column, value): &(&Column, Value)| {
            stored.sent.get(column.name).is_some_and(|sent| column.same(sent, value))
                || (pushed.created && stored.last_given(column.name).is_some_and(|given| column.same(given, value)))
        };
        let (repeated, made): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.0.into_iter().partition(|(_, edit)| repeats(edit));
        (Self(made), repeated.into_keys().map(str::to_owned).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each column and its new value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static Column, &Value)> {
        self.0.values().map(|(column, value)| (*column, value))
    }

    /// `row` with all of them.
    pub(super) fn over(&self, row: &Row) -> Row {
        let mut row = row.clone();
        row.extend(self.iter().map(|(column, value)| (column.name.to_owned(), value.clone())));
        row
    }
}
