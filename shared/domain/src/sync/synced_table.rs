//! What every synced table says of its records. One file a table implements it; what is the same for all is in
//! [`super::reconcile`].

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    policy::{Actor, Context, Write},
    record::Row,
    schema::Column,
};

/// The columns of a table that its rules look at, typed, and the rules.
pub(super) trait SyncedTable: Clone + Serialize + DeserializeOwned {
    /// Reads a row: as it is stored, or as it would be with a device's edits.
    ///
    /// # Errors
    /// What is wrong with it.
    fn parse(row: &Row) -> Result<Self, String> {
        Self::deserialize(row).map_err(|error| format!("it could not be parsed: {error}"))
    }

    /// Fills in what the server says of a new record.
    fn begin(&mut self, _actor: &Actor) {}

    /// Whether the device may do this.
    ///
    /// # Errors
    /// Why not.
    fn may_write(write: &Write<'_, Self>, actor: &Actor, context: &Context) -> Result<(), String>;

    /// Whether two values for this column wait for a person.
    fn waits_for_a_person(&self, column: &Column) -> bool {
        column.clinical
    }

    /// Brings the status of a merged record to what its facts tell, and answers whether it may go there.
    fn enforce_transitions(_before: &Self, _merged: &mut Self) -> bool {
        true
    }

    /// Brings a record in line with the table's own rules: after a merge, and with the value that a person kept.
    ///
    /// # Errors
    /// Which rule it breaks.
    fn settle(&mut self, _before: Option<&Self>, _now: Timestamp) -> Result<(), String> {
        Ok(())
    }

    /// Whose care it concerns; none for a picture of a user.
    fn client_id(&self, context: &Context) -> Option<Uuid>;

    /// Its columns, as a row has them.
    fn to_columns(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(columns)) => columns,
            _ => Map::new(),
        }
    }

    /// Changes a row by its typed columns; the others stay as they are.
    fn change<R>(row: &mut Row, change: impl FnOnce(&mut Self) -> R) -> Result<R, String> {
        let mut record = Self::parse(row)?;
        let before = record.to_columns();
        let result = change(&mut record);
        row.extend(record.to_columns().into_iter().filter(|(name, value)| before.get(name) != Some(value)));
        Ok(result)
    }
}
