//! What becomes of an upload: stored, rejected, or given up because it never came. The function's own
//! work, or a job's, whoever asked for it.

use domain::{
    error::Error,
    identity::{JobIdentity, UploadReview},
    photo_kinds::PhotoKind,
    photos::{Owner, StoredObject},
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use uuid::Uuid;

use super::Concerned;
use crate::{AuditEntry, Db, DbError, Tx};

/// An upload that is expected: what must arrive, and whom it is for.
#[derive(Debug, FromRow)]
pub struct Expected {
    /// The photo's id.
    pub id: Uuid,
    client_id: Option<Uuid>,
    visit_id: Option<Uuid>,
    user_id: Option<Uuid>,
    /// Whether it belongs to somebody's care by now: a photo of a visit that isn't there, or isn't its author's to
    /// photograph, doesn't.
    pub attached: bool,
    /// What it is for.
    pub kind: PhotoKind,
    /// What it must be. A text, since phones push what they like.
    pub content_type: String,
    /// How many bytes it must have.
    pub bytes: i64,
    /// SHA-256 that it must have.
    pub sha256: Vec<u8>,
    /// Which version of a document.
    pub version: i32,
}

impl Expected {
    /// Whom or what it belongs to. The table holds exactly one.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        Owner::of(self.client_id, self.visit_id, self.user_id)
    }
}

/// The agency that a photo belongs to, for the event of an upload, which brings nothing but its key.
pub async fn agency_of_upload(db: &Db, id: Uuid) -> Result<Option<UploadReview>, DbError> {
    #[derive(FromRow)]
    struct Found {
        agency_id: Option<Uuid>,
    }
    let found: Option<Found> = db.call("select app.agency_of_upload($1) as agency_id", &[&id]).await?;
    Ok(found.and_then(|found| found.agency_id).map(|agency_id| UploadReview { agency_id }))
}

/// What is expected for a photo; none where it was reviewed before, or removed.
pub async fn expected(db: &Db, reviewer: &UploadReview, id: Uuid) -> Result<Option<Expected>, DbError> {
    db.read_opt(
        reviewer,
        "select p.id, p.client_id, p.visit_id, p.user_id, p.kind::text as kind,
           (p.visit_id is null or p.subject_client_id is not null) as attached, p.content_type, p.bytes, p.sha256,
           p.version
         from photos p where p.id = $1 and p.status = 'pending' and p.deleted_at is null",
        &[&id],
    )
    .await
}

/// What was made of an upload.
#[derive(Clone, Debug)]
pub struct StoredCopies {
    /// Where the cleaned copy lies.
    pub object: StoredObject,
    /// How many bytes it has.
    pub bytes: i64,
    /// The thumbnail, where one could be made.
    pub thumbnail: Option<StoredObject>,
    /// Whether it was drawn anew from its pixels.
    pub redrawn: bool,
}

/// Why what is good in itself can't be stored: others came first.
#[derive(FromRow)]
struct ReviewState {
    client_id: Option<Uuid>,
    signed: bool,
}

