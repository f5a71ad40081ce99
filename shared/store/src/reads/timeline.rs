//! Everything that happened with a client, in one list.

use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Db, DbError, Identity, audited_page, text_sql};

/// What kind of thing happened.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "visit")]
pub enum EventKind {
    /// A visit, at its planned start.
    Visit,
    /// A task, when it was done.
    Task,
    /// A photo or document, when it was taken.
    Photo,
    /// An alert, when it was raised.
    Alert,
}
text_sql!(EventKind);

/// One thing that happened.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"kind": "visit", "id": "0193a5b0-0000-7000-8000-0000000000a1",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "at": "2026-11-20T14:00:00Z", "visit_id": "0193a5b0-0000-7000-8000-0000000000a1",
    "summary": {"status": "completed", "user_id": "0193a5b0-0000-7000-8000-000000000003"}}))]
pub struct TimelineEvent {
    /// The kind of event.
    pub kind: EventKind,
    /// The id of the visit, task, photo or alert.
    pub id: Uuid,
    /// Whose timeline it is.
    pub client_id: Uuid,
    /// When.
    pub at: Timestamp,
    /// The visit during which it was raised, if any.
    pub visit_id: Option<Uuid>,
    /// What the list shows of it: a visit's status and caregiver, a task's type, title and outcome, a photo's kind and
    /// caption, an alert's severity, reason and status.
    #[schema(value_type = Object)]
    pub summary: Value,
}

/// A client's timeline, newest first; the cursor is time and id.
pub async fn of_client(
    db: &Db,
    who: &impl Identity,
    client_id: Uuid,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<TimelineEvent>, DbError> {
    let (at, id) = after.unzip();
    db.read(
        who,
        audited_page!(
            "timeline.read",
            "timeline",
            "$4",
            "select e.kind, e.id, e.client_id, e.at, e.visit_id, e.summary
             from (
               select 'visit' as kind, v.id, v.client_id, v.scheduled_start as at, v.id as visit_id,
                 jsonb_build_object('status', v.status, 'user_id', v.user_id) as summary
               from visits v where v.client_id = $1 and v.deleted_at is null
               union all
               select 'task', t.id, v.client_id, t.completed_at, v.id,
                 jsonb_build_object('task_type', t.task_type, 'title', t.title, 'outcome', t.outcome)
               from visit_tasks t join visits v on v.id = t.visit_id
               where v.client_id = $1 and t.completed and t.deleted_at is null and v.deleted_at is null
               union all
               select 'photo', p.id, $1, coalesce(p.taken_at, p.created_at), p.visit_id,
                 jsonb_build_object('kind', p.kind, 'caption', p.caption)
               from photos p
               where p.subject_client_id = $1 and p.status = 'stored' and p.deleted_at is null
               union all
               select 'alert', a.id, a.client_id, a.created_at, a.visit_id,
                 jsonb_build_object('severity', a.severity, 'reason', a.reason, 'status', a.status)
               from alerts a where a.client_id = $1 and a.deleted_at is null
             ) e
             where $3::uuid is null or (e.at, e.id) < ($2, $3)
             order by e.at desc, e.id desc limit $4"
        ),
        &[&client_id, &at, &id, &limit],
    )
    .await
}
