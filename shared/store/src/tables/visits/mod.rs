//! Visits: planned, checked in to, documented, checked out of.

mod record;

use domain::{
    error::{Conflict, Error, Reference},
    identity::Caller,
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    AuditEntry, ConstraintExt, Db, DbError, Identity, NoRow, Tx, audited_page, identity,
    tables::check_in::RecordedLocation,
};

pub use domain::transitions::VisitStatus;
pub use record::{Cancellation, Caregiver, Visit, VisitClient, VisitFields};

pub(in crate::tables) use record::VisitRow;

/// Which visits to list.
#[derive(Debug, Default)]
pub struct VisitFilter {
    /// Beginning then or later.
    pub from: Option<Timestamp>,
    /// Beginning before then.
    pub to: Option<Timestamp>,
    /// Visits to this client.
    pub client_id: Option<Uuid>,
    /// Visits of this caregiver.
    pub user_id: Option<Uuid>,
    /// Rows in this status.
    pub status: Option<VisitStatus>,
    /// After the visit of this start and id.
    pub after: Option<(Timestamp, Uuid)>,
    /// The largest number of rows.
    pub limit: i64,
}

/// A visit as it is answered, from the view that says what belongs to it.
macro_rules! answers {
    ($($rest:literal)?) => {
        concat!(
            "select v.id, v.client_id, v.user_id, v.client, v.caregiver, v.scheduled_start, v.scheduled_end, v.status,
               v.actual_start, v.actual_end, v.check_in, v.check_out, v.cancel_reason, v.notes, v.family_note, v.tasks,
               v.created_at, v.updated_at, v.change_number, v.version, v.after_access_ended
             from app.visit_answers v ",
            $($rest)?
        )
    };
}

/// Visits by their planned start.
pub async fn list(db: &Db, who: &impl Identity, filter: VisitFilter) -> Result<Vec<Visit>, DbError> {
    let (start, id) = filter.after.unzip();
    let rows: Vec<VisitRow> = db
        .read(
            who,
            audited_page!(
                "visit.list",
                "visit",
                "$8",
                answers!(
                    "where ($1::timestamptz is null or v.scheduled_start >= $1)
                       and ($2::timestamptz is null or v.scheduled_start < $2)
                       and ($3::uuid is null or v.client_id = $3) and ($4::uuid is null or v.user_id = $4)
                       and ($5::text is null or v.status = $5)
                       and ($7::uuid is null or (v.scheduled_start, v.id) > ($6, $7))
                     order by v.scheduled_start, v.id limit $8"
                )
            ),
            &[&filter.from, &filter.to, &filter.client_id, &filter.user_id, &filter.status, &start, &id, &filter.limit],
        )
        .await?;
    Ok(rows.into_iter().map(Visit::from).collect())
}

