//! Visits, tasks, and what is known of photos and documents.

use domain::{
    photo_kinds::{PhotoKind, PhotoStatus},
    task_type::TaskType,
    transitions::VisitStatus,
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Exported, page_of};

/// A visit.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000a1",
    "user_id": "0193a5b0-0000-7000-8000-000000000003", "scheduled_start": "2026-11-20T14:00:00Z",
    "scheduled_end": "2026-11-20T14:45:00Z", "status": "scheduled", "cancel_reason": null, "actual_start": null,
    "check_in_latitude": null, "check_in_longitude": null, "check_in_accuracy_m": null,
    "check_in_distance_m": null, "check_in_received_at": null, "actual_end": null, "check_out_latitude": null,
    "check_out_longitude": null, "check_out_accuracy_m": null, "check_out_distance_m": null,
    "check_out_received_at": null, "notes": null, "family_note": null, "self_planned": false,
    "after_access_ended": false, "created_at": "2026-11-19T09:00:00Z", "created_by": null,
    "updated_at": "2026-11-19T09:00:00Z", "updated_by": null, "deleted_at": null}))]
pub struct ExportedVisit {
    /// The visit's id.
    pub id: Uuid,
    /// The caregiver.
    pub user_id: Uuid,
    /// The planned start.
    pub scheduled_start: Timestamp,
    /// The planned end.
    pub scheduled_end: Timestamp,
    /// The status.
    pub status: VisitStatus,
    /// Why it was cancelled.
    pub cancel_reason: Option<String>,
    /// When the caregiver came, by the phone's clock.
    pub actual_start: Option<Timestamp>,
    /// Where, in degrees (WGS 84).
    pub check_in_latitude: Option<f64>,
    /// Where, in degrees (WGS 84).
    pub check_in_longitude: Option<f64>,
    /// How exact that is, in metres.
    pub check_in_accuracy_m: Option<f64>,
    /// How far from the client's home, in metres.
    pub check_in_distance_m: Option<f64>,
    /// When the server heard of it.
    pub check_in_received_at: Option<Timestamp>,
    /// When the caregiver left, by the phone's clock.
    pub actual_end: Option<Timestamp>,
    /// Where, in degrees (WGS 84).
    pub check_out_latitude: Option<f64>,
    /// Where, in degrees (WGS 84).
    pub check_out_longitude: Option<f64>,
    /// How exact that is, in metres.
    pub check_out_accuracy_m: Option<f64>,
    /// How far from the client's home, in metres.
    pub check_out_distance_m: Option<f64>,
    /// When the server heard of it.
    pub check_out_received_at: Option<Timestamp>,
    /// The caregiver's notes.
    pub notes: Option<String>,
    /// What the family may read.
    pub family_note: Option<String>,
    /// Whether its caregiver planned it.
    pub self_planned: bool,
    /// Whether something of it came from a phone whose user was off the care team by then.
    pub after_access_ended: bool,
    /// When it was planned.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Option<Uuid>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: Option<Uuid>,
    /// When it was removed.
    pub deleted_at: Option<Timestamp>,
}

impl Exported for ExportedVisit {
    const SQL: &'static str = page_of!(
        "select v.id, v.user_id, v.scheduled_start, v.scheduled_end, v.status::text as status, v.cancel_reason,
           v.actual_start, v.check_in_latitude, v.check_in_longitude, v.check_in_accuracy_m, v.check_in_distance_m,
           v.check_in_received_at, v.actual_end, v.check_out_latitude, v.check_out_longitude, v.check_out_accuracy_m,
           v.check_out_distance_m, v.check_out_received_at, v.notes, v.family_note, v.self_planned,
           v.after_access_ended, v.created_at, v.created_by, v.updated_at, v.updated_by, v.deleted_at,
           v.scheduled_start as place_at, v.id::text as place_key
         from visits v where v.client_id = $1"
    );
}

/// A task.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000b1",
    "visit_id": "0193a5b0-0000-7000-8000-0000000000a1", "task_type": "meals", "title": "Lunch", "completed": true,
    "completed_at": "2026-11-20T14:20:00Z", "outcome": "Ate half", "data": null,
    "created_at": "2026-11-19T09:00:00Z", "created_by": null, "updated_at": "2026-11-20T14:20:03Z",
    "updated_by": "0193a5b0-0000-7000-8000-000000000003", "deleted_at": null}))]
