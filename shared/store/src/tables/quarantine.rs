//! What phones sent and the server couldn't take, until a person has settled it: accepted, or dismissed with a reason.
//! A push puts it here (`app.write_push`).

use domain::{
    error::Error,
    sync::schema::Table,
    validation::{Check, Faults},
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Identity, Tx, audited_page, text_sql};

/// What became of a refused record.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "open")]
pub enum RefusalStatus {
    /// Nobody has settled it.
    Open,
    /// A coordinator has taken it over, as it came or corrected.
    Accepted,
    /// A coordinator has dismissed it. It is kept all the same.
    Dismissed,
}
text_sql!(RefusalStatus);

/// A record that a phone sent and the server couldn't take.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000a7", "status": "open",
    "device_id": "0193a5b0-0000-7000-8000-0000000000d1", "user_id": "0193a5b0-0000-7000-8000-000000000003",
    "written_by": null, "client_id": "0193a5b0-0000-7000-8000-0000000000c1", "table": "visit_tasks",
    "record_id": "0193a5b0-0000-7000-8000-0000000000b1",
    "record": {"id": "0193a5b0-0000-7000-8000-0000000000b1", "_status": "updated", "_changed": "data",
        "data": "{\"heart_rate\": {\"value\": 720, \"unit\": \"bpm\"}}"},
    "reason": "data/heart_rate/value must be between 20 and 300", "created_at": "2026-11-20T14:44:31Z",
    "seen_by": null, "seen_at": null, "word": null, "settled_by": null, "settled_at": null}))]
pub struct RefusedRecord {
    /// The refusal's id.
    pub id: Uuid,
    /// What became of it.
    pub status: RefusalStatus,
    /// The phone that sent it.
    pub device_id: Uuid,
    /// Who sent it.
    pub user_id: Uuid,
    /// Who wrote it, where that is somebody else: the phone has changed hands.
    pub written_by: Option<Uuid>,
    /// Whose care it concerns, as far as can be told.
    pub client_id: Option<Uuid>,
    /// The table that it was sent for.
    pub table: String,
    /// The record's id, as it was sent.
    pub record_id: String,
    /// The record as it came: a row with the columns of `GET /v1/sync/schema`; of a deletion the id; what is no JSON,
    /// as text.
    #[schema(value_type = Value)]
    pub record: Value,
    /// Why it was refused, as the phone showed it.
    pub reason: String,
    /// When it was first sent.
    pub created_at: Timestamp,
    /// Who first looked at it.
    pub seen_by: Option<Uuid>,
    /// When.
    pub seen_at: Option<Timestamp>,
    /// What whoever wrote it is told: why it was dismissed, or corrected.
    pub word: Option<String>,
    /// Who settled it.
    pub settled_by: Option<Uuid>,
    /// When.
    pub settled_at: Option<Timestamp>,
    /// What it was accepted as.
    #[serde(skip)]
    pub accepted_as: Option<Value>,
}

impl RefusedRecord {
    /// Who wrote it.
    #[must_use]
    pub fn author(&self) -> Uuid {
        self.written_by.unwrap_or(self.user_id)
    }

    /// Whether the phone meant to delete the record: its id is all that it sent.
    #[must_use]
    pub fn is_deletion(&self) -> bool {
        self.record.as_str() == Some(&self.record_id)
    }
}

/// How a refused record is accepted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"record": {"data": "{\"heart_rate\": {\"value\": 72, \"unit\": \"bpm\"}}"},
    "reason": "One digit too many"}))]
pub struct Acceptance {
    /// The record as it should have come: columns of `GET /v1/sync/schema` with their values, as on the wire of
    /// `/v1/sync`. As it came, where absent.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub record: Option<Map<String, Value>>,
    /// Why it is corrected, for whoever wrote it; needed where the visit is completed.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 1000)]
    pub reason: Option<String>,
}
impl Check for Acceptance {
    fn check(&self, faults: &mut Faults) {
        let storable = |value: &Value| !value.to_string().contains("\\u0000");
        let fits = self.record.as_ref().is_none_or(|record| storable(&json!(record)));
        faults.unless(fits, "/record", "must be free of the character U+0000");
    }
}

/// Why a refused record is dismissed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "The visit was charted on the portal already"}))]
pub struct Dismissal {
    /// The reason, for whoever wrote it.
    #[schema(min_length = 1, max_length = 1000)]
    pub reason: String,
}
impl Check for Dismissal {}

