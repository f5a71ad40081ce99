use std::collections::BTreeSet;

use domain::{
    identity::Caller,
    sync::{
        base::WorkBase,
        record::{Row, own_id},
        schema::{Table, Writer},
    },
};
use postgres_types::Json;
use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::{Value, json};
use uuid::Uuid;

use super::PushingDevice;
use crate::{AuditEntry, Db, DbError, Identity, NoRow, Tx, identity, tables::sync_conflicts::ConflictAt};

/// The columns that a push writes of a new or an old record, those included that the server fills in. They stand in
/// `app.write_pushed_rows` too.
#[must_use]
pub fn written(table: &Table, new: bool) -> Vec<&'static str> {
    let by_phones = table
        .columns
        .iter()
        .filter(|column| column.writer == Writer::Phone || (new && column.writer == Writer::PhoneOnce))
        .map(|column| column.name);
    let given = if new { table.given } else { &[] };
    by_phones.chain(table.stamped.iter().copied()).chain(given.iter().copied()).collect()
}

/// The rule that is broken where row-level security keeps a row from being written ([`DbError::rule`]).
pub const OUT_OF_REACH: &str = "out_of_reach";

/// Records of one table that are written alike, in one statement.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Of which table.
    pub table: &'static Table,
    /// How, and which.
    pub rows: Rows<'a>,
}

/// Records that are written alike.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// Rows that the server has not got.
    Insert(&'a [Row]),
    /// Rows that the server has, with what the phone changed.
    Update(&'a [Row]),
    /// Ids of what is to be deleted, softly.
    Delete(&'a [Uuid]),
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Rows::Insert(rows) | Rows::Update(rows) => rows.serialize(to),
            Rows::Delete(ids) => ids.serialize(to),
        }
    }
}

impl Serialize for Batch<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut batch = to.serialize_struct("Batch", 3)?;
        batch.serialize_field("table", self.table.name)?;
        batch.serialize_field("operation", self.operation())?;
        batch.serialize_field("rows", &self.rows)?;
        batch.end()
    }
}

impl Batch<'_> {
    /// Writes it by itself.
    ///
    /// # Errors
    /// [`OUT_OF_REACH`] where the caller may not change one of them.
    pub async fn write<I: Identity>(self, tx: &Tx<I>) -> Result<(), DbError> {
        let (table, operation) = (self.table.name, self.operation());
        tx.execute("select app.write_pushed_rows($1, $2, $3)", &[&table, &operation, &Json(self.rows)]).await
    }

    fn operation(self) -> &'static str {
        match self.rows {
            Rows::Insert(_) => "insert",
            Rows::Update(_) => "update",
            Rows::Delete(_) => "delete",
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self.rows {
            Rows::Insert(rows) | Rows::Update(rows) => rows.is_empty(),
            Rows::Delete(ids) => ids.is_empty(),
        }
    }

    /// Its halves, the first one last; of a single record its id.
    pub fn halves(self) -> Result<[Self; 2], Uuid> {
        let of = |rows| Batch { rows, ..self };
        match self.rows {
            Rows::Insert([row]) | Rows::Update([row]) => Err(own_id(row).unwrap_or_default()),
            Rows::Delete([id]) => Err(*id),
            Rows::Insert(rows) => Ok(halves(rows).map(Rows::Insert).map(of)),
            Rows::Update(rows) => Ok(halves(rows).map(Rows::Update).map(of)),
            Rows::Delete(ids) => Ok(halves(ids).map(Rows::Delete).map(of)),
        }
    }
}

fn halves<T>(all: &[T]) -> [&[T]; 2] {
    let (first, second) = all.split_at(all.len() / 2);
    [second, first]
}

/// Writes a merged row.
///
/// # Errors
/// [`OUT_OF_REACH`] where the caller may not change it.
pub async fn update<I: Identity>(tx: &Tx<I>, table: &'static Table, row: &Row) -> Result<(), DbError> {
    Batch { table, rows: Rows::Update(std::slice::from_ref(row)) }.write(tx).await
}

/// A row to be numbered anew, so that the phone gets it again.
#[derive(Debug, Serialize)]
pub struct Touched {
    /// In which table.
    pub table: &'static str,
    /// The record to be sent to the phone again.
    pub id: Uuid,
    /// The columns where the phone has another value.
    pub columns: Vec<String>,
}

