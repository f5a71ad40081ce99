//! The outbox. A message is written in the transaction of its cause; the function `jobs` sends it.

use domain::{
    error::Error,
    messages::{Locale, Template},
};
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date};
use postgres_from_row::FromRow;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::{Identity, Tx, text_sql};

/// How a message reaches its recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::EnumString, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Channel {
    /// Text to a phone number.
    Sms,
    /// A call to a phone number.
    Voice,
    /// A notification to a push token.
    Push,
}

/// Where a message stands. It only moves forward, from left to right; `Cancelled` and `Dead` end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum MessageStatus {
    /// Not sent, and certain not to have been.
    Pending,
    /// In somebody's hands. Where that one died, it may or may not have been sent.
    Sending,
    /// The provider has it.
    Sent,
    /// It arrived; a call was answered and has ended.
    Delivered,
    /// It didn't arrive; a call was not answered.
    Failed,
    /// Its cause is gone, or the recipient doesn't want it any more.
    Cancelled,
    /// Given up, for the reason in `failure`.
    Dead,
}
text_sql!(Channel, MessageStatus);

/// A message to one person.
#[derive(Clone, Debug)]
pub struct Message {
    /// The user to whom it is sent.
    pub recipient_id: Uuid,
    /// Their number (E.164), or for a push message their device's token.
    pub address: String,
    /// SMS, call or push message.
    pub channel: Channel,
    /// The recipient's language.
    pub locale: Locale,
    /// What it says.
    pub template: Template,
    /// Two messages of an agency with one key are one message; the first is sent.
    pub dedupe_key: String,
    /// The alert that it is about: goes first, by the severity of its chain of calls; [`cancel_for_alert`] finds it.
    pub alert_id: Option<Uuid>,
    /// The visit that it is about: [`cancel_for_visit`] finds it.
    pub visit_id: Option<Uuid>,
    /// Whose care it is about; the daily SMS is sent only while this client and the recipient consent to it.
    pub client_id: Option<Uuid>,
    /// What it tells of, where whoever queues the next one must know that.
    pub occasion: Option<Occasion>,
}

/// What a message tells of.
#[derive(Clone, Copy, Debug)]
pub enum Occasion {
    /// A visit, as it was planned then.
    Visit {
        /// When it was to begin.
        start: Timestamp,
        /// Who was to come.
        caregiver_id: Uuid,
    },
    /// A day where the agency is.
    Day(Date),
}

impl Occasion {
    /// The columns `visit_start`, `caregiver_id` and `local_date`.
    fn columns(self) -> (Option<Timestamp>, Option<Uuid>, Option<Date>) {
        match self {
            Self::Visit { start, caregiver_id } => (Some(start), Some(caregiver_id), None),
            Self::Day(date) => (None, None, Some(date)),
        }
    }
}

impl Message {
    /// Queues it with whatever else the transaction writes. Invoke `jobs` after the commit
    /// (`runtime::jobs::JobsInvoker`).
    pub async fn enqueue<I: Identity>(&self, tx: &mut Tx<I>) -> Result<(), Error> {
        enqueue_all(tx, std::slice::from_ref(self)).await
    }
}

/// Queues any number of messages in one statement, all of them due now.
pub async fn enqueue_all<I: Identity>(tx: &mut Tx<I>, messages: &[Message]) -> Result<(), Error> {
    enqueue(tx, messages, None, None).await
}

/// The same for what is of no use after `until`.
pub async fn enqueue_until<I: Identity>(tx: &mut Tx<I>, messages: &[Message], until: Timestamp) -> Result<(), Error> {
    enqueue(tx, messages, None, Some(until)).await
}

/// The same for more than can be sent at once: each is due `spacing` after the one before it, the first one so long
/// after the last that waits on its channel with its urgency. None is of use after `until`.
pub async fn enqueue_paced<I: Identity>(
    tx: &mut Tx<I>,
    messages: &[Message],
    spacing: SignedDuration,
    until: Timestamp,
) -> Result<(), Error> {
    enqueue(tx, messages, Some(spacing), Some(until)).await
}

