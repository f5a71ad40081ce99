//! What phones hold: the tables and columns, once, for all that needs them: what pull selects, what push accepts, the
//! JSON at `/v1/sync/schema`, and the module generated for the app.

mod column;
mod described;
mod tables;

use serde_json::{Map, Value, json};

pub use column::{Column, Group, Kind, Writer, uuid_of};
pub use described::describe_with_rules;
pub use tables::TABLES;

/// The newest schema version. An app may be older: it is sent what it knows.
pub const VERSION: u32 = 3;

/// The column in which an app says whose session wrote what the server hasn't taken yet: phones change hands, and what
/// one user wrote is pushed by the next one.
pub const AUTHOR: &str = "written_by";

/// What a table's records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// Who is cared for.
    Client,
    /// A visit to a client.
    Visit,
    /// What is done at a visit.
    VisitTask,
    /// A photo, signature, profile picture or document.
    Photo,
    /// Somebody asks for help.
    Alert,
}

impl Entity {
    /// Its table.
    #[must_use]
    pub fn table(self) -> &'static Table {
        // Every entity has its table: they are named one by one in `TABLES`.
        TABLES.iter().find(|table| table.entity == self).unwrap_or(&TABLES[0])
    }
}

/// A table as phones hold it.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name, in the database as on the phone.
    pub name: &'static str,
    /// What its records are.
    pub entity: Entity,
    /// The schema version that brought it.
    pub since: u32,
    /// Columns that phones don't hold, and that the server writes with what they push.
    pub stamped: &'static [&'static str],
    /// Columns that the server fills in for a record that a phone made.
    pub given: &'static [&'static str],
    /// Its columns, without `id`.
    pub columns: &'static [Column],
}

impl Table {
    /// The columns that an app of `version` knows.
    pub fn columns_of(&self, version: u32) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().filter(move |column| column.since <= version)
    }

    /// The columns that were recorded at once with this one, itself included.
    pub fn recorded_with(&self, column: &'static Column) -> impl Iterator<Item = &'static Column> {
        let together =
            |other: &&Column| column.name == other.name || (column.group.is_some() && column.group == other.group);
        self.columns.iter().filter(together)
    }

    /// A column by its name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A table by its name.
#[must_use]
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// The tables that an app of `version` knows, parents first.
pub fn tables_of(version: u32) -> impl Iterator<Item = &'static Table> {
    TABLES.iter().filter(move |table| table.since <= version)
}

/// The schema of `version` as `/v1/sync/schema` shows it, in the shape of WatermelonDB's `appSchema`.
#[must_use]
pub fn describe(version: u32) -> Value {
    let tables: Vec<_> = tables_of(version)
        .map(|table| {
            let columns: Vec<_> = table.columns_of(version).map(describe_column).collect();
            json!({"name": table.name, "columns": columns})
        })
        .collect();
    json!({"version": version, "tables": tables})
}

/// One column, in the shape of WatermelonDB's schema.
#[must_use]
pub fn describe_column(column: &Column) -> Value {
    let mut described = Map::new();
    described.insert("name".into(), json!(column.name));
    described.insert("type".into(), json!(column.wire_type()));
    if column.optional {
        described.insert("isOptional".into(), json!(true));
    }
    if column.indexed {
        described.insert("isIndexed".into(), json!(true));
    }
    Value::Object(described)
}
