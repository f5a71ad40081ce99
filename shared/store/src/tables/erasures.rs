//! Clients whose records have grown old enough to go: planned, looked at, removed whole; and what each run did. Who is
//! due says `app.due_clients`, what goes with them `app.erasure_steps`.

use std::collections::BTreeMap;

use domain::identity::JobIdentity;
use jiff::{Timestamp, civil::Date};
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Identity, Tx, json_sql};

/// Rows by the table that they are in.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = json!({"visits": 412, "visit_tasks": 1630}))]
pub struct RowCounts(pub BTreeMap<String, i64>);
json_sql!(RowCounts);

impl RowCounts {
    /// Of all tables.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.0.values().sum()
    }
}

/// A client whose records are due to go.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"client_id": "0193a5b0-0000-7000-8000-0000000000c1", "rule": "last_care",
    "due_on": "2026-11-20", "held_by": null, "planned_at": "2026-11-21T10:30:02Z",
    "goes_after": "2026-12-21T10:30:02Z", "begun_at": null, "rows": {"clients": 1, "visits": 410}}))]
pub struct DueClient {
    /// The client.
    pub client_id: Uuid,
    /// From when on the years are counted: `last_care`, or `majority` where that came later.
    #[schema(pattern = "^(last_care|majority)$")]
    pub rule: String,
    /// Since when they are due, where the agency is.
    pub due_on: Date,
    /// What keeps them: a hold on the `client` or on a `user` of their records, an open `request`, or what a phone sent
    /// and nobody has settled (`quarantine`). Null where nothing does.
    #[schema(pattern = "^(client|user|request|quarantine)$")]
    pub held_by: Option<String>,
    /// When the plan was made to remove them; null where there is none yet.
    pub planned_at: Option<Timestamp>,
    /// From when on they go.
    pub goes_after: Option<Timestamp>,
    /// When their removal was begun.
    pub begun_at: Option<Timestamp>,
    /// How many rows would go, by table.
    pub rows: RowCounts,
}

/// What a run of the retention did.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000e1", "at": "2026-12-21T10:30:09Z", "planned": 0,
    "withdrawn": 0, "held": 1, "erased": ["0193a5b0-0000-7000-8000-0000000000c1"], "removed_rows": 1930,
    "removed_objects": 44}))]
pub struct RetentionReport {
    /// The report's id.
    pub id: Uuid,
    /// When the run ended.
    pub at: Timestamp,
    /// How many clients were planned to go.
    pub planned: i64,
    /// Of how many the plan was withdrawn: they are not due any more, or held.
    pub withdrawn: i64,
    /// How many are due and held.
    pub held: i64,
    /// Who went.
    pub erased: Vec<Uuid>,
    /// How many rows went.
    pub removed_rows: i64,
    /// How many objects went, each version counted.
    pub removed_objects: i64,
}

/// A page of who is due by now, the oldest first, after this one; and that it was read.
pub async fn due(
    db: &Db,
    who: &impl Identity,
    after: Option<(Date, Uuid)>,
    limit: i64,
) -> Result<Vec<DueClient>, DbError> {
    let (due_on, id) = after.unzip();
    db.read(
        who,
        "with logged as (insert into audit_log (action, resource) values ('retention.plan', 'retention'))
         select d.client_id, d.rule, d.due_on, d.held_by, e.planned_at,
           e.planned_at + app.erasure_notice() as goes_after,
           e.begun_at, app.count_erasure(d.client_id) as rows
         from (
           select * from app.due_clients(now(), null) c
           where $2::uuid is null or (c.due_on, c.client_id) > ($1::date, $2) order by c.due_on, c.client_id limit $3) d
         left join erasures e on e.client_id = d.client_id
         order by d.due_on, d.client_id",
        &[&due_on, &id, &limit],
    )
    .await
}

