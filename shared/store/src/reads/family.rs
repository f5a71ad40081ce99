//! What a family reads: no more columns than are meant for them, of the rows that row-level security shows them.

use domain::{answer::AnswerRoom, error::Error};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Db, DbError, Identity, audited, audited_page, json_sql, tables::visits::VisitStatus};

/// A client whom the caller may follow.
#[derive(Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000c1", "first_name": "Marguerite"}))]
pub struct FamilyClient {
    /// The client's id.
    pub id: Uuid,
    /// Given name.
    pub first_name: String,
}

/// A visit, as a family reads it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000a1", "scheduled_start": "2026-11-20T14:00:00Z",
    "scheduled_end": "2026-11-20T14:45:00Z", "actual_start": "2026-11-20T14:02:10Z",
        "actual_end": "2026-11-20T14:44:30Z",
    "status": "completed", "caregiver_first_name": "Amara", "tasks_done": ["Blood pressure and pulse"],
    "family_note": "A good morning; we walked to the corner."}))]
pub struct FamilyVisit {
    /// The visit's id.
    pub id: Uuid,
    /// The planned start.
    pub scheduled_start: Timestamp,
    /// The planned end.
    pub scheduled_end: Timestamp,
    /// When the caregiver came.
    pub actual_start: Option<Timestamp>,
    /// When the caregiver left.
    pub actual_end: Option<Timestamp>,
    /// The status.
    pub status: VisitStatus,
    /// Given name of the caregiver.
    pub caregiver_first_name: String,
    /// Titles of what was done.
    pub tasks_done: Vec<String>,
    /// What the caregiver wrote for the family.
    pub family_note: Option<String>,
}

/// A photo that was shared on purpose.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000f7", "taken_at": "2026-11-20T14:30:00Z",
    "caption": "First walk outside"}))]
pub struct FamilyPhoto {
    /// The photo's id.
    pub id: Uuid,
    /// When it was taken.
    pub taken_at: Option<Timestamp>,
    /// The caption.
    pub caption: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = json!([]))]
/// Visits, newest first.
pub struct FamilyVisits(Vec<FamilyVisit>);
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = json!([]))]
/// Photos, newest first.
pub struct FamilyPhotos(Vec<FamilyPhoto>);
json_sql!(FamilyVisits, FamilyPhotos);

/// One client, as their family reads along.
#[derive(Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000c1", "first_name": "Marguerite", "visits": [],
    "photos": []}))]
pub struct FamilyView {
    /// The visit's id.
    pub id: Uuid,
    /// Given name.
    pub first_name: String,
    /// Visits from 30 days ago to 14 days ahead, newest first, as many as one answer takes.
    pub visits: FamilyVisits,
    /// Photos shared with the family, newest first, as many as one answer takes.
    pub photos: FamilyPhotos,
}

impl FamilyView {
    /// As much of it as one answer takes, the newest first; of visits rather than of photos.
    ///
    /// # Errors
    /// Where it can't be written as JSON.
    pub fn as_much_as_fits(mut self) -> Result<Self, Error> {
        let mut room = AnswerRoom::default();
        truncate(&mut self.visits.0, &mut room)?;
        truncate(&mut self.photos.0, &mut room)?;
        Ok(self)
    }
}

fn truncate<T: Serialize>(items: &mut Vec<T>, room: &mut AnswerRoom) -> Result<(), Error> {
    for (count, item) in items.iter().enumerate() {
        let json = serde_json::to_string(item).map_err(|error| Error::Internal(error.into()))?;
        if !room.takes(&json) {
            items.truncate(count);
            break;
        }
    }
    Ok(())
}

/// The clients whom the caller may follow, by name: after this one, at most so many.
pub async fn clients(
    db: &Db,
    who: &impl Identity,
    after: Option<(String, Uuid)>,
    limit: i64,
) -> Result<Vec<FamilyClient>, DbError> {
    let (first_name, id) = after.unzip();
    db.read(
        who,
        audited_page!(
            "family.list",
            "client",
            "$3",
            "select c.id, c.id as client_id, c.first_name from clients c
             where c.deleted_at is null and app.has_consent(c.id, 'family_sharing')
               and ($2::uuid is null
                 or (app.sort_name('', c.first_name) collate \"C\", c.id) > (app.sort_name('', $1), $2))
             order by app.sort_name('', c.first_name) collate \"C\", c.id limit $3"
        ),
        &[&first_name, &id, &limit],
    )
    .await
}

/// The family's view of one client, while the client consents to sharing.
pub async fn view(db: &Db, who: &impl Identity, client_id: Uuid) -> Result<Option<FamilyView>, DbError> {
    db.read_opt(
        who,
        audited!(
            "family.read",
            "client",
            "select c.id, c.id as client_id, c.first_name,
               coalesce((
                 select jsonb_agg(jsonb_build_object('id', v.id, 'scheduled_start', v.scheduled_start,
                   'scheduled_end', v.scheduled_end, 'actual_start', least(v.actual_start, v.check_in_received_at),
                   'actual_end', least(v.actual_end, v.check_out_received_at), 'status', v.status,
                   'caregiver_first_name', u.first_name, 'family_note', v.family_note,
                   'tasks_done', coalesce((
                     select jsonb_agg(t.title order by t.completed_at, t.id) from visit_tasks t
                     where t.visit_id = v.id and t.completed and t.deleted_at is null), '[]'))
                   order by v.scheduled_start desc, v.id)
                 from visits v join users u on u.id = v.user_id
                 where v.client_id = c.id and v.deleted_at is null
                   and v.scheduled_start between now() - interval '30 days' and now() + interval '14 days'
               ), '[]') as visits,
               coalesce((
                 select jsonb_agg(jsonb_build_object('id', p.id, 'taken_at', p.taken_at, 'caption', p.caption)
                   order by p.taken_at desc nulls last, p.id)
                 from photos p
                 where p.subject_client_id = c.id and p.shared_with_family and p.kind = 'photo'
                   and p.redrawn
                   and p.status = 'stored' and p.deleted_at is null and app.has_consent(c.id, 'photos')
               ), '[]') as photos
             from clients c
             where c.id = $1 and c.deleted_at is null and app.has_consent(c.id, 'family_sharing')"
        ),
        &[&client_id],
    )
    .await
}

/// Whether the caller may follow this client: one whom they see, and who consents to sharing.
pub async fn may_follow(db: &Db, who: &impl Identity, client_id: Uuid) -> Result<bool, DbError> {
    #[derive(FromRow)]
    struct Found {
        #[expect(dead_code, reason = "a row is the answer")]
        id: Uuid,
    }
    let found: Option<Found> = db
        .read_opt(
            who,
            "select c.id from clients c
             where c.id = $1 and c.deleted_at is null and app.has_consent(c.id, 'family_sharing')",
            &[&client_id],
        )
        .await?;
    Ok(found.is_some())
}
