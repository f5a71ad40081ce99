//! The outbox as `jobs` empties it: taking what is due under a lease, and writing down what came of it.
//!
//! Taking sees every agency (`app.lease_messages`); what came of a message is written as a job of its agency.

use domain::{identity::JobIdentity, messages::Locale};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use postgres_types::Json;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Db, DbError, NoRow,
    tables::messages::{Channel, MessageStatus},
};

/// For how long a message is one dispatcher's, in seconds. Longer than all that is done with it may take: two requests
/// of [`jobs::http_client::REQUEST`] and the statements around them.
pub const LEASE_SECONDS: i32 = 45;

/// One of our numbers, or the push service: what is sent by it keeps its distance.
#[derive(Clone, Debug)]
pub struct Lane {
    /// What is sent by it.
    pub channel: Channel,
    /// Its name, the same for every dispatcher.
    pub name: String,
    /// Milliseconds between two turns.
    pub spacing_ms: i32,
    /// How many messages a turn takes.
    pub at_a_turn: i32,
}

/// A message in a dispatcher's hands.
#[derive(Clone, Debug, Deserialize)]
pub struct LeasedMessage {
    /// The message's id.
    pub id: Uuid,
    /// The agency whose message it is.
    pub agency_id: Uuid,
    /// The user to whom it is sent.
    pub recipient_id: Uuid,
    /// Their number (E.164) or token.
    pub address: String,
    /// The recipient's language.
    pub locale: Locale,
    /// The template's name, as it was stored.
    pub template: String,
    /// What goes into it.
    pub values: Value,
    /// The alert that it is about.
    pub alert_id: Option<Uuid>,
    /// How often it was taken, this time included: tells this lease from an earlier one.
    pub attempts: i32,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it was last handed to the provider, or is about to be.
    pub attempted_at: Timestamp,
    /// Until when it is of use.
    pub expires_at: Timestamp,
    /// Whether it may have been sent before, and nobody wrote that down.
    pub is_uncertain: bool,
    /// Whether a push message's phone is still the recipient's; true of other channels.
    pub reachable: bool,
    /// Whether the recipient and the client consent to the daily SMS at this moment.
    pub consented: bool,
}

/// What a dispatcher gets when it asks for something to send.
#[derive(Debug, FromRow)]
pub struct Turn {
    /// Whether the lane is not free yet.
    pub busy: bool,
    /// Where nothing was taken: when to ask again; none where nothing waits.
    pub come_back_at: Option<Timestamp>,
    /// What was taken, most urgent first.
    pub taken: Json<Vec<LeasedMessage>>,
}

/// Says that a dispatcher is at work, for so many seconds unless it says so again.
pub async fn dispatcher_works(db: &Db, seconds: i32) -> Result<(), DbError> {
    db.call::<NoRow>("select app.dispatcher_works($1)", &[&seconds]).await.map(drop)
}

#[derive(FromRow)]
struct Answer {
    yes: bool,
}

/// Says that a dispatcher has nothing left to send. Answers whether somebody has queued something meanwhile.
pub async fn dispatcher_ends(db: &Db) -> Result<bool, DbError> {
    let more: Option<Answer> = db.call("select app.dispatcher_ends() as yes", &[]).await?;
    Ok(more.is_some_and(|more| more.yes))
}

/// Asks the dispatcher that is at work to look again. Answers whether there is none, so that one has to be invoked.
pub async fn none_at_work(db: &Db) -> Result<bool, DbError> {
    let none: Option<Answer> = db.call("select app.no_dispatcher_works() as yes", &[]).await?;
    Ok(none.is_none_or(|none| none.yes))
}

/// Takes the lane's turn and what is most urgent on it; of what is about alerts alone, where `urgent`. Not repeated
/// when the connection is lost: what was taken then counts as sent until somebody has looked.
pub async fn take(db: &Db, lane: &Lane, urgent: bool, now: Timestamp) -> Result<Turn, DbError> {
    let turn = db
        .call(
            "select t.busy, t.come_back_at, t.taken from app.lease_messages($1, $2, $3, $4, $5, $6, $7) t",
            &[&lane.channel, &lane.name, &now, &lane.spacing_ms, &LEASE_SECONDS, &lane.at_a_turn, &urgent],
        )
        .await?;
    Ok(turn.unwrap_or(Turn { busy: false, come_back_at: None, taken: Json(Vec::new()) }))
}

