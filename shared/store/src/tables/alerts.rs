//! Alerts: somebody asks for help, and a person answers. How they reach one is [`domain::escalation`]'s.

use domain::{
    Versioned,
    error::{Conflict, Error},
    limits::{ALERT_WINDOW, ALERTS_PER_WINDOW},
    messages::Locale,
    validation::Check,
};
use jiff::{SignedDuration, Timestamp};
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use domain::transitions::AlertStatus;
use domain::transitions::Transitions;

use crate::{AuditEntry, Db, DbError, Identity, Tx, audited, audited_page, tables::escalations::Requesters, text_sql};

/// How bad it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "high")]
pub enum Severity {
    /// Today is soon enough.
    Low,
    /// Within the hour.
    Medium,
    /// Somebody must act now.
    High,
    /// A life may depend on it.
    Critical,
}

text_sql!(Severity);

/// What is said when asking for help.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "visit_id": "0193a5b0-0000-7000-8000-0000000000a1",
    "severity": "high", "reason": "fall", "message": "She is on the floor, awake, and says that her hip hurts."}))]
pub struct AlertFields {
    /// The client whom it concerns.
    pub client_id: Uuid,
    /// The visit during which it is raised, if any.
    #[serde(default)]
    pub visit_id: Option<Uuid>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about, in a word or two.
    #[schema(min_length = 1, max_length = 100)]
    pub reason: String,
    /// What whoever answers should know. It is shown in BerthCare and never spoken or sent.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub message: Option<String>,
}
impl Check for AlertFields {}

/// An alert on record.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000a5",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "visit_id": "0193a5b0-0000-7000-8000-0000000000a1", "raised_by": "0193a5b0-0000-7000-8000-000000000003",
    "severity": "high", "reason": "fall", "message": "She is on the floor, awake, and says that her hip hurts.",
    "status": "acknowledged", "acknowledged_by": "0193a5b0-0000-7000-8000-000000000002",
    "acknowledged_at": "2026-11-20T14:11:20Z", "escalation_level": 1, "created_at": "2026-11-20T14:10:55Z",
    "updated_at": "2026-11-20T14:11:20Z"}))]
pub struct Alert {
    /// The alert's id.
    pub id: Uuid,
    /// The client whom it concerns.
    pub client_id: Uuid,
    /// The visit during which it was raised, if any.
    pub visit_id: Option<Uuid>,
    /// Who asks: a caregiver, a coordinator, or a family member by SMS.
    pub raised_by: Option<Uuid>,
    /// How bad it is.
    pub severity: Severity,
    /// The reason for the alert.
    pub reason: String,
    /// What whoever answers should know.
    pub message: Option<String>,
    /// How far somebody has taken it.
    pub status: AlertStatus,
    /// The user who acknowledged it.
    pub acknowledged_by: Option<Uuid>,
    /// When somebody acknowledged it.
    pub acknowledged_at: Option<Timestamp>,
    /// How far it went: 0 nobody was called yet, 1 and 2 so many people were, from 3 on everybody is told.
    pub escalation_level: i32,
    /// When the server received it.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    #[serde(skip)]
    change_number: i64,
}

impl Versioned for Alert {
    fn version(&self) -> i64 {
        self.change_number
    }
}

/// Which alerts to list.
#[derive(Debug, Default)]
pub struct AlertFilter {
    /// About this client.
    pub client_id: Option<Uuid>,
    /// Rows in this status.
    pub status: Option<AlertStatus>,
    /// Before the alert of this time and id.
    pub before: Option<(Timestamp, Uuid)>,
    /// The largest number of rows.
    pub limit: i64,
}

macro_rules! columns {
    () => {
        "a.id, a.client_id, a.visit_id, a.raised_by, a.severity::text as severity, a.reason, a.message,
         a.status::text as status, a.acknowledged_by, a.acknowledged_at, a.escalation_level, a.created_at, a.updated_at,
         a.change_number
         from alerts a"
    };
}

/// Alerts, newest first.
pub async fn list(db: &Db, who: &impl Identity, filter: AlertFilter) -> Result<Vec<Alert>, DbError> {
    let (at, id) = filter.before.unzip();
    db.read(
        who,
        audited_page!(
            "alert.list",
            "alert",
            "$5",
            "select ",
            columns!(),
            " where a.deleted_at is null and ($1::uuid is null or a.client_id = $1)
                and ($2::text is null or a.status = $2::alert_status)
                and ($4::uuid is null or (a.created_at, a.id) < ($3, $4))
              order by a.created_at desc, a.id desc limit $5"
        ),
        &[&filter.client_id, &filter.status, &at, &id, &filter.limit],
    )
    .await
}

/// One alert, if the caller may see it.
pub async fn find(db: &Db, who: &impl Identity, id: Uuid) -> Result<Option<Alert>, DbError> {
    db.read_opt(
        who,
        audited!("alert.read", "alert", "select ", columns!(), " where a.id = $1 and a.deleted_at is null"),
        &[&id],
    )
    .await
}

/// One alert inside a write transaction, where the counter's lock keeps it as it is.
pub async fn get<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<Alert, Error> {
    tx.query_opt(concat!("select ", columns!(), " where a.id = $1 and a.deleted_at is null"), &[&id])
        .await?
        .ok_or(Error::NotFound)
}