pub struct ExportedTask {
    /// The task's id.
    pub id: Uuid,
    /// The visit.
    pub visit_id: Uuid,
    /// What kind of task.
    pub task_type: TaskType,
    /// What to do.
    pub title: String,
    /// Whether it was done.
    pub completed: bool,
    /// When, by the phone's clock.
    pub completed_at: Option<Timestamp>,
    /// The outcome.
    pub outcome: Option<String>,
    /// What was measured or given, by `task_type`.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
    /// When it was planned.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Option<Uuid>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: Option<Uuid>,
    /// When it was removed.
    pub deleted_at: Option<Timestamp>,
}

impl Exported for ExportedTask {
    const SQL: &'static str = page_of!(
        "select t.id, t.visit_id, t.task_type::text as task_type, t.title, t.completed, t.completed_at, t.outcome,
           t.data, t.created_at, t.created_by, t.updated_at, t.updated_by, t.deleted_at, t.created_at as place_at,
           t.id::text as place_key
         from visit_tasks t where t.client_id = $1"
    );
}

/// What is known of a photo, signature or document. Its bytes are fetched by `GET /photos/{id}`.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000f7",
    "visit_id": "0193a5b0-0000-7000-8000-0000000000a1", "kind": "photo", "content_type": "image/jpeg",
    "bytes": 2_418_113, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "stored_type": "image/jpeg", "stored_bytes": 1_900_000, "status": "stored", "rejected_because": null,
    "shared_with_family": false, "caption": "Left heel, day 3", "taken_at": "2026-11-20T14:30:00Z", "version": 1,
    "replaces": null, "created_at": "2026-11-20T14:31:02Z", "created_by": null,
    "updated_at": "2026-11-20T14:31:09Z", "deleted_at": null}))]
pub struct ExportedPhoto {
    /// The record's id.
    pub id: Uuid,
    /// The visit at which it was made.
    pub visit_id: Option<Uuid>,
    /// What it is for.
    pub kind: PhotoKind,
    /// The media type of what was uploaded.
    pub content_type: String,
    /// How many bytes were uploaded.
    pub bytes: i64,
    /// SHA-256 of what was uploaded, in hexadecimal.
    pub sha256: String,
    /// The media type of the clean copy.
    pub stored_type: Option<String>,
    /// How many bytes that has.
    pub stored_bytes: Option<i64>,
    /// Whether it has arrived.
    pub status: PhotoStatus,
    /// Why it was not taken.
    pub rejected_because: Option<String>,
    /// Whether it is shared with the family on purpose.
    pub shared_with_family: bool,
    /// The caption.
    pub caption: Option<String>,
    /// When it was taken, by the device's clock.
    pub taken_at: Option<Timestamp>,
    /// A document's version; 1 for everything else.
    pub version: i32,
    /// The version of the document before this one.
    pub replaces: Option<Uuid>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Option<Uuid>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was removed.
    pub deleted_at: Option<Timestamp>,
}

impl Exported for ExportedPhoto {
    const SQL: &'static str = page_of!(
        "select p.id, p.visit_id, p.kind::text as kind, p.content_type, p.bytes, encode(p.sha256, 'hex') as sha256,
           p.stored_type, p.stored_bytes, p.status::text as status, p.rejected_because, p.shared_with_family, p.caption,
           p.taken_at, p.version, p.replaces, p.created_at, p.created_by, p.updated_at, p.deleted_at,
           p.created_at as place_at, p.id::text as place_key
         from photos p where p.subject_client_id = $1"
    );
}

/// Where the bytes of a photo, signature or document are that has some.
#[derive(Clone, Debug, FromRow)]
pub struct ExportedFile {
    /// The record's id.
    pub id: Uuid,
    /// What it is for.
    pub kind: PhotoKind,
    /// Where its bytes are.
    pub object_key: String,
    /// Which version of that.
    pub object_version: Option<String>,
}

impl Exported for ExportedFile {
    const SQL: &'static str = page_of!(
        "select p.id, p.kind::text as kind, p.object_key, p.object_version, p.created_at as place_at,
           p.id::text as place_key
         from photos p where p.subject_client_id = $1 and p.status = 'stored'"
    );
}
