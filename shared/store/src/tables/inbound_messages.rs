//! What people write back to us by SMS.

use domain::{error::Error, messages::Locale};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Db, DbError, Identity, Tx, audited_page, text_sql};

/// What an inbound SMS asks for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "note")]
pub enum Intent {
    /// No more SMS.
    Stop,
    /// Wants SMS again.
    Start,
    /// What one can answer.
    Help,
    /// The sender asks to be called.
    Call,
    /// Nothing that a machine understands: for the coordinator to read.
    Note,
}
text_sql!(Intent);

/// An inbound SMS.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// The provider's id for it; the same again is the same SMS.
    pub sid: String,
    /// The number that it came from (E.164).
    pub from: String,
    /// The number of ours that it was sent to.
    pub to: String,
    /// The message's text.
    pub body: String,
    /// The request that was recognised in the text.
    pub intent: Intent,
}

/// Whose number it came from.
#[derive(Clone, Debug, FromRow)]
pub struct Sender {
    /// The agency of whoever has that number.
    pub agency_id: Uuid,
    /// Who has that number.
    pub user_id: Uuid,
    /// The language of messages to them.
    pub locale: Locale,
    /// About which client of theirs; none where they are nobody's family.
    pub client_id: Option<Uuid>,
}

/// An inbound SMS, as a coordinator reads it.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000e1",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "user_id": "0193a5b0-0000-7000-8000-000000000005", "sender": "+14165550171", "intent": "note",
    "body": "Merci, she was so happy today", "received_at": "2026-11-20T23:12:09Z"}))]
pub struct Reply {
    /// The reply's id.
    pub id: Uuid,
    /// Whose care it is about, as far as we know.
    pub client_id: Option<Uuid>,
    /// The family member who wrote it.
    pub user_id: Option<Uuid>,
    /// The number that it came from (E.164).
    pub sender: String,
    /// The request that was recognised in the text.
    pub intent: Intent,
    /// The message's text.
    pub body: String,
    /// When the server received it.
    pub received_at: Timestamp,
}

/// Which replies to list.
#[derive(Debug, Default)]
pub struct ReplyFilter {
    /// About this client.
    pub client_id: Option<Uuid>,
    /// That ask for this.
    pub intent: Option<Intent>,
    /// Before the one of this time and id.
    pub before: Option<(Timestamp, Uuid)>,
    /// The largest number of rows.
    pub limit: i64,
}

/// What was written back, newest first.
pub async fn list(db: &Db, who: &impl Identity, filter: ReplyFilter) -> Result<Vec<Reply>, DbError> {
    let (at, id) = filter.before.unzip();
    db.read(
        who,
        audited_page!(
            "reply.list",
            "inbound_message",
            "$5",
            "select m.id, m.client_id, m.user_id, m.sender, m.intent, m.body, m.created_at as received_at
             from inbound_messages m
             where ($1::uuid is null or m.client_id = $1) and ($2::text is null or m.intent = $2)
               and ($4::uuid is null or (m.created_at, m.id) < ($3, $4))
             order by m.created_at desc, m.id desc limit $5"
        ),
        &[&filter.client_id, &filter.intent, &at, &id, &filter.limit],
    )
    .await
}

/// Whose number this is, and about which client they write (`app.find_sender`).
pub async fn sender(db: &Db, phone: &str) -> Result<Option<Sender>, DbError> {
    db.call("select s.agency_id, s.user_id, s.locale, s.client_id from app.find_sender($1) s", &[&phone]).await
}

/// Keeps an SMS. Answers whether it is new.
pub async fn record<I: Identity>(tx: &mut Tx<I>, inbound: &Inbound, sender: &Sender) -> Result<bool, Error> {
    #[derive(FromRow)]
    struct New {
        #[from_row(rename = "id")]
        _id: Uuid,
    }
    let new: Option<New> = tx
        .query_opt(
            "insert into inbound_messages
               (agency_id, provider_sid, sender, recipient, body, intent, user_id, client_id)
             values (app.agency_id(), $1, $2, $3, $4, $5, $6, $7)
             on conflict (provider_sid) do nothing returning id",
            &[
                &inbound.sid,
                &inbound.from,
                &inbound.to,
                &inbound.body,
                &inbound.intent,
                &sender.user_id,
                &sender.client_id,
            ],
        )
        .await?;
    Ok(new.is_some())
}

/// Whether another note came from the number of this one, which is on record, in the hour before it. The same whenever
/// it is asked: a replay is answered like the first.
pub async fn follows_a_note<I: Identity>(tx: &mut Tx<I>, inbound: &Inbound) -> Result<bool, Error> {
    #[derive(FromRow)]
    struct Follows {
        follows: bool,
    }
    let follows: Option<Follows> = tx
        .query_opt(
            "select exists (
               select from inbound_messages i
               join inbound_messages before on before.agency_id = i.agency_id and before.sender = i.sender
                 and before.intent = i.intent and before.id <> i.id
                 and before.created_at > i.created_at - interval '1 hour' and before.created_at < i.created_at
               where i.provider_sid = $1) as follows",
            &[&inbound.sid],
        )
        .await?;
    Ok(follows.is_some_and(|follows| follows.follows))
}

/// Keeps an SMS from a number that nobody here has.
pub async fn record_unknown_sender(db: &Db, inbound: &Inbound) -> Result<(), DbError> {
    let Inbound { sid, from, to, body, intent } = inbound;
    db.call::<crate::NoRow>("select app.record_unknown_sender($1, $2, $3, $4, $5)", &[sid, from, to, body, intent])
        .await
        .map(drop)
}
