//! What families are told of a day: who wants to know, and which visits there were.

use domain::{
    error::Error,
    identity::JobIdentity,
    messages::{DailyVisit, Locale},
};
use jiff::{
    Timestamp,
    civil::{Date, Time},
};
use postgres_from_row::FromRow;
use serde::Deserialize;
use uuid::Uuid;

use crate::{Db, DbError, Identity, Tx, json_sql};

/// Visits that took place, or do, in the order of time.
#[derive(Clone, Debug, serde::Serialize, Deserialize)]
#[serde(transparent)]
pub struct VisitedList(pub Vec<DailyVisit>);
json_sql!(VisitedList);

/// One family member, and the day of one client of theirs.
#[derive(Clone, Debug, FromRow)]
pub struct DayOfClient {
    /// Who is told.
    pub recipient_id: Uuid,
    /// Their number (E.164).
    pub phone: String,
    /// The language of messages to them.
    pub locale: Locale,
    /// Whom it is about.
    pub client_id: Uuid,
    /// Given name.
    pub client: String,
    /// Visits that took place.
    pub visits: VisitedList,
    /// How many are still to come.
    pub to_come: i64,
    /// Whether there is something to tell, the family member asked for it, and the client agrees. A day on which no
    /// visit was planned is no news.
    pub wanted: bool,
}

impl DayOfClient {
    /// One message a number, client and day: two of a family may share a phone.
    #[must_use]
    pub fn dedupe_key(&self, date: Date) -> String {
        format!("family:{}:{}:{date}", self.client_id, self.phone)
    }
}

/// A day where the agency is: 23 to 25 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Day {
    /// The day that the summary is of.
    pub date: Date,
    /// When that day began, where the agency is.
    pub start: Timestamp,
    /// The next one's.
    pub end: Timestamp,
    /// What clocks show there now.
    pub time: Time,
    /// When it is too late to write to anybody.
    pub until: Timestamp,
}

/// The day that `now` is in where the agency is, and when it is `until` that day.
pub async fn day(db: &Db, job: &JobIdentity, now: Timestamp, until: Time) -> Result<Day, Error> {
    let day = db
        .read_opt(
            job,
            "select l.date, app.moment_of(l.date, '00:00') as start, app.moment_of(l.date + 1, '00:00') as \"end\",
               app.local_time($1) as time, app.moment_of(l.date, $2) as until
             from (select app.local_date($1) as date) l",
            &[&now, &until],
        )
        .await?;
    day.ok_or(Error::NotFound)
}

/// Keeps another run of the same for this agency waiting until the transaction ends.
pub async fn begin<I: Identity>(tx: &mut Tx<I>) -> Result<(), DbError> {
    tx.execute("select app.lock_job('family sms')", &[]).await
}

/// Family members who take part in the day at `now` and were not told of it yet, nor somebody at their number, from
/// after `after` on (client and family member) and at most `limit`; not all of them are to be told.
pub async fn pending_recipients<I: Identity>(
    tx: &mut Tx<I>,
    day: Day,
    now: Timestamp,
    after: (Uuid, Uuid),
    limit: u16,
) -> Result<Vec<DayOfClient>, Error> {
    let date = day.date.to_string();
    Ok(tx
        .query(
            "with families as materialized (
               select t.client_id, u.id as recipient_id, u.phone, u.locale, c.first_name as client
               from care_team t
               join users u on u.id = t.user_id and u.role = 'family' and u.status = 'active' and u.deleted_at is null
               join clients c on c.id = t.client_id and c.deleted_at is null
               where t.agency_id = app.agency_id() and t.relation = 'family'
                 and t.deleted_at is null and t.starts_on <= $1 and coalesce(t.ends_on >= $1, true)
                 and (t.client_id, t.user_id) > ($6, $7)
                 -- One look into an index each: as an anti join it was planned for an empty outbox, and took seconds.
                 and (
                   select true from messages m where m.agency_id = app.agency_id()
                     and m.dedupe_key = 'family:' || t.client_id || ':' || u.phone || ':' || $5 limit 1) is null
                 -- Whose number changed since was told at the former one.
                 and (
                   select true from messages m
                   where m.recipient_id = u.id and m.created_at >= $3 and m.client_id = t.client_id
                     and m.local_date = $1 limit 1) is null
               order by t.client_id, t.user_id
               limit $8
             )
             select f.client_id, f.recipient_id, f.phone, f.locale, f.client, coalesce(d.visits, '[]') as visits,
               d.to_come,
               d.planned > 0 and app.has_consent(f.client_id, 'family_sharing')
                 and app.has_consent_of(f.client_id, 'sms', f.recipient_id)
                 and app.consent_state(f.client_id, 'sms') <> 'withdrawn' as wanted
             from families f
             cross join lateral (
               select count(*) as planned,
                 count(*) filter (where v.status = 'scheduled' and v.scheduled_end > $2) as to_come,
                 jsonb_agg(
                   jsonb_build_object('caregiver', g.first_name,
                     'at', app.local_time(least(v.actual_start, v.check_in_received_at)))
                   order by least(v.actual_start, v.check_in_received_at), v.id)
                   filter (where v.status in ('in_progress', 'completed')) as visits
               from visits v join users g on g.id = v.user_id
               where v.client_id = f.client_id and v.deleted_at is null and v.status <> 'cancelled'
                 and v.scheduled_start >= $3 and v.scheduled_start < $4) d
             order by f.client_id, f.recipient_id",
            &[&day.date, &now, &day.start, &day.end, &date, &after.0, &after.1, &i64::from(limit)],
        )
        .await?)
}
