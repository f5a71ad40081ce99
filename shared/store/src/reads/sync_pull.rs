//! What a phone pulls: one statement, made from [`domain::sync::schema`], that reads the counter, the rows and the
//! caller's rights in one snapshot. Whether a row is the caller's is row-level security's business.

use std::{collections::BTreeMap, sync::LazyLock};

use domain::{error::Error, sync::{base::WorkBase, schema::{TABLES, Table, VERSION}}};
use postgres_from_row::FromRow;
use uuid::Uuid;

use super::base::BaseRow;
use crate::{DbError, Identity, Nothing, Tx};

/// The device that pulls, locked for as long as its pull takes.
#[derive(Debug, FromRow)]
pub struct DeviceState {
    /// The agency's epoch.
    pub epoch: i32,
    /// A cursor that was answered with nothing, so that the phone could push before it is replaced.
    pub replacing: Option<i64>,
    /// The cursor that it held when it last pushed.
    pub pushed_at: Option<i64>,
    /// Where its unsent work began.
    #[from_row(flatten, from = "BaseRow")]
    pub base: WorkBase,
    /// Tombstones sent up to here...
    pub tombstones_sent: i64,
    /// ...with this cursor.
    pub tombstones_sent_with: i64,
    /// Tombstones that have arrived, up to here, the phone presenting what it does.
    pub tombstones_received: i64,
}

/// One thing for the phone.
#[derive(Debug, FromRow)]
pub struct Item {
    /// The table's place in [`TABLES`]; -1 for the counter itself, whose number this row carries.
    place: i32,
    /// The number that it goes by; a page ends between two of them.
    pub number: i64,
    /// Which record; the nil UUID for the counter.
    pub id: Uuid,
    /// Whose care it concerns.
    pub client_id: Option<Uuid>,
    /// The record as the phone keeps it; none for a tombstone.
    pub body: Option<String>,
}

impl Item {
    /// The table's place in [`TABLES`].
    #[must_use]
    pub fn table(&self) -> usize {
        usize::try_from(self.place).unwrap_or_default()
    }
}

/// Everything in a window.
#[derive(Debug)]
pub struct Items {
    /// The agency's newest change number; none where the cursor can't be served, and then nothing is there.
    pub number: Option<i64>,
    /// What the phone must forget.
    pub tombstones: Vec<Item>,
    /// Records as the phone keeps them, by number.
    pub rows: Vec<Item>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The cursor that the phone presents; none for everything.
    pub cursor: Option<i64>,
    /// The change number in it: rows changed after that.
    pub after: i64,
    /// How many changes the phone has not sent; none where it doesn't say.
    pub pending: Option<i32>,
    /// The schema that the phone has.
    pub version: u32,
    /// Columns that are new to it, by table: rows that have something in them go whole; a new table goes whole.
    pub new_to_it: &'a [(&'static Table, Vec<String>)],
    /// At most so many rows.
    pub limit: i64,
}

/// Locks and reads the device that presents a cursor.
pub async fn device<I: Identity>(tx: &Tx<I>, presented: Option<i64>) -> Result<DeviceState, Error> {
    tx.query_opt(
        "select c.epoch, d.replacing, d.pushed_at, d.pulled_from, d.pulled_to, d.pulled_clean, d.work_base as began,
           d.withheld_from, d.full_sync_cursor, d.tombstones_sent, d.tombstones_sent_with,
           app.tombstones_arrived($1) as tombstones_received
         from devices d join agency_counters c on c.agency_id = d.agency_id
         where d.id = app.device_id() for no key update of d",
        &[&presented],
    )
    .await?
    .ok_or(Error::SessionEnded)
}

