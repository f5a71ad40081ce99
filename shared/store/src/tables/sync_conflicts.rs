//! Columns that two people changed at the same time: both values, until a person has decided and for as long as the
//! record is kept.

use domain::{
    error::Error,
    sync::{
        choice::{self, CannotChoose, Chosen, OpenConflict},
        conflict::ColumnConflict,
        schema, visits,
    },
    validation::Check,
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Identity, Tx, audited_page, reads::sync_push, tables::care_team};
pub use domain::sync::conflict::{Choice, ConflictStatus, StoredSide};

/// A person's decision.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"keep": "device", "word": "The second reading counts"}))]
pub struct Decision {
    /// The value to keep.
    pub keep: Choice,
    /// A word to the caregiver who sent the value.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 1000)]
    pub word: Option<String>,
}
impl Check for Decision {}

/// A column that two people changed at the same time.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000aa",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "table": "visits", "record_id": "0193a5b0-0000-7000-8000-0000000000a1", "column": "notes",
    "server_value": "From the office", "device_value": "From the bedside",
    "server_user_id": "0193a5b0-0000-7000-8000-000000000002", "device_user_id": "0193a5b0-0000-7000-8000-000000000003",
    "stored_side": "device", "status": "auto_resolved", "kept": null, "word": null, "resolved_by": null,
    "resolved_at": null, "created_at": "2026-11-20T14:44:31Z"}))]
pub struct SyncConflict {
    /// The conflict's id.
    pub id: Uuid,
    /// Whose care it concerns; null for a picture of a user.
    pub client_id: Option<Uuid>,
    /// The table's name.
    pub table: String,
    /// The record's id.
    pub record_id: Uuid,
    /// The column's name.
    pub column: String,
    /// What the server had; null too where the record was deleted there.
    #[schema(value_type = Value)]
    pub server_value: Option<Value>,
    /// What the device sent; null too where it deleted the record.
    #[schema(value_type = Value)]
    pub device_value: Option<Value>,
    /// The user who wrote the server's value.
    pub server_user_id: Option<Uuid>,
    /// The user who wrote the device's value.
    pub device_user_id: Option<Uuid>,
    /// Which of the two values the record had when they met.
    pub stored_side: StoredSide,
    /// Whether somebody has decided, or must.
    pub status: ConflictStatus,
    /// What a person kept.
    pub kept: Option<Choice>,
    /// What they said to the caregiver who sent the value.
    pub word: Option<String>,
    /// The user who resolved it.
    pub resolved_by: Option<Uuid>,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// When the two values met.
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "s.id, s.client_id, s.table_name as \"table\", s.record_id, s.column_name as \"column\", s.server_value,
         s.device_value, s.server_user_id, s.device_user_id,
         s.stored_side, s.status::text as status, s.kept, s.word, s.resolved_by,
         s.resolved_at, s.created_at"
    };
}

/// Conflicts in a status, oldest first: who waits longest comes first.
pub async fn list(
    db: &Db,
    who: &impl Identity,
    status: ConflictStatus,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<SyncConflict>, DbError> {
    let (at, id) = after.unzip();
    db.read(
        who,
        audited_page!(
            "conflict.list",
            "sync_conflict",
            "$4",
            "select ",
            columns!(),
            " from sync_conflicts s
             where s.status = $1::text::conflict_status and ($3::uuid is null or (s.created_at, s.id) > ($2, $3))
             order by s.created_at, s.id limit $4"
        ),
        &[&status, &at, &id, &limit],
    )
    .await
}

/// One conflict, locked until the transaction ends.
pub async fn lock<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<SyncConflict, Error> {
    tx.query_opt(concat!("select ", columns!(), " from sync_conflicts s where s.id = $1 for no key update"), &[&id])
        .await?
        .ok_or(Error::NotFound)
}

/// Writes the value that a person kept, where the record has the other one.
///
/// Answers why it can't be written where it can't; nothing is written then.
pub async fn apply<I: Identity>(
    tx: &mut Tx<I>,
    conflict: &SyncConflict,
    keep: Choice,
) -> Result<Result<(), CannotChoose>, Error> {
    if keep == Choice::Current {
        return Ok(Ok(()));
    }
    let table = schema::table(&conflict.table).ok_or(Error::NotFound)?;
    let column = table.column(&conflict.column).ok_or(Error::NotFound)?;
    let known = sync_push::state_of(tx, table.name, conflict.record_id).await?;
    let before = known.as_ref().and_then(|state| state.stored.present());
    let open = OpenConflict {
        table,
        column,
        server_value: conflict.server_value.as_ref().unwrap_or(&Value::Null),
        device_value: conflict.device_value.as_ref().unwrap_or(&Value::Null),
        stored_side: conflict.stored_side,
    };
    let row = match choice::choose(open, before, keep, Timestamp::now()) {
        Ok(Chosen::AsItIs) => return Ok(Ok(())),
        Ok(Chosen::Write(row)) => row,
        Err(why) => return Ok(Err(why)),
    };
    tx.execute("select app.begin_conflict_resolution()", &[]).await?;
    match sync_push::update(tx, table, &row).await {
        Err(error) if error.is_about_the_data() => return Ok(Err(CannotChoose::NotAnyMore)),
        other => other?,
    }
    // A visit that took place though it was cancelled counts again for such access as its caregiver still has.
    if let Some(visit) = visits::written(table, &row, before).filter(|visit| visit.status_moved) {
        care_team::extend_scheduled(tx, visit.facts.client_id, visit.facts.user_id).await?;
    }
    Ok(Ok(()))
}

/// Notes the decision. Whose value lost is told by push (`app.tell_of_settled_conflict`).
pub async fn resolve<I: Identity>(
    tx: &mut Tx<I>,
    conflict: &SyncConflict,
    decision: &Decision,
) -> Result<SyncConflict, Error> {
    let Decision { keep, word } = decision;
    tx.audit(
        AuditEntry::new("conflict.resolve", "sync_conflict", conflict.id, conflict.client_id)
            .with(json!({"keep": keep, "table": conflict.table, "column": conflict.column})),
    );
    tx.query_opt(
        concat!(
            "update sync_conflicts s set status = 'resolved', kept = $2, word = $3, resolved_by = app.user_id(),
             resolved_at = now()
             where s.id = $1 returning ",
            columns!()
        ),
        &[&conflict.id, keep, word],
    )
    .await?
    .ok_or(Error::NotFound)
}

/// A conflict, and where it arose.
#[derive(Debug)]
pub struct ConflictAt {
    /// The table's name.
    pub table_name: &'static str,
    /// The record's id.
    pub record_id: Uuid,
    /// Whose care it concerns; none for a picture of a user.
    pub client_id: Option<Uuid>,
    /// The two values.
    pub conflict: ColumnConflict,
}

impl Serialize for ConflictAt {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let ColumnConflict { column, server_value, device_value, server_user_id, resolution } = &self.conflict;
        let (stored_side, status) = (resolution.stored_side(), resolution.status());
        json!({"table_name": self.table_name, "record_id": self.record_id, "client_id": self.client_id,
            "column": column,
            "server_value": server_value, "device_value": device_value, "server_user_id": server_user_id,
            "stored_side": stored_side, "status": status})
        .serialize(to)
    }
}
