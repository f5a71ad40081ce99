//! What the server has of a device's work.

use domain::error::Error;
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Db, Identity, json_sql};

/// Changes that arrived in one table.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"table": "visit_tasks", "changes": 12, "newest": "2026-11-20T14:44:31Z"}))]
pub struct Received {
    /// The table's name.
    pub table: String,
    /// Number of changes received.
    pub changes: i64,
    /// When the newest arrived.
    pub newest: Timestamp,
}

/// A record that was not taken.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"table": "visit_tasks", "id": "0193a5b0-0000-7000-8000-0000000000b1",
    "reason": "tasks of the type vitals are for nurses", "at": "2026-11-20T14:44:31Z", "written_by": null,
    "pushed_by": "0193a5b0-0000-7000-8000-000000000011", "status": "open", "word": null}))]
pub struct Refusal {
    /// The table that the record was sent for.
    pub table: String,
    /// The record's id, as it was sent.
    pub id: String,
    /// The reason, in plain words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Who wrote it, where that is somebody else than who sent it: the phone has changed hands.
    pub written_by: Option<Uuid>,
    /// Who sent it.
    pub pushed_by: Uuid,
    /// `open`; `accepted` or `dismissed` once a coordinator has settled it.
    pub status: String,
    /// What the coordinator said to it.
    pub word: Option<String>,
}

/// A column that two people changed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000aa", "table": "visits",
    "record_id": "0193a5b0-0000-7000-8000-0000000000a1", "column": "notes", "status": "auto_resolved",
    "kept": null, "word": null}))]
pub struct Contested {
    /// The conflict, for `/conflicts/{id}/resolve`.
    pub id: Uuid,
    /// The table's name.
    pub table: String,
    /// The record's id.
    pub record_id: Uuid,
    /// The column's name.
    pub column: String,
    /// `auto_resolved`, `needs_review` or `resolved`.
    pub status: String,
    /// What a person kept: the value of the `server`, of the `device`, or what the record had by then (`current`).
    pub kept: Option<String>,
    /// What they said to it.
    pub word: Option<String>,
}

/// Changes, by table.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = json!([]))]
pub struct AllReceived(Vec<Received>);
/// Refusals, newest first, 200 at most.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = json!([]))]
pub struct Refusals(Vec<Refusal>);
/// Conflicts, newest first, 200 at most.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = json!([]))]
pub struct AllContested(Vec<Contested>);
json_sql!(AllReceived, Refusals, AllContested);

/// What the server has of a device's work.
#[derive(Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"received": [], "refused": [], "conflicts": []}))]
pub struct SyncStatus {
    /// What changed something.
    pub received: AllReceived,
    /// What was refused, and is kept as it came: the newest 200.
    pub refused: Refusals,
    /// What somebody else had changed too: the newest 200.
    pub conflicts: AllContested,
}

/// What came from the caller's device since a time, what the caller wrote on one that others have by now, and what a
/// person decided since then about anything that the caller sent.
pub async fn of_device(db: &Db, who: &impl Identity, since: Timestamp) -> Result<SyncStatus, Error> {
    db.read_opt(
        who,
        "select
           coalesce((
             select jsonb_agg(jsonb_build_object('table', r.table_name, 'changes', r.changes, 'newest', r.newest)
               order by r.table_name)
             from (select l.table_name, count(*) as changes, max(l.synced_at) as newest from sync_log l
                   where l.device_id = app.device_id() and l.synced_at >= $1
                     group by l.table_name) r), '[]') as received,
           coalesce((
             select jsonb_agg(jsonb_build_object('table', q.table_name, 'id', q.record_id, 'reason', q.reason,
               'at', q.created_at, 'written_by', q.written_by, 'pushed_by', q.user_id,
               'status', q.status, 'word', q.word)
               order by q.created_at desc, q.id)
             from (select q.id, q.table_name, q.record_id, q.reason, q.created_at, q.written_by, q.user_id,
                     q.status, q.word
                   from sync_quarantine q
                   where (q.device_id = app.device_id() or q.written_by = app.user_id()
                     or q.user_id = app.user_id() and q.settled_at >= $1)
                     and greatest(q.created_at, q.settled_at) >= $1
                   order by q.created_at desc, q.id limit 200) q), '[]') as refused,
           coalesce((
             select jsonb_agg(jsonb_build_object('id', c.id, 'table', c.table_name, 'record_id', c.record_id,
               'column', c.column_name, 'status', c.status, 'kept', c.kept, 'word', c.word)
               order by c.created_at desc, c.id)
             from (select c.id, c.table_name, c.record_id, c.column_name, c.status, c.created_at, c.kept, c.word
                   from sync_conflicts c
                   where c.device_id = app.device_id() and greatest(c.created_at, c.resolved_at) >= $1
                     or app.user_id() in (c.device_user_id, c.server_user_id) and c.resolved_at >= $1
                   order by c.created_at desc, c.id limit 200) c), '[]') as conflicts",
        &[&since],
    )
    .await?
    .ok_or(Error::NotFound)
}