/// Everything in the window.
pub async fn items<I: Identity>(tx: &Tx<I>, window: Window<'_>) -> Result<Items, Error> {
    let sql;
    let statement = if window.new_to_it.is_empty() {
        STATEMENTS.get(&window.version).map(String::as_str).ok_or(Error::NotFound)?
    } else {
        sql = statement(window.version, window.new_to_it);
        &sql
    };
    let Window { cursor, after, pending, limit, .. } = window;
    let mut rows: Vec<Item> = tx.query(statement, &[&after, &pending, &cursor, &limit]).await?;
    let number = rows.extract_if(.., |item| item.place < 0).next().map(|counter| counter.number);
    let tombstones = rows.extract_if(.., |item| item.body.is_none()).collect();
    Ok(Items { number, tombstones, rows })
}

/// Whether the device has clients whose rows it isn't sent any more. Asked after [`items`], so that what was taken between
/// the two counts as withheld.
pub async fn withholds<I: Identity>(tx: &Tx<I>, presented: Option<i64>) -> Result<bool, Error> {
    #[derive(FromRow)]
    struct Withheld {
        withheld: bool,
    }
    let row: Option<Withheld> = tx.query_opt("select app.withholds_rows($1) as withheld", &[&presented]).await?;
    Ok(row.is_some_and(|row| row.withheld))
}

static STATEMENTS: LazyLock<BTreeMap<u32, String>> =
    LazyLock::new(|| (1..=VERSION).map(|version| (version, statement(version, &[]))).collect());

/// Where each table's rows come from, and how old they may be: what is older, phones have pruned.
fn source(table: &Table) -> &'static str {
    match table.name {
        "clients" => "clients r",
        "visits" => "visits r",
        "visit_tasks" => "visit_tasks r join visits v on v.id = r.visit_id",
        "photos" => "photos r left join visits v on v.id = r.visit_id",
        _ => "alerts r",
    }
}

fn client_of(table: &Table) -> &'static str {
    match table.name {
        "clients" => "r.id",
        "visit_tasks" => "v.client_id",
        "photos" => "coalesce(r.client_id, v.client_id)",
        _ => "r.client_id",
    }
}

fn recent(table: &Table) -> &'static str {
    match table.name {
        "visits" => " and r.scheduled_end >= now() - interval '90 days'",
        "visit_tasks" => " and v.deleted_at is null and v.scheduled_end >= now() - interval '90 days'",
        // One's own photos stay visible after their client has gone; the phone must forget them all the same.
        "photos" => {
            " and (v.id is null or v.deleted_at is null and v.scheduled_end >= now() - interval '90 days')
              and (r.user_id is not null or exists (
                select from clients c where c.id = coalesce(r.client_id, v.client_id) and c.deleted_at is null))"
        }
        "alerts" => " and r.created_at >= now() - interval '90 days'",
        _ => "",
    }
}

