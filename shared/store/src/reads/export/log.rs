//! What was charted before, what phones and server disagreed on, and who looked.

use domain::sync::conflict::ConflictStatus;
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Exported, page_of};
use crate::reads::chart_history::ChartRecord;

/// What a note or task said before it was changed or deleted.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"record": "visit_note", "record_id": "0193a5b0-0000-7000-8000-0000000000a1",
    "visit_id": "0193a5b0-0000-7000-8000-0000000000a1", "version": 1, "before": {"text": "Pulse high"},
    "author_id": "0193a5b0-0000-7000-8000-000000000003", "device_id": null, "at": "2026-11-20T14:25:00Z",
    "reason": null}))]
pub struct ExportedRevision {
    /// What was charted.
    pub record: ChartRecord,
    /// The task's id; of a note, the visit's.
    pub record_id: Uuid,
    /// The visit.
    pub visit_id: Uuid,
    /// Which version this was, counted from 1.
    pub version: i32,
    /// What it said.
    #[schema(value_type = Object)]
    pub before: Value,
    /// Who changed it then; null where a job did.
    pub author_id: Option<Uuid>,
    /// On which device.
    pub device_id: Option<Uuid>,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Option<String>,
}

impl Exported for ExportedRevision {
    const SQL: &'static str = page_of!(
        "select r.record::text as record, r.record_id, r.visit_id, r.version, r.before, r.author_id, r.device_id, r.at,
           r.reason, r.at as place_at,
           concat_ws(' ', r.record_id, r.record, lpad(r.version::text, 10, '0')) as place_key
         from chart_revisions r where r.client_id = $1"
    );
}

/// A value that two people changed at the same time.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000ac", "table_name": "visits",
    "record_id": "0193a5b0-0000-7000-8000-0000000000a1", "column_name": "notes", "server_value": "Calm",
    "device_value": "Tired", "server_user_id": null, "device_user_id": "0193a5b0-0000-7000-8000-000000000003",
    "device_id": null, "status": "resolved", "stored_side": "device", "kept": "device", "word": null,
    "resolved_by": "0193a5b0-0000-7000-8000-000000000002", "resolved_at": "2026-11-21T09:00:00Z",
    "created_at": "2026-11-20T15:00:00Z"}))]
pub struct ExportedConflict {
    /// The conflict's id.
    pub id: Uuid,
    /// Of which kind of record.
    pub table_name: String,
    /// Of which.
    pub record_id: Uuid,
    /// Of which column.
    pub column_name: String,
    /// What the server had.
    pub server_value: Option<Value>,
    /// What the phone sent.
    pub device_value: Option<Value>,
    /// Whose value the server had.
    pub server_user_id: Option<Uuid>,
    /// Whose value the phone sent.
    pub device_user_id: Option<Uuid>,
    /// Which phone.
    pub device_id: Option<Uuid>,
    /// Whether somebody decided.
    pub status: ConflictStatus,
    /// Which value the record had until then.
    pub stored_side: String,
    /// Which value was kept.
    pub kept: Option<String>,
    /// The word that whoever decided left for the caregiver.
    pub word: Option<String>,
    /// Who decided.
    pub resolved_by: Option<Uuid>,
    /// When.
    pub resolved_at: Option<Timestamp>,
    /// When it was found.
    pub created_at: Timestamp,
}

impl Exported for ExportedConflict {
    const SQL: &'static str = page_of!(
        "select x.id, x.table_name, x.record_id, x.column_name, x.server_value, x.device_value, x.server_user_id,
           x.device_user_id, x.device_id, x.status::text as status, x.stored_side, x.kept, x.word,
           x.resolved_by, x.resolved_at, x.created_at, x.created_at as place_at, x.id::text as place_key
         from sync_conflicts x where x.client_id = $1"
    );
}

/// What a phone sent about the client and the server could not take.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000ad",
    "user_id": "0193a5b0-0000-7000-8000-000000000003", "device_id": "0193a5b0-0000-7000-8000-0000000000d1",
    "table_name": "visits", "record_id": "0193a5b0-0000-7000-8000-0000000000a1", "body": {"status": "later"},
    "reason": "status is not known", "created_at": "2026-11-20T15:00:00Z"}))]
pub struct ExportedRefusal {
    /// The refusal's id.
    pub id: Uuid,
    /// Whose phone.
    pub user_id: Uuid,
    /// Which phone.
    pub device_id: Uuid,
    /// What kind of record it was to be.
    pub table_name: String,
    /// Its id, as it was sent.
    pub record_id: String,
    /// What was sent, verbatim.
    pub body: Value,
    /// Why it was refused.
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
}

impl Exported for ExportedRefusal {
    const SQL: &'static str = page_of!(
        "select q.id, q.user_id, q.device_id, q.table_name, q.record_id, q.body, q.reason, q.created_at,
           q.created_at as place_at, q.id::text as place_key
         from sync_quarantine q
         where q.record_id = $1::text or q.body ->> 'client_id' = $1::text
           or q.body ->> 'visit_id' in (select v.id::text from visits v where v.client_id = $1)
           or q.record_id in (
             select v.id::text from visits v where v.client_id = $1
             union all select t.id::text from visit_tasks t where t.client_id = $1
             union all select p.id::text from photos p where p.subject_client_id = $1
             union all select a.id::text from alerts a where a.client_id = $1)"
    );
}

/// Who looked at what or changed it, or had it disclosed.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000ae", "at": "2026-11-20T14:02:11Z",
    "actor_id": "0193a5b0-0000-7000-8000-000000000003", "device_id": null, "action": "visit.read",
    "resource": "visit", "resource_id": "0193a5b0-0000-7000-8000-0000000000a1", "request_id": "JKJaXmPLvHcESHA=",
    "source_ip": "203.0.113.7", "details": {}}))]
pub struct ExportedAuditEntry {
    /// The entry's id.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who; null where a job did.
    pub actor_id: Option<Uuid>,
    /// On which device.
    pub device_id: Option<Uuid>,
    /// What was done, as `visit.read`.
    pub action: String,
    /// To what kind of thing.
    pub resource: String,
    /// To which.
    pub resource_id: Option<Uuid>,
    /// The request.
    pub request_id: Option<String>,
    /// From where.
    pub source_ip: Option<String>,
    /// What else is known.
    #[schema(value_type = Object)]
    pub details: Value,
}

impl Exported for ExportedAuditEntry {
    const SQL: &'static str = page_of!(
        "select l.id, l.at, l.actor_id, l.device_id, l.action, l.resource, l.resource_id, l.request_id,
           host(l.source_ip) as source_ip, l.details, l.at as place_at, l.id::text as place_key
         from audit_log l where l.client_id = $1"
    );
}
