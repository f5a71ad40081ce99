//! What a phone pulls: one statement (`app.pull`), driven by the caller's clients, that reads the counter, the rows and
//! the caller's rights in one snapshot. Row-level security guards each row a second time.

use std::collections::{BTreeMap, HashSet};

use domain::{
    error::Error,
    identity::Caller,
    sync::{
        base::WorkBase,
        schema::{TABLES, Table},
    },
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::phone_records;
use crate::{Db, DbError, Identity, NoRow, Tx, identity};

/// The device that pulls, as it is when its pull is read.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
pub struct DeviceState {
    /// The agency's epoch.
    pub epoch: i32,
    /// Whether the cursor that it presents can be served.
    pub served: bool,
    /// A cursor that was answered with nothing, so that the phone could push before it is replaced.
    pub replacing: Option<i64>,
    /// The cursor that it held when it last pushed.
    pub pushed_at: Option<i64>,
    /// Where its unsent work began.
    #[serde(flatten)]
    pub base: WorkBase,
    /// What is noted of tombstones.
    #[serde(flatten)]
    pub tombstones: Tombstones,
    /// Tombstones that have arrived, up to here, the phone presenting what it does.
    pub arrived: i64,
    /// Whether it has clients whose rows it isn't sent any more.
    pub withheld: bool,
    /// How many changes it said it has not sent.
    pub pending: Option<i32>,
    /// Its schema version.
    pub version: Option<i32>,
    /// Whether nothing has happened since its cursor that concerns the caller, be it a deletion that it isn't told yet.
    pub quiet: bool,
    /// Whether it synchronised within the last minute.
    pub seen_just_now: bool,
    /// When anything of it was last noted.
    pub as_of: Timestamp,
}

/// What is noted of tombstones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstones {
    /// Sent up to here...
    #[serde(rename = "tombstones_sent")]
    pub sent: i64,
    /// ...with this cursor.
    #[serde(rename = "tombstones_sent_with")]
    pub sent_with: i64,
    /// Arrived up to here.
    #[serde(rename = "tombstones_received")]
    pub received: i64,
}

/// One thing for the phone.
#[derive(Debug)]
pub struct Item {
    /// The table's place in [`TABLES`].
    pub table: usize,
    /// The number that it goes by; a page ends between two of them.
    pub number: i64,
    /// The record's id.
    pub id: Uuid,
    /// The client whom it concerns.
    pub client_id: Option<Uuid>,
    /// The record as the phone keeps it; none for a tombstone.
    pub body: Option<String>,
}

/// Everything in a window.
#[derive(Debug)]
pub struct Items {
    /// The device, in the same snapshot.
    pub device: DeviceState,
    /// The agency's newest change number.
    pub number: i64,
    /// What the phone must forget.
    pub tombstones: Vec<Item>,
    /// Records as the phone keeps them, by number.
    pub rows: Vec<Item>,
}

impl Items {
    /// Adds rows, each record once, and keeps the first `limit`.
    pub fn add(&mut self, more: Vec<Item>, limit: i64) {
        let known: HashSet<_> = self.rows.iter().map(|item| (item.table, item.id)).collect();
        self.rows.extend(more.into_iter().filter(|item| !known.contains(&(item.table, item.id))));
        self.sort(limit);
    }