/// Raises an alert, as `raised_by`. The row itself begins a chain of calls, or joins the client's (a trigger): invoke
/// `jobs` after the commit.
pub async fn insert<I: Identity>(tx: &mut Tx<I>, id: Uuid, raised_by: Uuid, alert: &AlertFields) -> Result<(), Error> {
    tx.audit(AuditEntry::new("alert.create", "alert", id, Some(alert.client_id)));
    Ok(tx
        .execute(
            "insert into alerts (id, agency_id, client_id, visit_id, raised_by, severity, reason, message)
             values ($1, app.agency_id(), $2, $3, $4, $5::text::alert_severity, $6, $7)",
            &[&id, &alert.client_id, &alert.visit_id, &raised_by, &alert.severity, &alert.reason, &alert.message],
        )
        .await?)
}

/// Whether somebody already waits for an answer about this client and for this reason.
pub async fn is_waiting<I: Identity>(
    tx: &mut Tx<I>,
    client_id: Uuid,
    raised_by: Uuid,
    reason: &str,
) -> Result<bool, Error> {
    #[derive(FromRow)]
    struct Waiting {
        waiting: bool,
    }
    let row: Option<Waiting> = tx
        .query_opt(
            "select exists (
               select from alerts a
               where a.client_id = $1 and a.raised_by = $2 and a.reason = $3 and a.status in ('open', 'calling')
                 and a.deleted_at is null) as waiting",
            &[&client_id, &raised_by, &reason],
        )
        .await?;
    Ok(row.is_some_and(|row| row.waiting))
}

/// For how long the caller has to wait until they may raise another alert; none where they need not.
pub async fn wait<I: Identity>(tx: &mut Tx<I>, now: Timestamp) -> Result<Option<SignedDuration>, Error> {
    #[derive(FromRow)]
    struct Recent {
        times: Vec<Timestamp>,
    }
    let recent: Option<Recent> = tx.query_opt("select app.own_recent_alerts() as times", &[]).await?;
    // Once that one is no longer recent, there is room for another.
    let in_the_way = recent.and_then(|recent| recent.times.get(ALERTS_PER_WINDOW - 1).copied());
    Ok(in_the_way.map(|raised| (raised + ALERT_WINDOW).duration_since(now)))
}

/// Takes an alert for `user_id`, and all that joined its chain of calls and that nobody has taken. With that the calls
/// stop (`app.start_or_stop_escalation`). Taking it twice is taking it once.
///
/// # Errors
/// [`Conflict::AlertTaken`] where somebody else has; [`Conflict::AlertStatus`] where it is resolved.
pub async fn acknowledge<I: Identity>(
    tx: &mut Tx<I>,
    alert: &Alert,
    user_id: Uuid,
    now: Timestamp,
) -> Result<(), Error> {
    #[derive(FromRow)]
    struct Taken {
        id: Uuid,
    }
    match alert.status {
        AlertStatus::Acknowledged if alert.acknowledged_by == Some(user_id) => return Ok(()),
        AlertStatus::Acknowledged => return Err(Error::Conflict(Conflict::AlertTaken)),
        from if from.may_become(AlertStatus::Acknowledged) => {}
        from => {
            let (from, to) = (from.into(), AlertStatus::Acknowledged.into());
            return Err(Error::Conflict(Conflict::AlertStatus { from, to }));
        }
    }
    let taken: Vec<Taken> = tx
        .query(
            "update alerts a set status = 'acknowledged', acknowledged_by = $2, acknowledged_at = $3
             where a.id = $1 or (a.escalation_id = (select o.escalation_id from alerts o where o.id = $1)
               and a.status in ('open', 'calling', 'expired') and a.deleted_at is null)
             returning a.id",
            &[&alert.id, &user_id, &now],
        )
        .await?;
    for Taken { id } in taken {
        tx.audit(AuditEntry::new("alert.acknowledge", "alert", id, Some(alert.client_id)));
    }
    Ok(())
}

/// Notes that the cause is gone, which stops whatever calls are still to come, unless another alert waits for them.
/// Once is enough.
pub async fn resolve<I: Identity>(tx: &mut Tx<I>, alert: &Alert) -> Result<(), Error> {
    if alert.status == AlertStatus::Resolved {
        return Ok(());
    }
    tx.audit(AuditEntry::new("alert.resolve", "alert", alert.id, Some(alert.client_id)));
    tx.execute_one("update alerts set status = 'resolved' where id = $1 returning id", &[&alert.id]).await
}

/// A call, and the alert that it is about.
#[derive(Debug, FromRow)]
pub struct AlertCall {
    /// The alert: one that nobody has taken, where one is left of those that the call's chain is about.
    #[from_row(flatten)]
    pub alert: Alert,
    /// Who is called.
    pub callee_id: Uuid,
    /// The recipient's language.
    pub locale: Locale,
    /// Who asks.
    pub requesters: Requesters,
    /// Whether the alert was deleted since.
    pub is_withdrawn: bool,
}

/// The alert that a call is about, for the webhook of that call. A deleted alert's phone may still ring.
pub async fn of_call<I: Identity>(tx: &mut Tx<I>, message_id: Uuid) -> Result<AlertCall, Error> {
    tx.query_opt(
        concat!(
            "select m.recipient_id as callee_id, m.locale, a.deleted_at is not null as is_withdrawn,
               coalesce((
                 select jsonb_agg(w.requester order by w.place) from app.waiting_alerts(a.escalation_id) w), '[]')
                 as requesters, ",
            columns!(),
            " join messages m on a.id = m.alert_id
                or a.escalation_id = (select o.escalation_id from alerts o where o.id = m.alert_id)
             where m.id = $1 and m.channel = 'voice'
             order by (a.status in ('open', 'calling', 'expired') and a.deleted_at is null) desc, a.id = m.alert_id desc
             limit 1"
        ),
        &[&message_id],
    )
    .await?
    .ok_or(Error::NotFound)
}
