//! What changed in an agency, as it is told to those who listen: ids and numbers, for what each of them may see now.

use domain::{error::Error, sync::cursor::SyncCursor};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use uuid::Uuid;

use crate::{Db, DbError, Identity, NoRow};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened to what: `alert.raised`.
    pub kind: String,
    /// The record that changed.
    pub id: Uuid,
    /// Whose care it is about, if anyone's.
    pub client_id: Option<Uuid>,
    /// The change's number, as a cursor.
    pub number: i64,
}

/// What a listener is to be told.
#[derive(Clone, Debug)]
pub struct Events {
    /// Whether the log has all that changed since; otherwise nothing is told, and the listener starts again.
    pub complete: bool,
    /// The changes, oldest first.
    pub events: Vec<Event>,
    /// The agency's newest number when they were read: whatever is not among them came later, or is not the caller's.
    pub newest: i64,
}

#[derive(FromRow)]
struct Row {
    complete: bool,
    newest: i64,
    kind: Option<String>,
    id: Option<Uuid>,
    client_id: Option<Uuid>,
    number: Option<i64>,
}

/// One statement, which sees one state of the database: what it doesn't show has a higher number than `newest`.
const AFTER: &str = "
    select c.complete, c.newest, e.type as kind, e.id, e.client_id, e.number
    from (
      select (epoch::bigint << 40) + number as newest,
        $1 between (epoch::bigint << 40) + tombstones_from and (epoch::bigint << 40) + number as complete
      from agency_counters where agency_id = app.agency_id()) c
    left join app.events($1, $2) e on c.complete
    order by e.number";

/// What changed after `after` that the caller may see now, `limit` changes at most.
///
/// # Errors
/// [`Error::SessionEnded`] too: that is how a listener is found out whose session has ended.
pub async fn after(db: &Db, who: &impl Identity, after: i64, limit: i32) -> Result<Events, Error> {
    let rows: Vec<Row> = db.read(who, AFTER, &[&after, &limit]).await?;
    let (complete, newest) = rows.first().map(|row| (row.complete, row.newest)).ok_or(Error::NotFound)?;
    let event = |row: Row| Some(Event { kind: row.kind?, id: row.id?, client_id: row.client_id, number: row.number? });
    Ok(Events { complete, newest, events: rows.into_iter().filter_map(event).collect() })
}

#[derive(FromRow)]
struct Newest {
    newest: i64,
}

const NEWEST: &str = "
    select (epoch::bigint << 40) + number as newest from agency_counters where agency_id = app.agency_id()";

/// The newest number of the caller's agency.
///
/// # Errors
/// As [`after`].
pub async fn newest(db: &Db, who: &impl Identity) -> Result<i64, Error> {
    let row: Option<Newest> = db.read_opt(who, NEWEST, &[]).await?;
    Ok(row.map_or(SyncCursor::new(1, 0).as_i64(), |row| row.newest))
}

/// Notes that somebody of the caller's agency listens, from now until a socket made now is closed at the latest.
///
/// # Errors
/// As [`after`].
pub async fn begin_listening(db: &Db, who: &impl Identity) -> Result<(), Error> {
    db.read::<NoRow>(who, "select app.begin_listening()", &[]).await?;
    Ok(())
}

#[derive(FromRow)]
struct ListenedUntil {
    until: Option<Timestamp>,
}

/// Until when somebody of an agency may be listening, as it was noted last.
///
/// # Errors
/// When the database doesn't answer.
pub async fn listened_until(db: &Db, agency: Uuid) -> Result<Option<Timestamp>, DbError> {
    let row: Option<ListenedUntil> = db.call("select app.listened_until($1) as until", &[&agency]).await?;
    Ok(row.and_then(|row| row.until))
}

/// Notes that nobody listens, unless somebody began to since `seen` was read.
///
/// # Errors
/// When the database doesn't answer.
pub async fn end_listening(db: &Db, agency: Uuid, seen: Timestamp) -> Result<(), DbError> {
    db.call::<NoRow>("select app.end_listening($1, $2)", &[&agency, &seen]).await.map(drop)
}

#[derive(FromRow)]
struct Colleague {
    id: Uuid,
}

/// Which of these users are colleagues of the caller: staff whom the caller may see. A family has none.
///
/// # Errors
/// As [`after`].
pub async fn colleagues(db: &Db, who: &impl Identity, users: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    let users = users.to_vec();
    let rows: Vec<Colleague> = db
        .read(
            who,
            "select u.id from users u
             where u.id = any ($1) and u.role <> 'family' and u.deleted_at is null and app.caller_role() <> 'family'
             order by u.id",
            &[&users],
        )
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}