/// A page of the reports, newest first, before this one; and that they were read.
pub async fn reports(
    db: &Db,
    who: &impl Identity,
    before: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<RetentionReport>, DbError> {
    let (at, id) = before.unzip();
    db.read(
        who,
        "with logged as (insert into audit_log (action, resource) values ('retention.list', 'retention'))
         select r.id, r.at, r.planned, r.withdrawn, r.held, r.erased, r.removed_rows, r.removed_objects
         from retention_reports r where $2::uuid is null or (r.at, r.id) < ($1::timestamptz, $2)
         order by r.at desc, r.id desc limit $3",
        &[&at, &id, &limit],
    )
    .await
}

/// Who is due by `now` and not held, and how many rows of theirs there are. Changes nothing.
pub async fn counted(db: &Db, job: &JobIdentity, now: Timestamp) -> Result<Vec<Counted>, DbError> {
    db.read(
        job,
        "select d.client_id, d.held_by is not null as held, app.count_erasure(d.client_id) as rows,
           array(select v.id from visits v where v.client_id = d.client_id) as visit_ids,
           array(select p.id from photos p where p.subject_client_id = d.client_id) as photo_ids
         from app.due_clients($1, null) d order by d.due_on, d.client_id",
        &[&now],
    )
    .await
}

/// Somebody who is due, as a dry run counts them.
#[derive(Clone, Debug, FromRow)]
pub struct Counted {
    /// The client.
    pub client_id: Uuid,
    /// Whether anything keeps them.
    pub held: bool,
    /// How many rows of theirs there are.
    pub rows: RowCounts,
    /// Their visits.
    pub visit_ids: Vec<Uuid>,
    /// Their photos and documents.
    pub photo_ids: Vec<Uuid>,
}

/// What planning changed.
#[derive(Clone, Copy, Debug, Default, FromRow)]
pub struct Planned {
    /// Who became due.
    pub planned: i64,
    /// Who is due no more, or held.
    pub withdrawn: i64,
    /// Who is due and held.
    pub held: i64,
}

/// Plans whoever was due by `now` and by the database's own clock, and withdraws other plans.
pub async fn plan(tx: &mut Tx<JobIdentity>, now: Timestamp) -> Result<Planned, DbError> {
    Ok(tx.query_opt("select planned, withdrawn, held from app.plan_erasures($1)", &[&now]).await?.unwrap_or_default())
}

/// An erasure that has begun: whose, and where their objects are.
#[derive(Clone, Debug, FromRow)]
pub struct Erasure {
    /// The client.
    pub client_id: Uuid,
    /// Their visits.
    pub visit_ids: Vec<Uuid>,
    /// Their photos and documents.
    pub photo_ids: Vec<Uuid>,
}

/// Begins the next erasure whose plan has stood for 30 days, or goes on with one that was begun. Phones learn that the
/// client has gone.
pub async fn begin(tx: &mut Tx<JobIdentity>, now: Timestamp) -> Result<Option<Erasure>, DbError> {
    tx.query_opt("select client_id, visit_ids, photo_ids from app.begin_erasure($1)", &[&now]).await
}

/// Removes the client's rows, whose objects have gone, and answers how many. None where something holds them by now.
pub async fn end(tx: &mut Tx<JobIdentity>, client: Uuid) -> Result<Option<RowCounts>, DbError> {
    #[derive(FromRow)]
    struct Removed {
        rows: Option<RowCounts>,
    }
    let removed: Option<Removed> = tx.query_opt("select app.end_erasure($1) as rows", &[&client]).await?;
    let rows = removed.and_then(|removed| removed.rows);
    if rows.is_some() {
        tx.audit(AuditEntry::new("client.erase", "client", client, Some(client)));
    }
    Ok(rows)
}

/// Keeps what a run did.
pub async fn report(
    tx: &mut Tx<JobIdentity>,
    Planned { planned, withdrawn, held }: Planned,
    erased: Vec<Uuid>,
    rows: i64,
    objects: i64,
) -> Result<(), DbError> {
    tx.execute(
        "select app.report_retention($1, $2, $3, $4, $5, $6)",
        &[&planned, &withdrawn, &held, &erased, &rows, &objects],
    )
    .await
}
