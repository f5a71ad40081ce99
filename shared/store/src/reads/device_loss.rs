//! What a phone that was cut off has not brought back, as far as the server can tell.

use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Db, DbError, Identity, audited, json_sql, tables::visits::VisitStatus};

/// A visit whose chart may be on a lost phone alone.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000a1",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1", "scheduled_start": "2026-11-20T14:00:00Z",
    "scheduled_end": "2026-11-20T14:45:00Z", "status": "missed",
    "lacks": ["check_in", "check_out", "notes", "tasks"]}))]
pub struct LackingVisit {
    /// The visit's id.
    pub id: Uuid,
    /// Who was to be visited.
    pub client_id: Uuid,
    /// The planned start.
    pub scheduled_start: Timestamp,
    /// The planned end.
    pub scheduled_end: Timestamp,
    /// The status.
    pub status: VisitStatus,
    /// What there is none of: `check_in`, `check_out`, `notes`; `tasks`, where not all are done or have an outcome.
    pub lacks: Vec<String>,
}

/// Visits, by their planned start, 200 at most.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = json!([]))]
pub struct LackingVisits(Vec<LackingVisit>);
json_sql!(LackingVisits);

/// What a phone has not brought back.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"device_id": "0193a5b0-0000-7000-8000-0000000000d1",
    "user_id": "0193a5b0-0000-7000-8000-000000000003", "revoked_at": "2026-11-20T17:00:00Z",
    "last_seen_at": "2026-11-20T13:58:03Z", "last_sync_at": "2026-11-20T13:58:03Z", "pending_count": 3,
    "visits": []}))]
pub struct DeviceLoss {
    /// The device.
    pub device_id: Uuid,
    /// Whose it was.
    pub user_id: Uuid,
    /// When it was cut off; null where it wasn't.
    pub revoked_at: Option<Timestamp>,
    /// When it was last heard of.
    pub last_seen_at: Timestamp,
    /// When it last fetched or sent changes.
    pub last_sync_at: Option<Timestamp>,
    /// How many records it last said it had not sent; null where it never said.
    pub pending_count: Option<i32>,
    /// Its user's visits since then, until it was cut off, that lack something of their chart.
    pub visits: LackingVisits,
}

/// What a device has not brought back, if the caller may see it.
pub async fn of_device(db: &Db, who: &impl Identity, id: Uuid) -> Result<Option<DeviceLoss>, DbError> {
    db.read_opt(
        who,
        audited!(
            "device.loss",
            "device",
            "select d.id, null::uuid as client_id, d.id as device_id, d.user_id, d.revoked_at, d.last_seen_at,
               d.last_sync_at, d.pending_count, coalesce((
                 select jsonb_agg(jsonb_build_object('id', v.id, 'client_id', v.client_id,
                   'scheduled_start', v.scheduled_start, 'scheduled_end', v.scheduled_end, 'status', v.status,
                   'lacks', v.lacks) order by v.scheduled_start, v.id)
                 from (
                   select v.id, v.client_id, v.scheduled_start, v.scheduled_end, v.status, l.lacks
                   from visits v
                   cross join lateral (
                     select array_remove(array[
                       case when v.actual_start is null then 'check_in' end,
                       case when v.actual_end is null then 'check_out' end,
                       case when v.notes is null then 'notes' end,
                       case when exists (
                         select from visit_tasks t where t.visit_id = v.id and t.deleted_at is null
                           and not t.completed and t.outcome is null) then 'tasks' end], null) as lacks) l
                   where v.user_id = d.user_id and v.deleted_at is null and v.status <> 'cancelled'
                     and v.scheduled_end > coalesce(d.last_sync_at, d.created_at)
                     and v.scheduled_start < coalesce(d.revoked_at, now()) and l.lacks <> '{}'
                   order by v.scheduled_start, v.id limit 200) v), '[]') as visits
             from devices d where d.id = $1"
        ),
        &[&id],
    )
    .await
}