    fn sort(&mut self, limit: i64) {
        self.rows.sort_by_key(|item| (item.number, item.table));
        self.rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The cursor that the phone presents; none for everything.
    pub cursor: Option<i64>,
    /// How many changes the phone has not sent; none where it doesn't say.
    pub pending: Option<i32>,
    /// The schema that the phone has.
    pub version: u32,
    /// The largest number of rows.
    pub limit: i64,
}

#[derive(FromRow)]
struct ItemRow {
    /// The table's place in [`TABLES`]; -1 for the device, whose state is the body.
    place: i32,
    number: i64,
    id: Uuid,
    client_id: Option<Uuid>,
    body: Option<Vec<u8>>,
}

impl ItemRow {
    fn read(self, version: u32) -> Result<Item, Error> {
        let table = usize::try_from(self.place).unwrap_or_default();
        let unreadable = || Error::Internal(format!("a record of {} can't be read", self.id).into());
        let body = match self.body {
            Some(record) => {
                let table = TABLES.get(table).ok_or_else(unreadable)?;
                Some(phone_records::to_json(table, version, &record).ok_or_else(unreadable)?)
            }
            None => None,
        };
        Ok(Item { table, number: self.number, id: self.id, client_id: self.client_id, body })
    }
}

/// Everything in the window, as the caller.
pub async fn items(db: &Db, caller: &Caller, window: Window) -> Result<Items, Error> {
    let Window { cursor, pending, version, limit } = window;
    let [user, device, session, role, request, source_ip] = identity::params(caller);
    let wire_version = i32::try_from(version).unwrap_or(i32::MAX);
    let mut rows = db
        .call_read::<ItemRow>(
            "select place, number, id, client_id, body from app.pull($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            &[user, device, session, role, request, source_ip, &cursor, &pending, &wire_version, &limit],
        )
        .await?
        .into_iter();
    let first = rows.next().ok_or(Error::SessionEnded)?;
    let device = serde_json::from_slice(first.body.as_deref().unwrap_or_default())
        .map_err(|error| Error::Internal(Box::new(error)))?;
    let mut items = Items { device, number: first.number, tombstones: Vec::new(), rows: Vec::new() };
    items.rows.reserve(rows.len());
    for row in rows {
        let item = row.read(version)?;
        if item.body.is_some() { items.rows.push(item) } else { items.tombstones.push(item) }
    }
    // Of several reasons to be sent each has its own rows.
    items.sort(limit);
    Ok(items)
}

/// The agency's epoch.
pub async fn epoch(db: &Db, who: &impl Identity) -> Result<i32, Error> {
    #[derive(FromRow)]
    struct Counter {
        epoch: i32,
    }
    let counter: Option<Counter> =
        db.read_opt(who, "select c.epoch from agency_counters c where c.agency_id = app.agency_id()", &[]).await?;
    Ok(counter.ok_or(Error::SessionEnded)?.epoch)
}

/// The tables and columns that an updated app lacks; a table without columns is new as a whole.
pub type NewToPhone = Vec<(&'static Table, Vec<String>)>;

/// The condition that a row, changed no later than number `$1` and seen by the caller, has something that is new to the
/// phone; `mine` says whose clients count.
fn new_rows(table: &Table, columns: &[String], select: &str) -> String {
    let name = table.name;
    let filled: Vec<_> = columns.iter().map(|column| format!("r.{column} is not null")).collect();
    let filled = if filled.is_empty() { "true".to_owned() } else { filled.join(" or ") };
    // A phone has tasks with the visits of the last 90 days.
    let visits = match name {
        "visit_tasks" => {
            "join visits v on v.id = p.visit_id and v.deleted_at is null
               and v.scheduled_end >= now() - interval '90 days'"
        }
        _ => "",
    };
    let mine = match name {
        "photos" => "(p.client_id is null or p.client_id = any ($2))",
        _ => "p.client_id = any ($2)",
    };
    format!(
        "select {select} from app.phone_{name} p join {name} r on r.id = p.id {visits}
         where p.change_number <= $1 and ($2::uuid[] is null or {mine}) and ({filled})"
    )
}

/// The caller's clients; none where they see the whole agency.
pub async fn mine(db: &Db, who: &impl Identity) -> Result<Option<Vec<Uuid>>, DbError> {
    #[derive(FromRow)]
    struct Mine {
        clients: Option<Vec<Uuid>>,
    }
    let sql = "select case when not app.sees_agency() then app.my_client_array() end as clients";
    Ok(db.read_opt::<Mine>(who, sql, &[]).await?.and_then(|mine| mine.clients))
}

/// What an updated app lacks of records that it has, all under the first number after `after`, so that they come at
/// once and whole. Read after the pull itself: what changed between the two comes with the next one.
pub async fn new_items(
    db: &Db,
    caller: &Caller,
    window: Window,
    after: i64,
    new: &NewToPhone,
) -> Result<Vec<Item>, Error> {
    let clients = mine(db, caller).await?;
    let branches: Vec<_> = new
        .iter()
        .filter_map(|(table, columns)| {
            let place = TABLES.iter().position(|known| known.name == table.name)?;
            Some(new_rows(table, columns, &format!("{place} as place, $1 + 1 as number, p.id, p.client_id, p.body")))
        })
        .collect();
    if branches.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "select i.place, i.number, i.id, i.client_id, i.body from ({}) i limit $3",
        branches.join(" union all ")
    );
    let rows: Vec<ItemRow> = db.read(caller, &sql, &[&after, &clients, &window.limit]).await?;
    rows.into_iter().map(|row| row.read(window.version)).collect()
}

/// Gives new numbers to what a phone of an older schema lacks, so that it comes in pages; `clients` are [`mine`].
///
/// The agency's counter comes before any other lock, so that the transaction must have done nothing else yet.
pub async fn touch_new(
    tx: &Tx<Caller>,
    clients: Option<Vec<Uuid>>,
    after: i64,
    new: &NewToPhone,
) -> Result<(), DbError> {
    let rows: Vec<_> = new
        .iter()
        .map(|(table, columns)| {
            let name = table.name;
            new_rows(table, columns, &format!("'{name}' as \"table\", p.id, '{{}}'::text[] as columns"))
        })
        .collect();
    let rows = rows.join(" union all ");
    let sql = format!("select app.bump_change_number((select jsonb_agg(to_jsonb(r)) from ({rows}) r))");
    tx.execute(&sql, &[&after, &clients]).await
}

/// What the server remembers of a device's pull.
#[derive(Debug)]
pub struct Pulled {
    /// Its cursors, and where its unsent work began.
    pub base: WorkBase,
    /// How many changes it said it has not sent.
    pub pending: Option<i32>,
    /// Its schema version.
    pub version: Option<i32>,
    /// A cursor that was answered with nothing.
    pub replacing: Option<i64>,
    /// What was sent of tombstones, and what has arrived.
    pub tombstones: Tombstones,
}

impl Pulled {
    /// Whether that is what is remembered already.
    #[must_use]
    pub fn is_remembered(&self, device: &DeviceState) -> bool {
        self.base == device.base
            && self.pending == device.pending
            && self.version == device.version
            && self.replacing == device.replacing
            && self.tombstones == device.tombstones
    }
}

/// Notes a pull, and on record how many records of each client it read.
///
/// # Errors
/// Stale ([`DbError::is_stale`]) where anything else of the device was noted since `as_of`.
pub async fn remember(
    db: &Db,
    caller: &Caller,
    as_of: Timestamp,
    pulled: &Pulled,
    records: &BTreeMap<Uuid, usize>,
) -> Result<(), DbError> {
    let base = &pulled.base;
    let state = json!({
        "pulled_from": base.pulled_from, "pulled_to": base.pulled_to, "pulled_clean": base.pulled_clean,
        "clean_at": base.clean_at, "began": base.began,
        "withheld_from": base.withheld_from, "full_sync_cursor": base.full_sync_cursor, "push_base": base.of_push(),
        "push_base_taken": base.of_push_for_taken(), "pending": pulled.pending, "version": pulled.version,
        "replacing": pulled.replacing, "tombstones_sent": pulled.tombstones.sent,
        "tombstones_sent_with": pulled.tombstones.sent_with, "tombstones_received": pulled.tombstones.received,
    });
    let [user, device, session, role, request, source_ip] = identity::params(caller);
    db.call_all::<NoRow>(
        "select app.record_pull($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[user, device, session, role, request, source_ip, &as_of, &state, &json!(records)],
    )
    .await
    .map(drop)
}