async fn enqueue<I: Identity>(
    tx: &mut Tx<I>,
    messages: &[Message],
    spacing: Option<SignedDuration>,
    until: Option<Timestamp>,
) -> Result<(), Error> {
    let spacing = spacing.map(|spacing| spacing.as_secs_f64());
    let rows: Vec<_> = messages
        .iter()
        .zip(1..)
        .map(|(m, turn)| {
            let (visit_start, caregiver_id, local_date) = m.occasion.map(Occasion::columns).unwrap_or_default();
            json!({
                "channel": m.channel, "recipient_id": m.recipient_id, "recipient": m.address, "locale": m.locale,
                "template": m.template.name(), "template_values": m.template.values(), "dedupe_key": m.dedupe_key,
                "alert_id": m.alert_id, "visit_id": m.visit_id, "client_id": m.client_id,
                "urgency": m.template.urgency(), "ttl_seconds": m.template.ttl_seconds(),
                "secret": m.template.is_secret(), "turn": turn,
                "visit_start": visit_start, "caregiver_id": caregiver_id, "local_date": local_date,
            })
        })
        .collect();
    // `on conflict`: whoever writes may not read the outbox, so that nothing is returned.
    Ok(tx
        .execute(
            "insert into messages
               (agency_id, channel, recipient_id, recipient, locale, template, template_values, dedupe_key,
                alert_id, visit_id, client_id, visit_start, caregiver_id, local_date, urgency, secret, expires_at,
                next_attempt_at)
             select app.agency_id(), m.channel::message_channel, m.recipient_id, m.recipient, m.locale, m.template,
               m.template_values, m.dedupe_key, m.alert_id, m.visit_id, m.client_id, m.visit_start, m.caregiver_id,
               m.local_date, m.urgency, m.secret,
               least(now() + make_interval(secs => m.ttl_seconds), $3),
               case when $2::float8 is null then now()
                 else greatest(app.queue_ends_at(m.channel, m.urgency), now() - make_interval(secs => $2))
                   + make_interval(secs => $2 * m.turn) end
             from jsonb_to_recordset($1) as m (channel text, recipient_id uuid, recipient text, locale text,
               template text, template_values jsonb, dedupe_key text, alert_id uuid, visit_id uuid, client_id uuid,
               visit_start timestamptz, caregiver_id uuid, local_date date, urgency smallint, secret boolean,
                 ttl_seconds integer, turn integer)
             on conflict do nothing",
            &[&json!(rows), &spacing, &until],
        )
        .await?)
}

/// Cancels what is not yet sent of what an alert caused. Answers how many.
pub async fn cancel_for_alert<I: Identity>(tx: &mut Tx<I>, alert_id: Uuid) -> Result<i32, Error> {
    cancel(tx, Some(alert_id), None).await
}

/// Cancels what is not yet sent of what a visit caused: that it is late, or missed. Answers how many.
pub async fn cancel_for_visit<I: Identity>(tx: &mut Tx<I>, visit_id: Uuid) -> Result<i32, Error> {
    cancel(tx, None, Some(visit_id)).await
}

async fn cancel<I: Identity>(tx: &mut Tx<I>, alert_id: Option<Uuid>, visit_id: Option<Uuid>) -> Result<i32, Error> {
    #[derive(FromRow)]
    struct Cancelled {
        count: i32,
    }
    let cancelled: Option<Cancelled> =
        tx.query_opt("select app.cancel_messages($1, $2) as count", &[&alert_id, &visit_id]).await?;
    Ok(cancelled.map_or(0, |cancelled| cancelled.count))
}

/// What the provider reports of a message it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It is on its way; a call is ringing or has been answered.
    Accepted,
    /// It arrived; a call that was answered has ended.
    Delivered,
    /// It didn't arrive, and why, as far as the provider says.
    Failed {
        /// Twilio's error code.
        code: Option<i32>,
    },
}