/// What came of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The provider has it.
    Sent {
        /// The provider's id for it.
        sid: String,
        /// When to ask what became of it, where the provider doesn't tell by itself.
        receipt_at: Option<Timestamp>,
    },
    /// The provider's list has it.
    Found {
        /// The provider's id for it.
        sid: String,
    },
    /// It was certainly not sent, and will be tried again.
    Again {
        /// When it is tried again.
        at: Timestamp,
        /// Why it was not sent.
        why: String,
    },
    /// It may have been sent: to be looked up before anything else.
    Uncertain {
        /// When it is tried again.
        at: Timestamp,
        /// Why nobody knows.
        why: String,
    },
    /// Nobody wants it any more.
    Cancelled {
        /// Why it is not sent.
        why: &'static str,
    },
    /// The message is given up.
    Dead {
        /// What the provider said.
        why: String,
    },
}

/// Writes down what came of a message, unless that is known already: a webhook may have told before, the cause may be
/// gone, the lease may have ended. Repeating it is harmless.
///
/// Where another message has the provider's id, the provider's own answer is right, and a list may be.
pub async fn settle(db: &Db, taken: &LeasedMessage, settled: &Settled) -> Result<(), DbError> {
    let written = write(db, taken, settled).await;
    if !written.as_ref().is_err_and(|error| error.constraint() == Some("messages_provider_sid")) {
        return written;
    }
    if let Settled::Sent { sid, .. } = settled {
        db.call::<NoRow>("select app.take_back_sid($1, $2)", &[&taken.id, sid]).await?;
        write(db, taken, settled).await
    } else {
        let why = "the provider's entry belongs to another message".into();
        write(db, taken, &Settled::Uncertain { at: taken.attempted_at, why }).await
    }
}

async fn write(db: &Db, taken: &LeasedMessage, settled: &Settled) -> Result<(), DbError> {
    let (status, sid, at, receipt_at, why) = match settled {
        Settled::Found { sid } => (MessageStatus::Sent, Some(sid.as_str()), None, None, None),
        Settled::Sent { sid, receipt_at } => (MessageStatus::Sent, Some(sid.as_str()), None, *receipt_at, None),
        Settled::Again { at, why } => (MessageStatus::Pending, None, Some(*at), None, Some(why.as_str())),
        Settled::Uncertain { at, why } => (MessageStatus::Sending, None, Some(*at), None, Some(why.as_str())),
        Settled::Cancelled { why } => (MessageStatus::Cancelled, None, None, None, Some(*why)),
        Settled::Dead { why } => (MessageStatus::Dead, None, None, None, Some(why.as_str())),
    };
    let why = why.map(|why| why.chars().take(400).collect::<String>());
    db.read::<NoRow>(
        &JobIdentity { agency_id: taken.agency_id },
        "with settled as (
           update messages m set status = $3::text::message_status, provider_sid = coalesce(m.provider_sid, $4),
             next_attempt_at = $5, receipt_at = $6, leased_until = null,
             -- What is given up says what was tried before.
             failure = case when $3 = 'dead' then left($7 || coalesce('; before: ' || m.failure, ''), 500) else $7 end
           where m.id = $1 and m.attempts = $2 and m.status = 'sending'
           returning m.id
         )
         -- Sent, but cancelled or given up meanwhile.
         update messages m set provider_sid = $4
         where m.id = $1 and m.status in ('cancelled', 'dead') and m.provider_sid is null and $4 is not null
           and not exists (select from settled)",
        &[&taken.id, &taken.attempts, &status, &sid, &at, &receipt_at, &why],
    )
    .await
    .map(drop)
}

/// A call that nobody needs to answer any more.
#[derive(Clone, Debug, Deserialize)]
pub struct HangUp {
    /// The call to be ended.
    pub id: Uuid,
    /// The agency whose call it is.
    pub agency_id: Uuid,
    /// The provider's id for it.
    pub sid: String,
}

/// Calls to be ended, at most `limit`; nobody else asks about them before `again_at`, and two minutes after a call was
/// placed nobody asks any more.
pub async fn take_hang_ups(db: &Db, now: Timestamp, again_at: Timestamp, limit: usize) -> Result<Vec<HangUp>, DbError> {
    #[derive(FromRow)]
    struct HangUps {
        calls: Json<Vec<HangUp>>,
    }
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    let all: Option<HangUps> =
        db.call("select app.lease_hang_ups($1, $2, $3) as calls", &[&now, &again_at, &limit]).await?;
    Ok(all.map_or_else(Vec::new, |all| all.calls.0))
}

/// The provider has ended a call, or never will.
pub async fn settle_hang_up(db: &Db, call: &HangUp) -> Result<(), DbError> {
    let job = JobIdentity { agency_id: call.agency_id };
    db.read::<NoRow>(&job, "update messages set hang_up_at = null where id = $1", &[&call.id]).await.map(drop)
}

