//! What people write back to us by SMS.

use domain::{
    error::Error,
    messages::Locale,
    validation::{Check, Faults},
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Identity, Tx, audited_page, text_sql};

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

impl Intent {
    /// How a reply begins: a keyword that is acted on at once needs nobody.
    #[must_use]
    pub fn status(self) -> ReplyStatus {
        match self {
            Self::Stop | Self::Start | Self::Help => ReplyStatus::Closed,
            Self::Call | Self::Note => ReplyStatus::Open,
        }
    }
}

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

/// Whether somebody is to see to a reply.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "open")]
pub enum ReplyStatus {
    /// A coordinator is to see to it.
    Open,
    /// Somebody has, or it was a keyword that is acted on at once.
    Closed,
}
text_sql!(ReplyStatus);

/// What a coordinator writes back.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "Thank you. I'll call you this afternoon. Dana"}))]
pub struct ReplyAnswer {
    /// The words, without health information and without the client's family name: networks keep texts for more than a
    /// year, outside Canada.
    #[schema(min_length = 1, max_length = 300)]
    pub text: String,
}
impl Check for ReplyAnswer {
    fn check(&self, faults: &mut Faults) {
        let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let printable = !self.text.chars().any(|c| turns(c) || (c.is_control() && c != '\n'));
        let fits = printable && !self.text.trim().is_empty();
        faults.unless(fits, "/text", "must be words, without control characters or such as turn text round");
    }
}

/// An inbound SMS, as a coordinator reads it.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000e1",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "user_id": "0193a5b0-0000-7000-8000-000000000005", "sender": "+14165550171", "intent": "note",
    "body": "Merci, she was so happy today", "received_at": "2026-11-20T23:12:09Z", "status": "open", "answer": null,
    "answered_by": null, "answered_at": null, "closed_by": null, "closed_at": null}))]
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
    /// Whether somebody is to see to it.
    pub status: ReplyStatus,
    /// What a coordinator wrote back.
    pub answer: Option<String>,
    /// Who.
    pub answered_by: Option<Uuid>,
    /// When.
    pub answered_at: Option<Timestamp>,
    /// Who closed it; null where nobody had to.
    pub closed_by: Option<Uuid>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
}

/// Which replies to list.
#[derive(Debug, Default)]
pub struct ReplyFilter {
    /// About this client.
    pub client_id: Option<Uuid>,
    /// That ask for this.
    pub intent: Option<Intent>,
    /// In this status.
    pub status: Option<ReplyStatus>,
    /// After the one of this status, time and id.
    pub after: Option<(ReplyStatus, Timestamp, Uuid)>,
    /// The largest number of rows.
    pub limit: i64,
}

macro_rules! columns {
    () => {
        "m.id, m.client_id, m.user_id, m.sender, m.intent, m.body, m.created_at as received_at, m.status, m.answer,
         m.answered_by, m.answered_at, m.closed_by, m.closed_at"
    };
}

/// What was written back: open ones first, then newest first.
pub async fn list(db: &Db, who: &impl Identity, filter: ReplyFilter) -> Result<Vec<Reply>, DbError> {
    let status = filter.after.map(|(status, ..)| status);
    let (at, id) = filter.after.map(|(_, at, id)| (at, id)).unzip();
    db.read(
        who,
        audited_page!(
            "reply.list",
            "inbound_message",
            "$5",
            "select ",
            columns!(),
            " from inbound_messages m
             where ($1::uuid is null or m.client_id = $1) and ($2::text is null or m.intent = $2)
               and ($6::text is null or m.status = $6)
               and ($4::uuid is null or m.status < $7
                 or m.status = $7 and (m.created_at, m.id) < ($3, $4))
             order by m.status desc, m.created_at desc, m.id desc limit $5"
        ),
        &[&filter.client_id, &filter.intent, &at, &id, &filter.limit, &filter.status, &status],
    )
    .await
}

/// One reply, locked until the transaction ends.
pub async fn lock<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<Reply, Error> {
    tx.query_opt(concat!("select ", columns!(), " from inbound_messages m where m.id = $1 for no key update"), &[&id])
        .await?
        .ok_or(Error::NotFound)
}

/// Who is answered.
#[derive(Debug, FromRow)]
pub struct Addressee {
    /// The language of messages to them.
    pub locale: Locale,
    /// Whether they, or the client, want no SMS, or the client nothing told.
    pub opted_out: bool,
    /// Whether the words have the client's family name among them, whatever its case and accents.
    pub names_client: bool,
}

/// Whom an answer to a reply goes to; nobody where its sender isn't known any more, or has another number by now.
pub async fn addressee<I: Identity>(tx: &mut Tx<I>, reply: &Reply, words: &str) -> Result<Option<Addressee>, DbError> {
    tx.query_opt(
        "select u.locale,
           coalesce(
             position(regexp_replace(' ' || app.searchable(c.last_name) || ' ', '[^[:alnum:]]+', ' ', 'g')
               in regexp_replace(' ' || app.searchable($4) || ' ', '[^[:alnum:]]+', ' ', 'g')) > 0, false)
             as names_client,
           coalesce(
             app.consent_state($2, 'sms') = 'withdrawn' or app.consent_state($2, 'family_sharing') = 'withdrawn', false)
           or coalesce((
             select not s.granted from consents s
             where s.client_id = $2 and s.kind = 'sms' and s.user_id = u.id
             order by s.recorded_at desc, s.id desc limit 1), false) as opted_out
         from users u left join clients c on c.id = $2
         where u.id = $1 and u.phone = $3 and u.deleted_at is null",
        &[&reply.user_id, &reply.client_id, &reply.sender, &words],
    )
    .await
}

/// Notes what was answered.
pub async fn answer<I: Identity>(tx: &mut Tx<I>, reply: &Reply, text: &str) -> Result<Reply, Error> {
    tx.audit(AuditEntry::new("reply.answer", "inbound_message", reply.id, reply.client_id));
    tx.query_opt(
        concat!(
            "update inbound_messages m set answer = $2, answered_by = app.user_id(), answered_at = now()
             where m.id = $1 returning ",
            columns!()
        ),
        &[&reply.id, &text],
    )
    .await?
    .ok_or(Error::NotFound)
}

/// Notes that there is nothing more to be done about a reply.
pub async fn close<I: Identity>(tx: &mut Tx<I>, reply: &Reply) -> Result<Reply, Error> {
    tx.audit(AuditEntry::new("reply.close", "inbound_message", reply.id, reply.client_id));
    tx.query_opt(
        concat!(
            "update inbound_messages m set status = 'closed', closed_by = app.user_id(), closed_at = now()
             where m.id = $1 returning ",
            columns!()
        ),
        &[&reply.id],
    )
    .await?
    .ok_or(Error::NotFound)
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
               (agency_id, provider_sid, sender, recipient, body, intent, user_id, client_id, status, closed_at)
             values (app.agency_id(), $1, $2, $3, $4, $5, $6, $7, $8, case when $8 = 'closed' then now() end)
             on conflict (provider_sid) do nothing returning id",
            &[
                &inbound.sid,
                &inbound.from,
                &inbound.to,
                &inbound.body,
                &inbound.intent,
                &sender.user_id,
                &sender.client_id,
                &inbound.intent.status(),
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
