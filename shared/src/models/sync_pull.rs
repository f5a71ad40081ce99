//! What a phone pulls: one statement, made from [`crate::sync::schema`], that reads the counter, the rows and the
//! caller's rights in one snapshot. Whether a row is the caller's is row-level security's business.

use std::{collections::BTreeMap, fmt::Write, sync::LazyLock};

use postgres_from_row::FromRow;
use uuid::Uuid;

use crate::{
    db::{Identity, Tx},
    error::Error,
    sync::{
        base::WorkBase,
        schema::{TABLES, Table, VERSION},
    },
};

/// The device that pulls, locked for as long as its pull takes, and where its agency's counter stands.
#[derive(Debug, FromRow)]
pub struct DeviceState {
    /// The agency's epoch.
    pub epoch: i32,
    /// The agency's newest change number.
    pub number: i64,
    /// A cursor that was answered with nothing, so that the phone could push before it is replaced.
    pub replacing: Option<i64>,
    /// The cursor that it held when it last pushed.
    pub pushed_at: Option<i64>,
    /// The cursor it presented at its last pull.
    pub pulled_from: Option<i64>,
    /// The cursor it got then.
    pub pulled_to: Option<i64>,
    /// Whether nothing waited to be sent then.
    pub pulled_clean: bool,
    /// Where the work began that it has not sent yet.
    pub work_base: Option<i64>,
    /// Tombstones sent up to here...
    pub tombstones_sent: i64,
    /// ...with this cursor.
    pub tombstones_sent_with: i64,
    /// Tombstones that arrived, up to here.
    pub tombstones_received: i64,
}

impl DeviceState {
    /// Where its unsent work began.
    #[must_use]
    pub fn base(&self) -> WorkBase {
        WorkBase {
            pulled_from: self.pulled_from,
            pulled_to: self.pulled_to,
            pulled_clean: self.pulled_clean,
            began: self.work_base,
        }
    }
}

/// One thing for the phone.
#[derive(Debug, FromRow)]
pub struct Item {
    /// The table's place in [`TABLES`]; -1 for the counter itself, whose number this row carries.
    pub place: i32,
    /// The number that it goes by; a page ends between two of them.
    pub number: i64,
    /// Which record; the nil UUID for the counter.
    pub id: Uuid,
    /// Whose care it concerns.
    pub client_id: Option<Uuid>,
    /// The record as the phone keeps it; none for a tombstone.
    pub body: Option<String>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Rows changed after this number; 0 for all.
    pub after: i64,
    /// How many changes the phone has not sent; none where it doesn't say.
    pub pending: Option<i32>,
    /// Tombstones after this number.
    pub tombstones_after: i64,
    /// The schema that the phone has.
    pub version: u32,
    /// Columns that are new to it, by table: rows that have something in them go whole; a new table goes whole.
    pub new_to_it: &'a [(&'static Table, Vec<String>)],
    /// At most so many rows.
    pub limit: i64,
}

/// Locks and reads the device.
pub async fn device<I: Identity>(tx: &mut Tx<I>) -> Result<DeviceState, Error> {
    tx.query_opt(
        "select c.epoch, c.number, d.replacing, d.pushed_at, d.pulled_from, d.pulled_to, d.pulled_clean, d.work_base, d.tombstones_sent,
           d.tombstones_sent_with, d.tombstones_received
         from devices d join agency_counters c on c.agency_id = d.agency_id
         where d.id = app.device_id() for no key update of d",
        &[],
    )
    .await?
    .ok_or(Error::SessionEnded)
}

/// Everything in the window, by number, the counter first.
pub async fn items<I: Identity>(tx: &mut Tx<I>, window: Window<'_>) -> Result<Vec<Item>, Error> {
    let sql;
    let statement = if window.new_to_it.is_empty() {
        STATEMENTS.get(&window.version).map(String::as_str).ok_or(Error::NotFound)?
    } else {
        sql = statement(window.version, window.new_to_it);
        &sql
    };
    Ok(tx.query(statement, &[&window.after, &window.pending, &window.tombstones_after, &window.limit]).await?)
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
    let mut sql = String::from(
        "with counter as materialized (
           select c.number from agency_counters c where c.agency_id = app.agency_id()
         ), granted as materialized (
           select g.client_id, g.number from app.granted_since($1) g
         ), due as materialized (
           select app.tombstones_due($1, $2) as number
         )
         select i.place, i.number, i.id, i.client_id, i.body from (
           select -1 as place, c.number as number, '00000000-0000-0000-0000-000000000000'::uuid as id,
             null::uuid as client_id, null::text as body, 0 as sort
           from counter c",
    );
    for (place, table) in TABLES.iter().enumerate().filter(|(_, table)| table.since <= version) {
        let columns: Vec<_> = table.columns_of(version).map(|column| column.select("r")).collect();
        let body = format!("select r.id, {}", columns.join(", "));
        let (source, client, recent) = (source(table), client_of(table), recent(table));
        let mut branch = |number: &str, condition: &str| {
            // Writing to a String can't fail.
            let _ = write!(
                sql,
                " union all
                 select {place}, {number}, r.id, {client}, row_to_json(b)::text, 1
                 from {source} cross join lateral ({body}) b
                 where r.deleted_at is null{recent} and {condition}"
            );
        };
        let not_granted = format!("({client} is null or {client} not in (select client_id from granted))");
        branch("r.change_number", &format!("r.change_number > $1 and {not_granted}"));
        let grant = format!("(select g.number from granted g where g.client_id = {client})");
        branch(&grant, &format!("{client} in (select client_id from granted)"));
        if let Some((_, columns)) = new_to_it.iter().find(|(new, _)| new.name == table.name) {
            let filled: Vec<_> = columns.iter().map(|column| format!("r.{column} is not null")).collect();
            let filled = if filled.is_empty() { "true".to_owned() } else { filled.join(" or ") };
            // Under the first number of the window, so that they come at once and whole.
            branch("$1 + 1", &format!("r.change_number <= $1 and {not_granted} and ({filled})"));
        }
    }
    let places: Vec<_> = TABLES
        .iter()
        .enumerate()
        .filter(|(_, table)| table.since <= version)
        .map(|(place, table)| format!("('{}', {place})", table.name))
        .collect();
    let _ = write!(
        sql,
        " union all
         select p.place, t.number, t.record_id, null, null, 1
         from due cross join lateral app.tombstones_between($3, due.number) t
         join (values {}) p (name, place) on p.name = t.table_name
         ) i order by i.sort, i.number, i.place limit $4",
        places.join(", ")
    );
    sql
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
    tx.commit_with::<crate::db::Nothing>(
        "update devices set pulled_from = $1, pulled_to = $2, pulled_clean = $3, pending_count = $4,
           schema_version = coalesce($5, schema_version), work_base = $6, replacing = $7, tombstones_sent = $8,
           tombstones_sent_with = $9, tombstones_received = $10, last_sync_at = now(), last_seen_at = now()
         where id = app.device_id()",
        &[
            &pulled.base.pulled_from,
            &pulled.base.pulled_to,
            &pulled.base.pulled_clean,
            &pulled.pending,
            &pulled.version,
            &pulled.base.began,
            &pulled.replacing,
            &sent,
            &sent_with,
            &received,
        ],
    )
    .await?;
    Ok(())
}