/// Which refused records to list.
#[derive(Debug)]
pub struct RefusalFilter {
    /// In this status.
    pub status: RefusalStatus,
    /// Sent or written by this caregiver.
    pub user_id: Option<Uuid>,
    /// Sent by this phone.
    pub device_id: Option<Uuid>,
    /// That concern this client.
    pub client_id: Option<Uuid>,
    /// After the one of this time and id.
    pub after: Option<(Timestamp, Uuid)>,
    /// The largest number of rows.
    pub limit: i64,
}

macro_rules! columns {
    () => {
        "q.id, q.status, q.device_id, q.user_id, q.written_by,
         app.refused_client(q.table_name, q.record_id, q.body) as client_id, q.table_name as \"table\", q.record_id,
         q.body as record, q.reason, q.created_at, q.seen_by, q.seen_at, q.word, q.settled_by, q.settled_at,
         q.accepted_as"
    };
}

/// Refused records, oldest first: who waits longest comes first.
pub async fn list(db: &Db, who: &impl Identity, filter: RefusalFilter) -> Result<Vec<RefusedRecord>, DbError> {
    let (at, id) = filter.after.unzip();
    db.read(
        who,
        audited_page!(
            "refusal.list",
            "refusal",
            "$7",
            "select ",
            columns!(),
            " from sync_quarantine q
             where q.status = $1 and ($2::uuid is null or q.user_id = $2 or q.written_by = $2)
               and ($3::uuid is null or q.device_id = $3)
               and ($4::uuid is null or app.refused_client(q.table_name, q.record_id, q.body) = $4)
               and ($6::uuid is null or (q.created_at, q.id) > ($5, $6))
             order by q.created_at, q.id limit $7"
        ),
        &[&filter.status, &filter.user_id, &filter.device_id, &filter.client_id, &at, &id, &filter.limit],
    )
    .await
}

/// One refused record, and that the caller has looked at it.
pub async fn see<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<RefusedRecord, Error> {
    let refused: RefusedRecord = tx
        .query_opt(
            concat!(
                "update sync_quarantine q
                 set seen_by = coalesce(q.seen_by, app.user_id()), seen_at = coalesce(q.seen_at, now())
                 where q.id = $1 returning ",
                columns!()
            ),
            &[&id],
        )
        .await?
        .ok_or(Error::NotFound)?;
    tx.audit(AuditEntry::new("refusal.read", "refusal", id, refused.client_id));
    Ok(refused)
}

/// One refused record, locked until the transaction ends.
pub async fn lock<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<RefusedRecord, Error> {
    tx.query_opt(concat!("select ", columns!(), " from sync_quarantine q where q.id = $1 for no key update"), &[&id])
        .await?
        .ok_or(Error::NotFound)
}

/// Notes that it was accepted, as what and why. Its phone need not send it again.
pub async fn accept<I: Identity>(
    tx: &mut Tx<I>,
    refused: &RefusedRecord,
    table: &'static Table,
    how: &Acceptance,
) -> Result<RefusedRecord, Error> {
    tx.audit(
        AuditEntry::new("refusal.accept", "refusal", refused.id, refused.client_id)
            .with(json!({"table": table.name, "record_id": refused.record_id, "corrected": how.record.is_some()})),
    );
    let accepted_as = json!(how.record);
    settle(tx, refused, RefusalStatus::Accepted, how.reason.as_deref(), Some(accepted_as)).await
}

/// Notes that it was dismissed, and why. It is kept, and its phone need not send it again.
pub async fn dismiss<I: Identity>(
    tx: &mut Tx<I>,
    refused: &RefusedRecord,
    reason: &str,
) -> Result<RefusedRecord, Error> {
    tx.audit(
        AuditEntry::new("refusal.dismiss", "refusal", refused.id, refused.client_id)
            .with(json!({"table": refused.table, "record_id": refused.record_id})),
    );
    settle(tx, refused, RefusalStatus::Dismissed, Some(reason), None).await
}

async fn settle<I: Identity>(
    tx: &Tx<I>,
    refused: &RefusedRecord,
    status: RefusalStatus,
    word: Option<&str>,
    accepted_as: Option<Value>,
) -> Result<RefusedRecord, Error> {
    tx.execute("select app.receive_refused($1)", &[&refused.id]).await?;
    tx.query_opt(
        concat!(
            "update sync_quarantine q
             set status = $2, word = $3, accepted_as = $4, settled_by = app.user_id(), settled_at = now(),
               seen_by = coalesce(q.seen_by, app.user_id()), seen_at = coalesce(q.seen_at, now())
             where q.id = $1 returning ",
            columns!()
        ),
        &[&refused.id, &status, &word, &accepted_as],
    )
    .await?
    .ok_or(Error::NotFound)
}