/// A record that could not be taken, verbatim.
#[derive(Clone, Debug, Serialize)]
pub struct Refused {
    /// For which table, as far as it can be stored.
    pub table_name: String,
    /// Its id, as far as it can be stored.
    pub record_id: String,
    /// The table, as it came.
    #[serde(skip)]
    pub told_table: String,
    /// Its id, as it came.
    #[serde(skip)]
    pub told_id: String,
    /// The record, as it came.
    pub body: Value,
    /// SHA-256 of it, in PostgreSQL's hexadecimal.
    pub body_sha256: String,
    /// Why it was refused, as the phone shows it.
    pub reason: String,
    /// Whose session wrote it, where the phone says so.
    pub written_by: Option<Uuid>,
    /// The cursor on which it was written.
    pub work_base: Option<i64>,
}

/// What a device sent for a record: the digest of it.
#[derive(Debug, Serialize)]
pub struct Receipt {
    /// The record that was sent.
    pub record_id: Uuid,
    /// SHA-256, in PostgreSQL's hexadecimal.
    pub body_sha256: String,
    /// When the phone wrote it, by its own clock, where it said so.
    pub row_stamp: Option<i64>,
}

/// Everything that a push comes to.
#[derive(Debug, Serialize)]
pub struct Changes<'a> {
    /// Records, parents first.
    pub batches: Vec<Batch<'a>>,
    /// Rows that the phone must get again.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub touched: &'a [Touched],
    /// Visits with a new check-in or check-out, whose distance from home is measured.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub checked: &'a [Uuid],
    /// Client and caregiver of visits whose status moved: a cancelled one grants none any more.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub moved: &'a BTreeSet<Pair>,
    /// Visits of which something was sent after the caller's access to the client had ended.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub after_access_ended: &'a BTreeSet<Uuid>,
    /// Columns that two people changed.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub conflicts: &'a [ConflictAt],
    /// What goes into quarantine.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub refused: &'a [Refused],
    /// By which the same again is known for a replay.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub receipts: &'a [Receipt],
    /// What goes on record.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub audit: &'a [AuditEntry],
}

/// A client and a caregiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Pair {
    /// Who is cared for.
    pub client_id: Uuid,
    /// Who pushed.
    pub user_id: Uuid,
}

/// How a push ends for the device that made it.
#[derive(Clone, Copy, Debug)]
pub struct Pushed {
    /// The cursor that it held.
    pub held: Option<i64>,
    /// Whether it is one part of a push, so that the device's work goes on where it began.
    pub has_more: bool,
    /// How far its clock is ahead of ours, in milliseconds, where it said so.
    pub clock_offset_ms: Option<i64>,
}

/// Writes what a push came to. `decided_on`: all records that were looked at, and what these belong to; `numbers`:
/// about how many rows are written.
///
/// # Errors
/// Stale ([`DbError::is_stale`]) where one of them, a grant of the caller's or the device has changed since; then
/// nothing is written. [`OUT_OF_REACH`] where row-level security keeps a row from being written.
pub async fn write(
    db: &Db,
    caller: &Caller,
    device: &PushingDevice,
    decided_on: Vec<Uuid>,
    numbers: i32,
    changes: &Changes<'_>,
    pushed: Pushed,
) -> Result<(), DbError> {
    let Pushed { held, has_more, clock_offset_ms } = pushed;
    let base: WorkBase = if has_more { device.base } else { device.base.pushed(held) };
    let next = json!({
        "has_more": has_more, "pushed_at": held, "work_base": base.began, "pulled_clean": base.pulled_clean,
        "push_base": base.of_push(), "push_base_taken": base.of_push_for_taken(), "clock_offset_ms": clock_offset_ms,
    });
    let [user, device_id, session, role, request, source_ip] = identity::params(caller);
    db.call_all::<NoRow>(
        "select app.write_push($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &[
            user,
            device_id,
            session,
            role,
            request,
            source_ip,
            &device.number,
            &device.as_of,
            &decided_on,
            &numbers,
            &Json(changes),
            &next,
        ],
    )
    .await
    .map(drop)
}