/// Notes that an uncertain message is about to be sent again. Answers how often it was, this time included; none where
/// it is nobody's to send any more.
pub async fn send_again(db: &Db, taken: &LeasedMessage, now: Timestamp) -> Result<Option<i16>, DbError> {
    #[derive(FromRow)]
    struct Resent {
        resends: i16,
    }
    let resent: Option<Resent> = db
        .read_opt(
            &JobIdentity { agency_id: taken.agency_id },
            "update messages set attempted_at = $3, resends = resends + 1
             where id = $1 and attempts = $2 and status = 'sending' returning resends",
            &[&taken.id, &taken.attempts, &now],
        )
        .await?;
    Ok(resent.map(|resent| resent.resends))
}

/// A provider's id that no message has.
#[derive(Clone, Debug, FromRow)]
pub struct Claimable {
    /// What the provider calls it.
    pub sid: String,
    /// Whether another message to the same number is being sent at this moment, and it may be that one's.
    pub is_awaited: bool,
}

/// Of these provider's ids, in their order, the first that no message has.
pub async fn first_claimable(
    db: &Db,
    taken: &LeasedMessage,
    sids: Vec<String>,
    now: Timestamp,
) -> Result<Option<Claimable>, DbError> {
    db.call(
        "select c.sid, c.is_awaited from app.claimable_sid($1, $2, $3, $4) c",
        &[&taken.id, &sids, &now, &LEASE_SECONDS],
    )
    .await
}

/// How much waits to be sent.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct Backlog {
    /// Number of messages that wait.
    pub depth: i64,
    /// How long the oldest of those that are due has waited, in seconds.
    pub age_seconds: f64,
}

/// How much waits to be sent, of all agencies.
pub async fn backlog(db: &Db, now: Timestamp) -> Result<Backlog, DbError> {
    let backlog = db.call("select b.depth, b.age_seconds from app.outbox_backlog($1) b", &[&now]).await?;
    Ok(backlog.unwrap_or(Backlog { depth: 0, age_seconds: 0.0 }))
}

/// A push message whose receipt is due.
#[derive(Clone, Debug, Deserialize)]
pub struct Owed {
    /// The push message.
    pub id: Uuid,
    /// The agency whose message it is.
    pub agency_id: Uuid,
    /// The user to whom it was sent.
    pub recipient_id: Uuid,
    /// The device's token.
    pub address: String,
    /// What to ask by.
    pub ticket: String,
    /// When it was sent.
    pub attempted_at: Timestamp,
    /// The template's name, as it was stored.
    pub template: String,
    /// What goes into it.
    pub values: Value,
    /// Until when it is of use.
    pub expires_at: Timestamp,
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// The phone's own service has it.
    Delivered,
    /// It won't arrive, and why.
    Failed(String),
    /// It didn't arrive, and is sent again.
    Again {
        /// When.
        at: Timestamp,
        /// Why it did not.
        why: String,
    },
    /// None will come any more.
    NeverTold,
}

/// Push messages whose receipts are due, at most `limit`; nobody else asks for them before `again_at`.
pub async fn take_receipts(db: &Db, now: Timestamp, again_at: Timestamp, limit: usize) -> Result<Vec<Owed>, DbError> {
    #[derive(FromRow)]
    struct AllOwed {
        owed: Json<Vec<Owed>>,
    }
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    let all: Option<AllOwed> =
        db.call("select app.lease_receipts($1, $2, $3) as owed", &[&now, &again_at, &limit]).await?;
    Ok(all.map_or_else(Vec::new, |all| all.owed.0))
}

/// Writes down what a receipt says.
pub async fn settle_receipt(db: &Db, owed: &Owed, receipt: &Receipt) -> Result<(), DbError> {
    let (status, why, again_at) = match receipt {
        Receipt::Delivered => (MessageStatus::Delivered, None, None),
        Receipt::Failed(why) => (MessageStatus::Failed, Some(why), None),
        Receipt::Again { at, why } => (MessageStatus::Pending, Some(why), Some(*at)),
        Receipt::NeverTold => (MessageStatus::Sent, None, None),
    };
    db.read::<NoRow>(
        &JobIdentity { agency_id: owed.agency_id },
        "update messages set status = $2::text::message_status, failure = $3, receipt_at = null,
           next_attempt_at = $4, provider_sid = case when $4::timestamptz is null then provider_sid end,
           previous_provider_ids = case when $4::timestamptz is null then previous_provider_ids
             else previous_provider_ids || provider_sid end
         where id = $1 and status = 'sent'",
        &[&owed.id, &status, &why.map(String::as_str), &again_at],
    )
    .await
    .map(drop)
}
