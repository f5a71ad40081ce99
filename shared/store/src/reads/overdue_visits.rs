//! Visits that should have begun and did not, as far as is known.

use domain::{
    error::Error,
    limits::{IN_TOUCH_FOR, LATE_AFTER, LATE_IS_NEWS_FOR, STILL_SENDING_FOR},
    messages::Locale,
};
use jiff::{Timestamp, civil::Time};
use postgres_from_row::FromRow;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Identity, Tx, text_sql};

/// What is known of the caregiver's phone since the visit was to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Phone {
    /// Heard from: it would have brought a check-in.
    Heard,
    /// Heard from a moment ago, with changes that it has not sent yet: the check-in may be among them. Only within half
    /// an hour of the visit's beginning.
    Sending,
    /// Not heard from.
    Unreachable,
}
text_sql!(Phone);

/// One of them.
#[derive(Clone, Debug, FromRow)]
pub struct OverdueVisit {
    /// The visit that has not begun.
    pub id: Uuid,
    /// The client whose home it is at.
    pub client_id: Uuid,
    /// Given name of who lives there.
    pub client: String,
    /// Given name of who was to come.
    pub caregiver: String,
    /// The planned start.
    pub scheduled_start: Timestamp,
    /// What clocks show then where the agency is.
    pub planned: Time,
    /// What their phone tells.
    pub phone: Phone,
    /// Whether it counts as missed already, and whoever was to be told of that could not be.
    pub is_missed: bool,
    /// Who was to come.
    pub caregiver_id: Uuid,
    /// The names of the texts that somebody was told, or will be, about this visit as planned for this time and
    /// caregiver.
    pub notified: Vec<String>,
    /// How many messages there were about it.
    pub messages: i64,
    /// Who is to be told: the client's coordinator, or else whoever is on duty, but nobody whom a message about this
    /// visit could not reach. None where nobody is left.
    pub coordinator_id: Option<Uuid>,
    /// Their number (E.164).
    pub coordinator_phone: Option<String>,
    /// Their language.
    pub coordinator_locale: Option<Locale>,
}

impl OverdueVisit {
    /// What a message about it is known by. Whether one is due is known from those there are (`notified`), under the
    /// agency's write lock; the number at the end tells one that was taken back, or reached nobody, from the one after
    /// it.
    #[must_use]
    pub fn dedupe_key(&self, kind: &str) -> String {
        let start = self.scheduled_start.as_second();
        format!("visit:{}:{start}:{}:{kind}:{}", self.id, self.caregiver_id, self.messages)
    }
}

/// The columns of an overdue visit. `$1`: until when late ones began. `$2`, `$3`: after which visit to go on. `$4`: at
/// most how many. `$5`, `$6`: since when a phone may be sending, and was heard of. `$7`: since when it is news.
const OVERDUE: &str = "
    select v.id, v.client_id, c.first_name as client, u.id as caregiver_id, u.first_name as caregiver,
      v.scheduled_start, app.local_time(v.scheduled_start) as planned,
      p.phone, v.status = 'missed' as is_missed,
      array(
        select m.template from messages m
        where m.visit_id = v.id and m.status not in ('cancelled', 'dead', 'failed')
          and m.visit_start = v.scheduled_start and m.caregiver_id = v.user_id) as notified,
      (select count(*) from messages m where m.visit_id = v.id) as messages,
      k.id as coordinator_id, k.phone as coordinator_phone, k.locale as coordinator_locale
    from (
      select o.* from visits o where o.status = 'scheduled'
      union all
      select o.* from visits o
      where o.status = 'missed' and o.scheduled_start > $7 and exists (
        select from messages m
        where m.visit_id = o.id and m.status in ('dead', 'failed') and m.template = 'visit_missed')) v
    join clients c on c.id = v.client_id and c.deleted_at is null
    join users u on u.id = v.user_id
    cross join lateral (
      select case
        -- For a while only: there are phones that never get rid of something.
        when v.scheduled_start > $5
          and coalesce(bool_or(d.pending_count > 0 and d.last_seen_at > $6), false) then 'sending'
        when coalesce(bool_or(d.last_seen_at >= v.scheduled_start), false) then 'heard'
        else 'unreachable' end as phone
      from devices d where d.user_id = v.user_id and d.platform <> 'web') p
    left join lateral (
      select w.user_id as id, w.phone, w.locale from app.on_call_contacts(v.client_id) w
      where not exists (
        select from messages m where m.visit_id = v.id and m.recipient_id = w.user_id
          and m.status in ('dead', 'failed'))
      order by w.place
      limit 1) k on true
    where v.agency_id = app.agency_id() and v.deleted_at is null
      and v.scheduled_start <= $1 and (v.scheduled_start, v.id) > ($2, $3)
      -- Where nothing was heard for a day, there is nothing more to tell.
      and (p.phone <> 'unreachable' or v.scheduled_start > $7)
    order by v.scheduled_start, v.id
    limit $4";

/// The parameters of [`OVERDUE`].
macro_rules! overdue {
    ($now:ident, $after:ident, $limit:ident) => {
        [
            &($now - LATE_AFTER) as &dyn crate::Param,
            &$after.0,
            &$after.1,
            &i64::from($limit),
            &($now - STILL_SENDING_FOR),
            &($now - IN_TOUCH_FOR),
            &($now - LATE_IS_NEWS_FOR),
        ]
    };
}

/// Visits by scheduled start and id.
pub type Place = (Timestamp, Uuid);

/// Before all visits.
#[must_use]
pub fn beginning() -> Place {
    (Timestamp::UNIX_EPOCH, Uuid::nil())
}

/// Visits of the agency that were to begin a quarter of an hour before `now` or earlier, in the order of time.
pub async fn list(
    db: &Db,
    who: &impl Identity,
    now: Timestamp,
    after: Place,
    limit: u16,
) -> Result<Vec<OverdueVisit>, DbError> {
    db.read(who, OVERDUE, &overdue!(now, after, limit)).await
}

/// Lists inside a transaction.
pub async fn list_in<I: Identity>(
    tx: &mut Tx<I>,
    now: Timestamp,
    after: Place,
    limit: u16,
) -> Result<Vec<OverdueVisit>, DbError> {
    tx.query(OVERDUE, &overdue!(now, after, limit)).await
}

/// Notes that nobody came to these, as far as is known. The transaction holds the agency's write lock since it read
/// them.
pub async fn mark_missed<I: Identity>(tx: &mut Tx<I>, visits: &[OverdueVisit]) -> Result<(), Error> {
    if visits.is_empty() {
        return Ok(());
    }
    for visit in visits {
        tx.audit(AuditEntry::new("visit.missed", "visit", visit.id, Some(visit.client_id)));
    }
    let ids: Vec<Uuid> = visits.iter().map(|visit| visit.id).collect();
    Ok(tx.execute("update visits set status = 'missed' where id = any ($1) and status = 'scheduled'", &[&ids]).await?)
}

/// Whether a message about a visit of that time still helps anybody at `now`.
#[must_use]
pub fn still_relevant(scheduled_start: Timestamp, now: Timestamp) -> bool {
    scheduled_start > now - LATE_IS_NEWS_FOR
}
