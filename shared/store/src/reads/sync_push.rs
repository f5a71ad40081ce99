//! What a phone pushes: what the server has of it, in one round trip, and what becomes of it, in bulk. One statement a
//! table, rows as one JSONB parameter.

use std::collections::BTreeMap;

use domain::{
    error::Error,
    sync::{
        base::WorkBase,
        record::{OthersValue, Row, Stored, own_id},
        schema::{Table, Writer},
    },
};
use postgres_from_row::FromRow;
use postgres_types::Json;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::base::BaseRow;
use crate::{DbError, Identity, Tx};

/// What the server has of a record that a device names.
#[derive(Debug, FromRow)]
struct StateRow {
    id: Uuid,
    visible: Option<bool>,
    taken: Option<bool>,
    stored: Option<Value>,
    client_id: Option<Uuid>,
    others: Value,
    own_since: Value,
    receipts: Vec<String>,
}

/// A record's state, and what is needed beside its reconciliation.
#[derive(Debug, Default)]
pub struct State {
    /// For the reconciliation.
    pub stored: Stored,
    /// Whose care it concerns.
    pub client_id: Option<Uuid>,
    /// Whether that client was taken from the caller, so that only what was done before counts.
    pub taken: bool,
    /// Digests of what this device sent for it before, in hexadecimal.
    pub receipts: Vec<String>,
}

/// Locks the device, answers where its unsent work began, and lets what it did for clients lost to it since count.
pub async fn device<I: Identity>(tx: &Tx<I>) -> Result<PushingDevice, Error> {
    tx.query_opt(
        "select c.epoch, d.work_base as began, d.pulled_from, d.pulled_to, d.pulled_clean, d.withheld_from,
           d.full_sync_cursor
         from devices d join agency_counters c on c.agency_id = d.agency_id, app.keep_revoked_clients_readable()
         where d.id = app.device_id() for no key update of d",
        &[],
    )
    .await?
    .ok_or(Error::SessionEnded)
}

/// A device in the middle of a push.
#[derive(Debug, FromRow)]
pub struct PushingDevice {
    /// The agency's epoch.
    pub epoch: i32,
    /// Where its unsent work began.
    #[from_row(flatten, from = "BaseRow")]
    pub base: WorkBase,
}

/// What the server has of `ids`, and for visits of those that `parts` belong to: the phone may name tasks and photos by their ids
/// alone. `held` is the cursor that the device has come to.
pub async fn states<I: Identity>(
    tx: &Tx<I>,
    table: &str,
    ids: Vec<Uuid>,
    parts: Vec<Uuid>,
    held: Option<i64>,
) -> Result<BTreeMap<Uuid, State>, Error> {
    if ids.is_empty() && parts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<StateRow> = tx
        .query(
            "select s.id, s.visible, s.taken, s.stored, s.client_id, s.others, s.own_since, s.receipts
             from app.pushed_state($1, array(select unnest($2) union select app.visits_of_records($3)), $4) s",
            &[&table, &ids, &parts, &held],
        )
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, State::from(row))).collect())
}

impl From<StateRow> for State {
    fn from(row: StateRow) -> Self {
        let others = match row.others {
            Value::Object(columns) => columns
                .into_iter()
                .map(|(column, mut other)| {
                    let user_id = other["user_id"].as_str().and_then(|id| id.parse().ok());
                    (column, OthersValue { value: other["value"].take(), user_id })
                })
                .collect(),
            _ => BTreeMap::new(),
        };
        let own_since = match row.own_since {
            Value::Object(columns) => columns.into_iter().map(|(column, stamp)| (column, stamp.as_i64())).collect(),
            _ => BTreeMap::new(),
        };
        let stored = match row.stored {
            Some(Value::Object(stored)) => Some(stored),
            _ => None,
        };
        Self {
            stored: Stored { hidden: row.visible == Some(false), row: stored, others, own_since },
            client_id: row.client_id,
            taken: row.taken == Some(true),
            receipts: row.receipts,
        }
    }
}

/// A table's written columns, those included that the server fills in.
fn written(table: &Table, new: bool) -> Vec<&'static str> {
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
pub enum Batch<'a> {
    /// New rows.
    Insert(&'a [Row]),
    /// Merged rows.
    Update(&'a [Row]),
    /// Ids of what is to be deleted, softly.
    Delete(&'a [Uuid]),
}

impl Batch<'_> {
    /// Writes it.
    pub async fn write<I: Identity>(self, tx: &Tx<I>, table: &Table) -> Result<(), DbError> {
        match self {
            Batch::Insert(rows) => insert(tx, table, rows).await,
            Batch::Update(rows) => update(tx, table, rows).await,
            Batch::Delete(ids) => delete(tx, table, ids).await,
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Batch::Insert(rows) | Batch::Update(rows) => rows.is_empty(),
            Batch::Delete(ids) => ids.is_empty(),
        }
    }

    /// Its halves, the first one last; of a single record its id.
    pub fn halves(self) -> Result<[Self; 2], Uuid> {
        match self {
            Batch::Insert([row]) | Batch::Update([row]) => Err(own_id(row).unwrap_or_default()),
            Batch::Delete([id]) => Err(*id),
            Batch::Insert(rows) => Ok(halves(rows).map(Batch::Insert)),
            Batch::Update(rows) => Ok(halves(rows).map(Batch::Update)),
            Batch::Delete(ids) => Ok(halves(ids).map(Batch::Delete)),
        }
    }
}

fn halves<T>(all: &[T]) -> [&[T]; 2] {
    let (first, second) = all.split_at(all.len() / 2);
    [second, first]
}

/// Writes new rows.
async fn insert<I: Identity>(tx: &Tx<I>, table: &Table, rows: &[Row]) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = written(table, true);
    let values: Vec<_> = columns.iter().map(|column| format!("r.{column}")).collect();
    let sql = format!(
        "insert into {name} (id, agency_id, {}) select r.id, app.agency_id(), {}
         from jsonb_populate_recordset(null::{name}, $1) r",
        columns.join(", "),
        values.join(", "),
        name = table.name,
    );
    tx.execute(&sql, &[&Json(rows)]).await
}