/// Each table gives its rows thrice over, no row twice: those changed in the window, those of newly granted clients
/// (all under the grant's number, so that no page splits them), and those with values in columns new to the phone.
fn statement(version: u32, new_to_it: &[(&'static Table, Vec<String>)]) -> String {
    let mut branches = Vec::new();
    for (place, table) in TABLES.iter().enumerate().filter(|(_, table)| table.since <= version) {
        let columns: Vec<_> = table.columns_of(version).map(|column| column.select("r")).collect();
        let body = format!("select r.id, {}", columns.join(", "));
        let (source, client, recent) = (source(table), client_of(table), recent(table));
        let mut branch = |number: &str, condition: &str| {
            branches.push(format!(
                "select {place} as place, {number} as number, r.id, {client} as client_id, row_to_json(b)::text as body
                 from {source} cross join lateral ({body}) b
                 where (select true from counter) and r.deleted_at is null{recent} and {condition}"
            ));
        };
        let not_granted = format!("({client} is null or {client} not in (select client_id from granted))");
        branch("r.change_number", &format!("r.change_number > $1 and {not_granted}"));
        let grant = format!("(select g.number from granted g where g.client_id = {client})");
        branch(&grant, &format!("{client} in (select client_id from granted)"));
        if let Some((_, columns)) = new_to_it.iter().find(|(new, _)| new.name == table.name) {
            // Under the first number of the window, so that they come at once and whole.
            branch("$1 + 1", &format!("r.change_number <= $1 and {not_granted} and ({})", filled(columns)));
        }
    }
    let places: Vec<_> = TABLES
        .iter()
        .enumerate()
        .filter(|(_, table)| table.since <= version)
        .map(|(place, table)| format!("('{}', {place})", table.name))
        .collect();
    format!(
        "with counter as materialized (
           select c.number from agency_counters c where c.agency_id = app.agency_id()
             and ($3::bigint is null or app.cursor_is_servable($3))
         ), granted as materialized (
           select g.client_id, g.number from app.granted_since($1) g
         )
         select -1 as place, c.number, '00000000-0000-0000-0000-000000000000'::uuid as id, null::uuid as client_id,
           null::text as body
         from counter c
         union all
         select p.place, t.number, t.record_id, null, null
         from counter cross join app.tombstones_between(app.tombstones_arrived($3), app.tombstones_due($1, $2)) t
         join (values {}) p (name, place) on p.name = t.table_name
         union all
         (select i.place, i.number, i.id, i.client_id, i.body
          from ({}) i order by i.number, i.place limit $4)",
        places.join(", "),
        branches.join(" union all ")
    )
}

/// The condition that one of these columns has something in it; without columns the whole table is new.
fn filled(columns: &[String]) -> String {
    let filled: Vec<_> = columns.iter().map(|column| format!("r.{column} is not null")).collect();
    if filled.is_empty() { "true".to_owned() } else { filled.join(" or ") }
}

/// Gives new numbers to what a phone of an older schema lacks, so that it comes in pages: rows that it may see with
/// something in columns that are new to it.
pub async fn touch_new<I: Identity>(
    tx: &Tx<I>,
    after: i64,
    new_to_it: &[(&'static Table, Vec<String>)],
) -> Result<(), DbError> {
    let mut rows = Vec::new();
    for (table, columns) in new_to_it {
        let (name, source, recent, filled) = (table.name, source(table), recent(table), filled(columns));
        rows.push(format!(
            "select '{name}' as \"table\", r.id, '{{}}'::text[] as columns from {source}
             where r.deleted_at is null{recent} and r.change_number <= $1 and ({filled})"
        ));
    }
    let rows = rows.join(" union all ");
    let sql = format!("select app.bump_change_number((select jsonb_agg(to_jsonb(r)) from ({rows}) r))");
    tx.execute(&sql, &[&after]).await
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
    /// Tombstones sent, the cursor they went with, and those received.
    pub tombstones: (i64, i64, i64),
}

/// Notes a pull.
pub async fn remember<I: Identity>(tx: Tx<I>, pulled: &Pulled) -> Result<(), Error> {
    let (sent, sent_with, received) = pulled.tombstones;
    let base = &pulled.base;
    tx.commit_with::<Nothing>(
        "update devices set pulled_from = $1, pulled_to = $2, pulled_clean = $3, pending_count = $4,
           schema_version = coalesce($5, schema_version), work_base = $6, replacing = $7, tombstones_sent = $8,
           tombstones_sent_with = $9, tombstones_received = $10, withheld_from = $11, full_sync_cursor = $12,
           push_base = $13, push_base_taken = $14, last_sync_at = now(), last_seen_at = now()
         where id = app.device_id()",
        &[
            &base.pulled_from,
            &base.pulled_to,
            &base.pulled_clean,
            &pulled.pending,
            &pulled.version,
            &base.began,
            &pulled.replacing,
            &sent,
            &sent_with,
            &received,
            &base.withheld_from,
            &base.full_sync_cursor,
            &base.of_push(),
            &base.of_push_for_taken(),
        ],
    )
    .await?;
    Ok(())
}