/// A caregiver's visits from one time to another, by their planned start: what a nurse's day asks. One statement with a
/// plan that is kept (`app.nurses_day`).
pub async fn day(
    db: &Db,
    caller: &Caller,
    caregiver: Uuid,
    (from, to): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<Visit>, DbError> {
    let [user, device, session, role, request, source_ip] = identity::params(caller);
    let sql = "select * from app.nurses_day($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let rows: Vec<VisitRow> =
        db.call_read(sql, &[user, device, session, role, request, source_ip, &caregiver, &from, &to, &limit]).await?;
    Ok(rows.into_iter().map(Visit::from).collect())
}

/// One visit, if the caller may see it.
pub async fn find(db: &Db, caller: &Caller, id: Uuid) -> Result<Option<Visit>, DbError> {
    let [user, device, session, role, request, source_ip] = identity::params(caller);
    let sql = "select * from app.visit_by_id($1, $2, $3, $4, $5, $6, $7)";
    let rows: Vec<VisitRow> = db.call_read(sql, &[user, device, session, role, request, source_ip, &id]).await?;
    Ok(rows.into_iter().next().map(Visit::from))
}

/// Refuses where the caller may not see the visit: for lists that are empty for either reason.
pub async fn must_be_visible(db: &Db, who: &impl Identity, id: Uuid) -> Result<(), Error> {
    let sql = "select v.id from visits v where v.id = $1 and v.deleted_at is null";
    db.read_opt::<NoRow>(who, sql, &[&id]).await?.map(drop).ok_or(Error::NotFound)
}

/// One visit inside a write transaction, where the counter's lock keeps it as it is.
pub async fn get<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<Visit, Error> {
    let row: Option<VisitRow> = tx.query_opt(answers!("where v.id = $1"), &[&id]).await?;
    row.map(Visit::from).ok_or(Error::NotFound)
}

/// Refuses a time at which the caregiver is elsewhere. The counter's lock makes this safe against others planning at
/// the same moment.
///
/// # Errors
/// [`Conflict::Overlap`], naming the earliest visit in the way.
pub async fn refuse_overlap<I: Identity>(tx: &mut Tx<I>, id: Uuid, visit: &VisitFields) -> Result<(), Error> {
    #[derive(FromRow)]
    struct InTheWay {
        id: Uuid,
    }
    let in_the_way: Option<InTheWay> = tx
        .query_opt(
            "select v.id from visits v
             where v.user_id = $2 and v.id <> $1 and v.deleted_at is null
               and v.status in ('scheduled', 'in_progress')
               and v.scheduled_start < $4 and v.scheduled_end > $3
             order by v.scheduled_start, v.id limit 1",
            &[&id, &visit.user_id, &visit.scheduled_start, &visit.scheduled_end],
        )
        .await?;
    match in_the_way {
        Some(InTheWay { id }) => Err(Error::Conflict(Conflict::Overlap(id))),
        None => Ok(()),
    }
}

/// Plans a visit.
pub async fn insert<I: Identity>(tx: &mut Tx<I>, id: Uuid, visit: &VisitFields) -> Result<(), Error> {
    tx.audit(AuditEntry::new("visit.create", "visit", id, Some(visit.client_id)));
    tx.execute(
        "insert into visits
           (id, agency_id, client_id, user_id, scheduled_start, scheduled_end, notes, family_note)
         values ($1, app.agency_id(), $2, $3, $4, $5, $6, $7)",
        &[
            &id,
            &visit.client_id,
            &visit.user_id,
            &visit.scheduled_start,
            &visit.scheduled_end,
            &visit.notes,
            &visit.family_note,
        ],
    )
    .await
    .on_constraint("visits_client_fkey", || Error::Unusable(Reference::Client))
}

/// A visit with all that became of it, as it is brought over from elsewhere.
#[derive(Clone, Debug, Serialize)]
pub struct VisitRecord {
    /// The visit's id.
    pub id: Uuid,
    /// What was planned and noted.
    #[serde(flatten)]
    pub fields: VisitFields,
    /// The status.
    pub status: VisitStatus,
    /// When the caregiver came.
    pub actual_start: Option<Timestamp>,
    /// When the caregiver left.
    pub actual_end: Option<Timestamp>,
    /// Where the caregiver came, and when the server heard of it.
    pub check_in: Option<RecordedLocation>,
    /// Where the caregiver left, and when the server heard of it.
    pub check_out: Option<RecordedLocation>,
    /// Why the visit was cancelled.
    pub cancel_reason: Option<String>,
}

/// Brings over some hundreds of visits. Their caregivers' grants are the caller's to refresh afterwards.
pub async fn insert_many<I: Identity>(tx: &mut Tx<I>, visits: &[VisitRecord]) -> Result<(), Error> {
    for visit in visits {
        tx.audit(AuditEntry::new("visit.create", "visit", visit.id, Some(visit.fields.client_id)));
    }
    Ok(tx
        .execute(
            "insert into visits
               (id, agency_id, client_id, user_id, scheduled_start, scheduled_end, notes, family_note, status,
                cancel_reason, actual_start, check_in_latitude, check_in_longitude, check_in_accuracy_m,
                check_in_distance_m, check_in_received_at, actual_end, check_out_latitude, check_out_longitude,
                check_out_accuracy_m, check_out_distance_m, check_out_received_at)
             select r.id, app.agency_id(), r.client_id, r.user_id, r.scheduled_start, r.scheduled_end, r.notes,
               r.family_note, r.status::visit_status, r.cancel_reason,
               r.actual_start, i.latitude, i.longitude, i.accuracy_m, i.distance_m, i.received_at,
               r.actual_end, o.latitude, o.longitude, o.accuracy_m, o.distance_m, o.received_at
             from jsonb_to_recordset($1) as r (id uuid, client_id uuid, user_id uuid, scheduled_start timestamptz,
                 scheduled_end timestamptz, notes text, family_note text, status text, cancel_reason text,
                 actual_start timestamptz, actual_end timestamptz, check_in jsonb, check_out jsonb)
               cross join jsonb_to_record(r.check_in) as i (latitude float8, longitude float8, accuracy_m float8,
                 distance_m float8, received_at timestamptz)
               cross join jsonb_to_record(r.check_out) as o (latitude float8, longitude float8, accuracy_m float8,
                 distance_m float8, received_at timestamptz)",
            &[&serde_json::json!(visits)],
        )
        .await?)
}

/// Writes what was planned and noted.
pub async fn update<I: Identity>(tx: &mut Tx<I>, id: Uuid, visit: &VisitFields) -> Result<(), Error> {
    tx.audit(AuditEntry::new("visit.update", "visit", id, Some(visit.client_id)));
    tx.execute_one(
        "update visits set user_id = $2, scheduled_start = $3, scheduled_end = $4, notes = $5, family_note = $6
             where id = $1 returning id",
        &[&id, &visit.user_id, &visit.scheduled_start, &visit.scheduled_end, &visit.notes, &visit.family_note],
    )
    .await
}

/// Measures how far from home a visit's check-in and check-out were, once they are written.
pub async fn measure<I: Identity>(tx: &Tx<I>, id: Uuid) -> Result<(), DbError> {
    tx.execute(
        "update visits v set
           check_in_distance_m = app.metres(c.latitude, c.longitude, v.check_in_latitude, v.check_in_longitude),
           check_out_distance_m = app.metres(c.latitude, c.longitude, v.check_out_latitude, v.check_out_longitude)
         from clients c where c.id = v.client_id and v.id = $1",
        &[&id],
    )
    .await
}

/// Says why the chart is corrected or added to, for the revisions of this transaction.
pub async fn give_reason<I: Identity>(tx: &Tx<I>, reason: &str) -> Result<(), DbError> {
    tx.execute("select app.give_chart_reason($1)", &[&reason]).await
}

/// Cancels a visit.
pub async fn cancel<I: Identity>(tx: &mut Tx<I>, visit: &Visit, reason: &str) -> Result<(), Error> {
    tx.audit(AuditEntry::new("visit.cancel", "visit", visit.id, Some(visit.client_id)));
    tx.execute_one(
        "update visits set status = 'cancelled', cancel_reason = $2 where id = $1 returning id",
        &[&visit.id, &reason],
    )
    .await
}

/// Notes that nobody came, as far as is known.
pub async fn mark_missed<I: Identity>(tx: &mut Tx<I>, visit: &Visit) -> Result<(), Error> {
    tx.audit(AuditEntry::new("visit.missed", "visit", visit.id, Some(visit.client_id)));
    tx.execute_one("update visits set status = 'missed' where id = $1 returning id", &[&visit.id]).await
}

/// Removes a visit and its tasks, softly.
pub async fn delete<I: Identity>(tx: &mut Tx<I>, visit: &Visit) -> Result<(), Error> {
    tx.audit(AuditEntry::new("visit.delete", "visit", visit.id, Some(visit.client_id)));
    tx.execute_one(
        "with tasks as (
               update visit_tasks set deleted_at = now() where visit_id = $1 and deleted_at is null)
             update visits set deleted_at = now() where id = $1 and deleted_at is null returning id",
        &[&visit.id],
    )
    .await
}
