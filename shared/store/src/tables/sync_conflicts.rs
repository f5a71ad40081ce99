//! Columns that two people changed at the same time: both values, until a person has decided and for as long as the
//! record is kept.

use domain::{
    error::{Conflict as Refusal, Error, Fault},
    sync::{judge, schema},
    validation::Check,
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Identity, Tx, audited, reads::sync_push, tables::care_team, text_sql};

/// Where a conflict stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "needs_review")]
pub enum ConflictStatus {
    /// The later arrival won; the other value is kept here.
    AutoResolved,
    /// What stands does so until a person decides.
    NeedsReview,
    /// A person has decided.
    Resolved,
}

/// What a person keeps.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "device")]
pub enum Kept {
    /// What the server had.
    Server,
    /// What the device sent.
    Device,
    /// What the record has by now, whatever that is; of a deleted record, that it is deleted.
    Current,
}

/// What the record has while nobody has decided.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "server")]
pub enum Stands {
    /// The server's value.
    Server,
    /// The device's value.
    Device,
    /// Neither: one side deleted the record, and has no value here.
    Deleted,
}
text_sql!(ConflictStatus, Kept, Stands);

/// A person's decision.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"keep": "device"}))]
pub struct Decision {
    /// Which value is right.
    pub keep: Kept,
}
impl Check for Decision {}

/// A column that two people changed at the same time.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000aa", "client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "table": "visits", "record_id": "0193a5b0-0000-7000-8000-0000000000a1", "column": "notes",
    "server_value": "From the office", "device_value": "From the bedside",
    "server_user_id": "0193a5b0-0000-7000-8000-000000000002", "device_user_id": "0193a5b0-0000-7000-8000-000000000003",
    "standing": "device", "status": "auto_resolved", "kept": null, "resolved_by": null, "resolved_at": null,
    "created_at": "2026-11-20T14:44:31Z"}))]
pub struct SyncConflict {
    /// The id.
    pub id: Uuid,
    /// Whose care it concerns; null for a picture of a user.
    pub client_id: Option<Uuid>,
    /// In which table.
    pub table: String,
    /// In which record.
    pub record_id: Uuid,
    /// Which column.
    pub column: String,
    /// What the server had; null too where the record was deleted there.
    #[schema(value_type = Value)]
    pub server_value: Option<Value>,
    /// What the device sent; null too where it deleted the record.
    #[schema(value_type = Value)]
    pub device_value: Option<Value>,
    /// Whose the server's value was.
    pub server_user_id: Option<Uuid>,
    /// Whose the device's value was.
    pub device_user_id: Option<Uuid>,
    /// Which of the two values the record had when they met.
    pub standing: Stands,
    /// Whether somebody has decided, or must.
    pub status: ConflictStatus,
    /// What a person kept.
    pub kept: Option<Kept>,
    /// Who decided.
    pub resolved_by: Option<Uuid>,
    /// When.
    pub resolved_at: Option<Timestamp>,
    /// When the two values met.
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "s.id, s.client_id, s.table_name as \"table\", s.record_id, s.column_name as \"column\", s.server_value,
         s.device_value, s.server_user_id, s.device_user_id,
         s.stored_side as standing, s.status::text as status, s.kept, s.resolved_by,
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
        audited!(
            "conflict.list",
            "sync_conflict",
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
/// # Errors
/// [`Refusal::Overwritten`] where the record has neither value, [`Refusal::Final`] where it was deleted or doesn't take
/// the value any more, and a fault where the value doesn't fit the rest of the record.
pub async fn apply<I: Identity>(tx: &mut Tx<I>, conflict: &SyncConflict, keep: Kept) -> Result<(), Error> {
    let kept = match keep {
        Kept::Server => conflict.server_value.clone().unwrap_or_default(),
        Kept::Device => conflict.device_value.clone().unwrap_or_default(),
        Kept::Current => return Ok(()),
    };
    let table = schema::table(&conflict.table).ok_or(Error::NotFound)?;
    let column = table.column(&conflict.column).ok_or(Error::NotFound)?;
    let known = sync_push::states(tx, table.name, vec![conflict.record_id], Vec::new(), None).await?;
    let row = known.get(&conflict.record_id).and_then(|state| state.stored.row.clone());
    let Some(before) = row.filter(|row| !judge::is_deleted(row)) else {
        let is_the_deletion = conflict.standing == Stands::Deleted && kept.is_null();
        return if is_the_deletion { Ok(()) } else { Err(Error::Conflict(Refusal::Final(DELETED))) };
    };
    let has = |value: &Value| column.same(before.get(column.name).unwrap_or(&Value::Null), value);
    if has(&kept) {
        return Ok(());
    }
    if ![&conflict.server_value, &conflict.device_value].iter().any(|value| has(value.as_ref().unwrap_or(&Value::Null)))
    {
        return Err(Error::Conflict(Refusal::Overwritten));
    }
    let mut row = before.clone();
    row.insert(conflict.column.clone(), kept.clone());
    judge::settle(table, &mut row, Some(&before), Timestamp::now())
        .map_err(|reason| vec![Fault::body("/keep", format!("doesn't fit the record as it is: {reason}"))])?;
    // A rule of the record may be stronger than the value: a visit with a check-in is not scheduled.
    if !column.same(row.get(column.name).unwrap_or(&Value::Null), &kept) {
        return Err(Error::Conflict(Refusal::Final(NOT_ANY_MORE)));
    }
    tx.execute("select app.begin_conflict_resolution()", &[]).await?;
    sync_push::update(tx, table, std::slice::from_ref(&row)).await.map_err(|error| match error {
        error if error.is_about_the_data() => Error::Conflict(Refusal::Final(NOT_ANY_MORE)),
        error => error.into(),
    })?;
    if table.name == "visits" && row.get("status") != before.get("status") {
        refresh_grant(tx, &row).await?;
    }
    Ok(())
}

const DELETED: &str = "The record was deleted; what was written is kept here. Keep `current` to leave it so.";
const NOT_ANY_MORE: &str = "The record can't take this value any more. Keep `current` to leave it as it is.";

/// A visit that took place though it was called off counts for its caregiver's access again.
async fn refresh_grant<I: Identity>(tx: &mut Tx<I>, visit: &judge::Row) -> Result<(), Error> {
    match (judge::id(visit, "client_id"), judge::id(visit, "user_id")) {
        (Some(client), Some(caregiver)) => care_team::refresh_scheduled(tx, client, caregiver).await,
        _ => Ok(()),
    }
}

/// Notes the decision.
pub async fn resolve<I: Identity>(tx: &mut Tx<I>, conflict: &SyncConflict, keep: Kept) -> Result<SyncConflict, Error> {
    tx.audit(
        AuditEntry::new("conflict.resolve", "sync_conflict", conflict.id, conflict.client_id)
            .with(json!({"keep": keep, "table": conflict.table, "column": conflict.column})),
    );
    tx.query_opt(
        concat!(
            "update sync_conflicts s set status = 'resolved', kept = $2, resolved_by = app.user_id(), resolved_at = now()
             where s.id = $1 returning ", columns!()
        ),
        &[&conflict.id, &keep],
    )
    .await?
    .ok_or(Error::NotFound)
}