/// Writes merged rows.
///
/// # Errors
/// [`OUT_OF_REACH`] where the caller may not change one of them.
pub async fn update<I: Identity>(tx: &Tx<I>, table: &Table, rows: &[Row]) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    let values: Vec<_> = written(table, false).iter().map(|column| format!("{column} = r.{column}")).collect();
    let sql = format!(
        "with written as (
           update {name} t set {} from jsonb_populate_recordset(null::{name}, $1) r where t.id = r.id returning t.id)
         select app.assert_row_count((select count(*) from written), jsonb_array_length($1))",
        values.join(", "),
        name = table.name,
    );
    tx.execute(&sql, &[&Json(rows)]).await
}

/// Measures how far from home new check-ins and check-outs were: the haversine formula, as over REST.
pub async fn measure<I: Identity>(tx: &Tx<I>, visits: &[Uuid]) -> Result<(), DbError> {
    if visits.is_empty() {
        return Ok(());
    }
    tx.execute(
        "update visits v set
           check_in_distance_m = app.metres(c.latitude, c.longitude, v.check_in_latitude, v.check_in_longitude),
           check_out_distance_m = app.metres(c.latitude, c.longitude, v.check_out_latitude, v.check_out_longitude)
         from clients c where c.id = v.client_id and v.id = any ($1)",
        &[&visits.to_vec()],
    )
    .await
}

/// Deletes rows, softly.
///
/// # Errors
/// [`OUT_OF_REACH`] where the caller may not delete one of them.
async fn delete<I: Identity>(tx: &Tx<I>, table: &Table, ids: &[Uuid]) -> Result<(), DbError> {
    if ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "with written as (
           update {} set deleted_at = now() where id = any ($1) and deleted_at is null returning id)
         select app.assert_row_count((select count(*) from written), cardinality($1))",
        table.name
    );
    tx.execute(&sql, &[&ids.to_vec()]).await
}

/// A row to be numbered anew, so that the phone gets it again.
#[derive(Debug, Serialize)]
pub struct Touched {
    /// In which table.
    pub table: &'static str,
    /// Which record.
    pub id: Uuid,
    /// The columns where the phone has another value.
    pub columns: Vec<String>,
}

/// Numbers rows anew.
pub async fn touch<I: Identity>(tx: &Tx<I>, rows: &[Touched]) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    tx.execute("select app.bump_change_number($1)", &[&json!(rows)]).await
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
    /// Why.
    pub reason: String,
}

/// Keeps refused records, each once, with the cursor on which they were written.
pub async fn quarantine<I: Identity>(tx: &Tx<I>, refused: &[Refused], base: Option<i64>) -> Result<(), DbError> {
    if refused.is_empty() {
        return Ok(());
    }
    tx.execute(
        "insert into sync_quarantine
           (agency_id, device_id, user_id, table_name, record_id, body, body_sha256, reason, work_base)
         select app.agency_id(), app.device_id(), app.user_id(), q.table_name, q.record_id, coalesce(q.body, 'null'),
           q.body_sha256, left(q.reason, 500), $2
         from jsonb_to_recordset($1) q (table_name text, record_id text, body jsonb, body_sha256 bytea, reason text)
         on conflict on constraint sync_quarantine_once do nothing",
        &[&json!(refused), &base],
    )
    .await
}

/// What a device sent for a record: the digest of it.
#[derive(Debug, Serialize)]
pub struct Receipt {
    /// Which record.
    pub record_id: Uuid,
    /// SHA-256, in PostgreSQL's hexadecimal.
    pub body_sha256: String,
    /// When the phone wrote it, by its own clock, where it said so.
    pub row_stamp: Option<i64>,
}

/// Remembers what was sent, so that the same again is known for a replay.
pub async fn remember<I: Identity>(tx: &Tx<I>, receipts: &[Receipt]) -> Result<(), DbError> {
    if receipts.is_empty() {
        return Ok(());
    }
    tx.execute(
        "insert into sync_receipts (device_id, record_id, agency_id, body_sha256, row_stamp)
         select app.device_id(), r.record_id, app.agency_id(), r.body_sha256, r.row_stamp
         from jsonb_to_recordset($1) r (record_id uuid, body_sha256 bytea, row_stamp bigint)
         on conflict do nothing",
        &[&json!(receipts)],
    )
    .await
}

/// Ends the push: notes the cursor that the device held, from where its next work begins, and its clock.
pub async fn finish<I: Identity>(
    tx: &Tx<I>,
    held: Option<i64>,
    base: &WorkBase,
    clock_offset_ms: Option<i64>,
) -> Result<(), DbError> {
    tx.execute(
        "update devices set pushed_at = $1, work_base = $2, pulled_clean = $3, push_base = $4, push_base_taken = $5,
           pending_count = 0, clock_offset_ms = coalesce($6, clock_offset_ms), last_sync_at = now(), last_seen_at = now()
         where id = app.device_id()",
        &[&held, &base.began, &base.pulled_clean, &base.of_push(), &base.of_push_for_taken(), &clock_offset_ms],
    )
    .await
}
