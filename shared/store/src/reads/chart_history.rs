//! Every version of what was charted on a client: as it is, and as it was before each change and deletion.

use domain::text_enum;
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Db, DbError, Identity, audited, json_sql, params_of};

text_enum! {
    /// What was charted.
    #[schema(example = "task")]
    pub enum ChartRecord {
        /// The caregiver's notes on a visit.
        VisitNote,
        /// What the family may read of it.
        FamilyNote,
        /// A task.
        Task,
    }
}

params_of!(ChartRecord, TEXT);

/// Who wrote a version.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"first_name": "Amara", "last_name": "Okafor"}))]
pub struct Author {
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
}
json_sql!(Author);

/// One version of a note or task.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"kind": "task", "id": "0193a5b0-0000-7000-8000-0000000000b1",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1", "visit_id": "0193a5b0-0000-7000-8000-0000000000a1",
    "version": 2, "current": true,
    "content": {"task_type": "meals", "title": "Lunch", "completed": true, "completed_at": "2026-11-20T14:20:00Z",
        "outcome": "Ate half", "data": null},
    "author_id": "0193a5b0-0000-7000-8000-000000000003", "author": {"first_name": "Amara", "last_name": "Okafor"},
    "device_id": null, "at": "2026-11-20T14:20:03Z", "reason": null}))]
pub struct ChartVersion {
    /// What was charted.
    pub kind: ChartRecord,
    /// The task's id; of a note, the visit's.
    pub id: Uuid,
    /// The client who is charted about.
    pub client_id: Uuid,
    /// The visit at which it was charted.
    pub visit_id: Uuid,
    /// Counted from 1, with which the record was made, for each note and task.
    pub version: i32,
    /// Whether it is what the chart has now.
    pub current: bool,
    /// What was written: a note's `text`; a task's type, title, outcome and data, and whether and when it was done.
    /// Null where this version is the deletion.
    #[schema(value_type = Option<Object>)]
    pub content: Option<Value>,
    /// Who wrote or deleted it; null where a job did.
    pub author_id: Option<Uuid>,
    /// Their name, where the caller may know it.
    pub author: Option<Author>,
    /// On which device, where that is known.
    pub device_id: Option<Uuid>,
    /// When these values were replaced.
    pub at: Timestamp,
    /// Why, where a completed visit's chart was corrected or added to.
    pub reason: Option<String>,
}

impl ChartVersion {
    /// Where it stands in the list.
    #[must_use]
    pub fn place(&self) -> Place {
        (self.at, self.id, self.kind, self.version)
    }
}

/// What the list is ordered by.
pub type Place = (Timestamp, Uuid, ChartRecord, i32);

/// Every version of a client's notes and tasks, newest first. The first version of each is its record's creation; each
/// revision tells who wrote the version after it, and the next one, or the record, what that says.
pub async fn of_client(
    db: &Db,
    who: &impl Identity,
    client_id: Uuid,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<ChartVersion>, DbError> {
    let (at, id) = after.map(|(at, id, ..)| (at, id)).unzip();
    let (kind, version) = after.map(|(.., kind, version)| (kind, version)).unzip();
    db.read(
        who,
        audited!(
            "history.read",
            "history",
            "select h.kind::text as kind, h.id, h.client_id, h.visit_id, h.version, n.version is null as current,
               case when n.version is not null then n.before
                 when h.kind = 'task' then (
                   select jsonb_build_object('task_type', t.task_type, 'title', t.title, 'completed', t.completed,
                     'completed_at', t.completed_at, 'outcome', t.outcome, 'data', t.data)
                   from visit_tasks t where t.id = h.id and t.deleted_at is null)
                 else (
                   select jsonb_build_object('text', case h.kind when 'visit_note' then v.notes else v.family_note end)
                   from visits v where v.id = h.id and v.deleted_at is null) end as content,
               h.author_id, (
                 select jsonb_build_object('first_name', u.first_name, 'last_name', u.last_name)
                 from users u where u.id = h.author_id) as author,
               h.device_id, h.at, h.reason
             from (
               select e.kind, e.id, e.client_id, e.visit_id, e.version, e.author_id, e.device_id, e.at, e.reason
               from (
                 select 'task'::chart_record as kind, t.id, t.client_id, t.visit_id, 1 as version,
                   t.created_by as author_id, null::uuid as device_id, t.created_at as at, null::text as reason
                 from visit_tasks t where t.client_id = $1
                 union all
                 select w.kind, v.id, v.client_id, v.id, 1, v.created_by, null, v.created_at, null
                 from visits v
                 cross join lateral (
                   values ('visit_note'::chart_record, v.notes), ('family_note', v.family_note)) w (kind, note)
                 -- Of a visit without a note there is nothing to tell.
                 where v.client_id = $1 and (w.note is not null or exists (
                   select from chart_revisions f where f.record_id = v.id and f.record = w.kind))
                 union all
                 select r.record, r.record_id, r.client_id, r.visit_id, r.version + 1, r.author_id, r.device_id, r.at,
                   r.reason
                 from chart_revisions r where r.client_id = $1
               ) e
               where $3::uuid is null or (e.at, e.id, e.kind, e.version) < ($2, $3, $4::text::chart_record, $5)
               order by e.at desc, e.id desc, e.kind desc, e.version desc limit $6
             ) h
             left join chart_revisions n on n.record_id = h.id and n.record = h.kind and n.version = h.version
             order by h.at desc, h.id desc, h.kind desc, h.version desc"
        ),
        &[&client_id, &at, &id, &kind, &version, &limit],
    )
    .await
}