/// Stores a photo, unless it was reviewed meanwhile. What it takes the place of (a former
/// profile picture, the signature of a visit that goes on) is removed softly.
///
/// Answers why it can't be stored where it can't; nothing is written then.
pub async fn store(tx: &mut Tx<UploadReview>, expected: &Expected, kept: &StoredCopies) -> Result<Stored, Error> {
    let id = expected.id;
    let state: Option<ReviewState> = tx
        .query_opt(
            "select p.subject_client_id as client_id,
               coalesce(p.kind = 'signature' and p.subject_client_id is not null and v.status = 'completed' and exists (
                 select from photos o where o.visit_id = p.visit_id and o.kind = 'signature' and o.status = 'stored'
                   and o.subject_client_id is not null and o.deleted_at is null), false) as signed
             from photos p
             left join visits v on v.id = p.visit_id
             where p.id = $1 and p.status = 'pending' and p.deleted_at is null for no key update of p",
            &[&id],
        )
        .await?;
    let Some(state) = state else { return Ok(Stored::AlreadyReviewed) };
    if state.signed {
        return Ok(Stored::Refused("the visit is signed and completed"));
    }
    if matches!(expected.kind, PhotoKind::Profile | PhotoKind::Signature) {
        tx.execute(
            "update photos o set deleted_at = now()
             from photos p
             where p.id = $1 and o.id <> p.id and o.kind = p.kind and o.status = 'stored' and o.deleted_at is null
               and o.client_id is not distinct from p.client_id and o.visit_id is not distinct from p.visit_id
               and o.user_id is not distinct from p.user_id
               -- What isn't attached takes the place of nobody's but its author's own.
               and o.subject_client_id is not distinct from p.subject_client_id
               and (p.visit_id is null or p.subject_client_id is not null or o.created_by = p.created_by)",
            &[&id],
        )
        .await?;
    }
    let (thumbnail_key, thumbnail_version) =
        kept.thumbnail.as_ref().map(|thumbnail| (thumbnail.key.clone(), thumbnail.version.clone())).unzip();
    tx.audit(AuditEntry::new("photo.store", "photo", id, state.client_id));
    tx.execute(
        "update photos set status = 'stored', object_key = $2, object_version = $3, thumbnail_key = $4,
           thumbnail_version = $5, stored_type = $6, stored_bytes = $7, redrawn = $8
         where id = $1",
        &[
            &id,
            &kept.object.key,
            &kept.object.version,
            &thumbnail_key,
            &thumbnail_version.flatten(),
            &kept.object.content_type,
            &kept.bytes,
            &kept.redrawn,
        ],
    )
    .await?;
    Ok(Stored::Done)
}

/// What came of [`store`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is stored.
    Done,
    /// Somebody else reviewed it first, or it was removed.
    AlreadyReviewed,
    /// It can't be, for this reason.
    Refused(&'static str),
}

/// Rejects what arrived, unless it was reviewed before.
pub async fn reject(tx: &mut Tx<UploadReview>, id: Uuid, reason: &str) -> Result<(), Error> {
    let rejected: Option<Concerned> = tx
        .query_opt(
            "update photos p set status = 'rejected', rejected_because = $2
             where p.id = $1 and p.status = 'pending' and p.deleted_at is null
             returning p.subject_client_id as client_id",
            &[&id, &reason],
        )
        .await?;
    if let Some(Concerned { client_id }) = rejected {
        tx.audit(AuditEntry::new("photo.reject", "photo", id, client_id));
    }
    Ok(())
}

/// Why a photo is rejected of which nothing came.
pub const NEVER_ARRIVED: &str = "no file was uploaded within 7 days";

/// Lets a photo that was given up be uploaded after all: its phone was away for long, and asks again.
pub async fn expect_again(tx: &mut Tx<UploadReview>, id: Uuid) -> Result<(), DbError> {
    tx.execute(
        "update photos set status = 'pending', rejected_because = null
         where id = $1 and status = 'rejected' and rejected_because = $2 and deleted_at is null",
        &[&id, &NEVER_ARRIVED],
    )
    .await
}

/// Gives up at most `limit` photos of which nothing came since `before`, and answers how many.
pub async fn give_up(tx: &mut Tx<JobIdentity>, before: Timestamp, limit: u16) -> Result<usize, Error> {
    #[derive(FromRow)]
    struct GivenUp {
        id: Uuid,
        client_id: Option<Uuid>,
    }
    let given_up: Vec<GivenUp> = tx
        .query(
            "update photos p set status = 'rejected', rejected_because = $2
             where p.id in (
                 select o.id from photos o
                 where o.status = 'pending' and o.updated_at < $1 and o.agency_id = app.agency_id()
                   and o.deleted_at is null
                 order by o.id limit $3)
             returning p.id, p.subject_client_id as client_id",
            &[&before, &NEVER_ARRIVED, &i64::from(limit)],
        )
        .await?;
    for GivenUp { id, client_id } in &given_up {
        tx.audit(AuditEntry::new("photo.give_up", "photo", *id, *client_id));
    }
    Ok(given_up.len())
}
