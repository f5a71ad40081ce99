//! What alerts' chains of calls wait for, and what their next step needs to know.

use std::time::Duration;

use domain::{
    error::Error,
    escalation::{CALL_TIMEOUT, OnCallContact},
    identity::Role,
    messages::Locale,
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Db, DbError, Identity, Tx, json_sql, tables::alerts::AlertStatus};

/// Whoever raised an alert.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Requester {
    /// Who raised it.
    pub user_id: Uuid,
    /// Given name.
    pub first_name: String,
    /// Their number (E.164).
    pub phone: String,
    /// The language of messages to them.
    pub locale: Locale,
    /// A caregiver's or coordinator's, or a family's.
    pub role: Role,
}

/// Those who could answer, in the order in which they are asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OnCallContacts(pub Vec<OnCallContact>);
json_sql!(Requester, OnCallContacts);

/// Who asks, the most urgent first; none in the place of a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Requesters(pub Vec<Option<Requester>>);
json_sql!(Requesters);

impl Requesters {
    /// Who is named where one name is said.
    #[must_use]
    pub fn first(&self) -> Option<&Requester> {
        self.0.first()?.as_ref()
    }

    /// All of them.
    pub fn people(&self) -> impl Iterator<Item = &Requester> {
        self.0.iter().flatten()
    }
}

/// Where a chain of calls stands on its way to somebody who answers.
#[derive(Debug, FromRow)]
pub struct EscalationState {
    /// The chain.
    pub id: Uuid,
    /// The most urgent alert of those that wait for it.
    pub alert_id: Uuid,
    /// The client whom it concerns.
    pub client_id: Uuid,
    /// How far it went.
    pub level: i32,
    /// The call that is out.
    pub call_id: Option<Uuid>,
    /// Whether its next step's time has come, or the call that is out can't be placed.
    pub due: bool,
    /// Since when those who were called are not called again.
    pub calls_since: Timestamp,
    /// Who asks.
    pub requesters: Requesters,
    /// The people to ask, in the order in which they are asked.
    pub contacts: OnCallContacts,
}

/// Where the chain that calls about an alert stands, if anything waits for it; for a job or webhook of its agency that
/// holds the counter.
pub async fn state<I: Identity>(
    tx: &mut Tx<I>,
    alert_id: Uuid,
    now: Timestamp,
) -> Result<Option<EscalationState>, DbError> {
    tx.query_opt(
        "select e.id, e.alert_id, e.client_id, e.level, e.call_id, e.due, e.calls_since, e.requesters, e.contacts
         from app.escalation($1, $2) e",
        &[&alert_id, &now],
    )
    .await
}

/// Brings a chain to a level, and all that waits for it to a status; `call_key` is the dedupe key of the call that is
/// now out.
pub async fn step<I: Identity>(
    tx: &mut Tx<I>,
    escalation_id: Uuid,
    (status, level): (AlertStatus, i32),
    due_at: Option<Timestamp>,
    call_key: Option<&str>,
) -> Result<(), Error> {
    Ok(tx
        .execute(
            "with chain as (
               update escalations set level = $3, due_at = $4,
                 call_id = (select m.id from messages m where m.agency_id = app.agency_id() and m.dedupe_key = $5)
               where id = $1)
             update alerts set status = $2::text::alert_status, escalation_level = greatest(escalation_level, $3)
             where escalation_id = $1 and status in ('open', 'calling') and deleted_at is null",
            &[&escalation_id, &status, &level, &due_at, &call_key],
        )
        .await?)
}

/// Notes that there was news of the call that is out: it rings, somebody has picked it up, or is asked for a key again.
///
/// It locks the chain: who writes down more of the call does that afterwards, in the order in which whoever takes an
/// alert locks chain and messages.
///
/// News that names a provider's id is of this call only where it is this call's.
pub async fn extend_timeout<I: Identity>(
    tx: &mut Tx<I>,
    call_id: Uuid,
    sid: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    let due_at = now + CALL_TIMEOUT;
    Ok(tx
        .execute(
            "update escalations e set due_at = greatest(e.due_at, $2)
             from messages m
             where e.call_id = $1 and e.due_at is not null and m.id = $1
               and ($3::text is null
                 or (coalesce(m.provider_sid, $3) = $3 and not $3 = any (m.previous_provider_ids)))",
            &[&call_id, &due_at, &sid],
        )
        .await?)
}

/// A chain that has a step to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The alert's agency.
    pub agency_id: Uuid,
    /// An alert that waits for it.
    pub alert_id: Uuid,
}

#[derive(FromRow)]
struct Listed {
    agency_ids: Vec<Uuid>,
    alert_ids: Vec<Uuid>,
}

/// The chains of all agencies that have a step to take, the most urgent first, no agency before another's turn.
pub async fn due(db: &Db, now: Timestamp, limit: i32) -> Result<Vec<Due>, DbError> {
    let listed: Option<Listed> =
        db.call("select agency_ids, alert_ids from app.due_escalations($1, $2)", &[&now, &limit]).await?;
    let pairs = listed.into_iter().flat_map(|listed| listed.agency_ids.into_iter().zip(listed.alert_ids));
    Ok(pairs.map(|(agency_id, alert_id)| Due { agency_id, alert_id }).collect())
}

/// For how long the oldest alert of all agencies has waited for a person at `now`; zero where none does.
pub async fn oldest_unanswered(db: &Db, now: Timestamp) -> Result<Duration, DbError> {
    #[derive(FromRow)]
    struct Oldest {
        seconds: f64,
    }
    let oldest: Option<Oldest> = db.call("select app.oldest_unanswered_alert($1) as seconds", &[&now]).await?;
    Ok(oldest.and_then(|oldest| Duration::try_from_secs_f64(oldest.seconds).ok()).unwrap_or_default())
}