/// Twilio: the handset can't be reached at present.
const UNREACHABLE: i32 = 30003;

/// What a report meant.
#[derive(Debug, FromRow)]
pub struct Reported {
    /// How the message was sent.
    pub channel: Channel,
    /// The status now.
    pub status: MessageStatus,
    /// Whether this report moved it; a duplicate, or one that comes late, doesn't.
    pub moved: bool,
    /// Whether the provider's id is the message's own, and of its latest attempt.
    pub is_of_this_attempt: bool,
    /// The user to whom it was sent.
    pub recipient_id: Uuid,
    /// The alert that it is about.
    pub alert_id: Option<Uuid>,
}

/// Writes down what the provider reports, as a job of the message's agency. Duplicates and reports out of order change
/// nothing, nor do reports on a former attempt. It may come before the answer to the request that it is about: then
/// the message learns its `sid` here, whoever else believed to have it.
///
/// A phone that can't be reached is tried again a quarter of an hour later, while the message is of use.
///
/// Answers `None` where there is no such message in this agency.
pub async fn report<I: Identity>(
    tx: &mut Tx<I>,
    message_id: Uuid,
    sid: &str,
    report: &Report,
    now: Timestamp,
) -> Result<Option<Reported>, Error> {
    let (status, failure, again_at) = match report {
        Report::Accepted => (MessageStatus::Sent, None, None),
        Report::Delivered => (MessageStatus::Delivered, None, None),
        Report::Failed { code } => (
            MessageStatus::Failed,
            code.map(|code| format!("twilio {code}")),
            (*code == Some(UNREACHABLE)).then(|| now + 15.minutes()),
        ),
    };
    // A message that took it for its own while it was uncertain gives it back: this webhook names the message.
    tx.execute("select app.take_back_sid($1, $2)", &[&message_id, &sid]).await?;
    Ok(tx
        .query_opt(
            "with before as (
               select m.id, m.channel, m.status, m.recipient_id, m.alert_id,
                 coalesce(m.provider_sid, $2) = $2 and not $2 = any (m.previous_provider_ids) as is_of_this_attempt,
                 -- Of this attempt, and not told before.
                 coalesce(m.provider_sid, $2) = $2 and not $2 = any (m.previous_provider_ids)
                   and case m.status
                     when 'pending' then m.attempts > 0
                     when 'sending' then true
                     when 'sent' then $3 <> 'sent'
                     -- Given up because nobody knew what came of it.
                     when 'dead' then m.provider_sid is null and m.attempted_at is not null
                     else false end as moves,
                 -- A secret is forgotten once it is sent.
                 $5::timestamptz < m.expires_at and m.channel = 'sms' and not m.secret as again
               from messages m where m.id = $1 for no key update
             ), moved as (
               update messages m set
                 status = case when b.again then 'pending' else $3::text::message_status end,
                 provider_sid = case when b.again then null else $2 end,
                 previous_provider_ids =
                   case when b.again then m.previous_provider_ids || $2 else m.previous_provider_ids end,
                 failure = $4,
                 next_attempt_at = case when b.again then $5::timestamptz end,
                 leased_until = null
               from before b where m.id = b.id and b.moves
               returning m.id, m.status
             ), claimed as (
               -- Cancelled too late: it went out all the same.
               update messages m set provider_sid = $2
               from before b where m.id = b.id and b.status = 'cancelled' and m.provider_sid is null
                 and not $2 = any (m.previous_provider_ids)
             )
             select b.channel::text as channel, coalesce(m.status, b.status)::text as status,
               m.id is not null as moved, b.is_of_this_attempt, b.recipient_id, b.alert_id
             from before b left join moved m on m.id = b.id",
            &[&message_id, &sid, &status, &failure, &again_at],
        )
        .await?)
}
