//! Photos, signatures, profile pictures and documents: what they are. Their bytes are in S3 ([`runtime::objects`]).
//!
//! A record begins as `pending`, whether a phone pushed it or it was made by its path. What arrives is reviewed by the
//! function `photos`, under a job's identity, and becomes `stored` or `rejected`.

mod record;
mod review;

use domain::{
    error::{Conflict, Error, Reference},
    identity::UploadReview,
    photo_kinds::{PhotoKind, PhotoStatus},
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde_json::json;
use uuid::Uuid;

pub use record::{Photo, PhotoDetailsFields, PhotoFields, PhotoRow, PhotoSize};
pub use review::{
    Expected, NEVER_ARRIVED, Stored, StoredCopies, agency_of_upload, expect_again, expected, give_up, reject, store,
};

use crate::{AuditEntry, ConstraintExt, Db, DbError, Identity, Tx, audited, audited_page};

/// Which photos to list.
#[derive(Debug, Default)]
pub struct PhotoFilter {
    /// Of this client, those of visits to them included.
    pub client_id: Option<Uuid>,
    /// Photos of this visit.
    pub visit_id: Option<Uuid>,
    /// Photos of this user.
    pub user_id: Option<Uuid>,
    /// Photos of this kind.
    pub kind: Option<PhotoKind>,
    /// Only those in this status.
    pub status: Option<PhotoStatus>,
    /// Former versions of documents, too.
    pub all_versions: bool,
    /// Older than the photo of this time and id.
    pub after: Option<(Timestamp, Uuid)>,
    /// The largest number of rows.
    pub limit: i64,
}

/// Whether a family may see it at this moment. Row-level security (`policies/photos.sql`) says the same a second time.
macro_rules! shown_to_family {
    () => {
        "(p.kind = 'photo' and p.shared_with_family and p.redrawn and p.status = 'stored'
           and coalesce(app.has_consent(p.subject_client_id, 'photos')
             and app.has_consent(p.subject_client_id, 'family_sharing'), false))"
    };
}

macro_rules! columns {
    () => {
        concat!(
            "p.id, p.subject_client_id as client_id, p.visit_id, p.user_id, p.kind::text as kind,
             p.content_type, p.bytes, p.sha256, p.status::text as status, p.rejected_because,
             p.shared_with_family, ",
            shown_to_family!(),
            " as shown_to_family, p.caption, p.taken_at, p.version, p.replaces, p.created_by, p.created_at,
         p.updated_at,
             p.change_number, p.object_key, p.object_version, p.thumbnail_key, p.thumbnail_version, p.stored_type
             from photos p"
        )
    };
}

/// What the caller is shown at all: not what was removed, and a family what is for families.
macro_rules! shown {
    () => {
        concat!("p.deleted_at is null and (app.caller_role() <> 'family' or ", shown_to_family!(), ")")
    };
}

/// One photo, if the caller may see it; to be shown in `size`.
pub async fn find(db: &Db, who: &impl Identity, id: Uuid, size: PhotoSize) -> Result<Option<PhotoRow>, DbError> {
    let sql = match size {
        PhotoSize::Full => {
            audited!("photo.read", "photo", "select ", columns!(), " where p.id = $1 and ", shown!())
        }
        PhotoSize::Thumb => {
            audited!("photo.read_thumbnail", "photo", "select ", columns!(), " where p.id = $1 and ", shown!())
        }
    };
    db.read_opt(who, sql, &[&id]).await
}

/// One photo, for whoever says that its bytes were sent.
pub async fn find_to_complete(db: &Db, who: &impl Identity, id: Uuid) -> Result<Option<PhotoRow>, DbError> {
    let sql = audited!("photo.complete", "photo", "select ", columns!(), " where p.id = $1 and ", shown!());
    db.read_opt(who, sql, &[&id]).await
}

/// One photo, as the function that reviewed it answers it.
pub async fn as_reviewed(db: &Db, reviewer: &UploadReview, id: Uuid) -> Result<Option<PhotoRow>, DbError> {
    db.read_opt(reviewer, concat!("select ", columns!(), " where p.id = $1 and p.deleted_at is null"), &[&id]).await
}

/// Photos, newest first.
pub async fn list(db: &Db, who: &impl Identity, filter: PhotoFilter) -> Result<Vec<PhotoRow>, DbError> {
    let (at, id) = filter.after.unzip();
    db.read(
        who,
        audited_page!(
            "photo.list",
            "photo",
            "$9",
            "select ",
            columns!(),
            " where ",
            shown!(),
            "
                   and ($1::uuid is null or p.subject_client_id = $1)
                   and ($2::uuid is null or p.visit_id = $2) and ($3::uuid is null or p.user_id = $3)
                   and ($4::text is null or p.kind = $4::photo_kind)
                   and ($5::text is null or p.status = $5::photo_status)
                   and ($6 or not exists (
                     select from photos n
                     where n.replaces = p.id and n.status = 'stored' and n.deleted_at is null))
                   and ($8::uuid is null or (coalesce(p.taken_at, p.created_at), p.id) < ($7, $8))
                 order by coalesce(p.taken_at, p.created_at) desc, p.id desc limit $9"
        ),
        &[
            &filter.client_id,
            &filter.visit_id,
            &filter.user_id,
            &filter.kind,
            &filter.status,
            &filter.all_versions,
            &at,
            &id,
            &filter.limit,
        ],
    )
    .await
}

/// One photo, inside a write transaction.
pub async fn get<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<PhotoRow, Error> {
    tx.query_opt(concat!("select ", columns!(), " where p.id = $1 and p.deleted_at is null"), &[&id])
        .await?
        .ok_or(Error::NotFound)
}

/// Whose care a write concerned.
#[derive(FromRow)]
struct Concerned {
    client_id: Option<Uuid>,
}

/// Adds a record, or finds the one that a phone pushed before, if it says the same.
///
/// # Errors
/// [`Error::Unusable`] where the owner is none that the caller may add to; [`Conflict::IdTaken`] where the id has a
/// record that says something else.
pub async fn insert<I: Identity>(tx: &mut Tx<I>, id: Uuid, photo: &PhotoFields) -> Result<(), Error> {
    #[derive(FromRow)]
    struct OwnerCheck {
        same: bool,
        may: bool,
    }
    let checked: Option<OwnerCheck> = tx
        .query_opt(
            "select coalesce(bool_or(p.id is not null), false) as same,
               app.may_write_photo($2::text::photo_kind, $3, $4, $5) as may
             from (select) one left join photos p on p.id = $1 and p.kind = $2::text::photo_kind
               and p.client_id is not distinct from $3 and p.visit_id is not distinct from $4
               and p.user_id is not distinct from $5 and p.content_type = $6 and p.bytes = $7
               and p.sha256 = decode($8, 'hex') and p.created_by = app.user_id() and p.deleted_at is null",
            &[
                &id,
                &photo.kind,
                &photo.client_id,
                &photo.visit_id,
                &photo.user_id,
                &photo.content_type,
                &photo.bytes,
                &photo.sha256,
            ],
        )
        .await?;
    match checked {
        Some(OwnerCheck { same: true, .. }) => return Ok(()),
        Some(OwnerCheck { may: true, .. }) => {}
        _ => return Err(Error::Unusable(Reference::Owner)),
    }
    let version = match photo.replaces {
        Some(former) => next_version(tx, photo, former).await?,
        None => 1,
    };
    let made: Option<Concerned> = tx
        .query_opt(
            "insert into photos (id, agency_id, client_id, visit_id, user_id, kind, content_type, bytes, sha256,
               shared_with_family, taken_at, caption, replaces, version)
             values ($1, app.agency_id(), $2, $3, $4, $5::text::photo_kind, $6, $7, decode($8, 'hex'), $9, $10, $11,
               $12,
               $13)
             returning subject_client_id as client_id",
            &[
                &id,
                &photo.client_id,
                &photo.visit_id,
                &photo.user_id,
                &photo.kind,
                &photo.content_type,
                &photo.bytes,
                &photo.sha256,
                &photo.shared_with_family,
                &photo.taken_at,
                &photo.caption,
                &photo.replaces,
                &version,
            ],
        )
        .await
        .on_constraint("photos_client_fkey", || Error::Unusable(Reference::Owner))
        .on_constraint("photos_user_fkey", || Error::Unusable(Reference::Owner))
        .on_constraint("photos_one_successor", || {
            Error::Conflict(Conflict::Final("This document has a newer version. Replace that version."))
        })?;
    tx.audit(AuditEntry::new("photo.create", "photo", id, made.and_then(|made| made.client_id)));
    Ok(())
}

async fn next_version<I: Identity>(tx: &mut Tx<I>, photo: &PhotoFields, former: Uuid) -> Result<i32, Error> {
    match get(tx, former).await {
        Ok(row) if row.kind == PhotoKind::Document && row.client_id == photo.client_id => Ok(row.version + 1),
        Ok(_) | Err(Error::NotFound) => Err(Error::Unusable(Reference::FormerDocument)),
        Err(error) => Err(error),
    }
}

/// Writes what can be changed.
pub async fn update<I: Identity>(
    tx: &mut Tx<I>,
    photo: &PhotoRow,
    wanted: &PhotoDetailsFields,
) -> Result<PhotoRow, Error> {
    let entry = AuditEntry::new("photo.update", "photo", photo.id, photo.client_id);
    tx.audit(entry.with(json!({"shared_with_family": wanted.shared_with_family})));
    tx.execute_one(
        "update photos set shared_with_family = $2, taken_at = $3, caption = $4 where id = $1 returning id",
        &[&photo.id, &wanted.shared_with_family, &wanted.taken_at, &wanted.caption],
    )
    .await
    .on_constraint("photos_signature_final", signed)?;
    get(tx, photo.id).await
}

/// Removes a photo, softly. Its bytes stay for as long as care records do, out of everybody's
/// reach.
pub async fn delete<I: Identity>(tx: &mut Tx<I>, photo: &PhotoRow) -> Result<(), Error> {
    tx.audit(AuditEntry::new("photo.delete", "photo", photo.id, photo.client_id));
    tx.execute_one(
        "update photos set deleted_at = now() where id = $1 and deleted_at is null returning id",
        &[&photo.id],
    )
    .await
    .on_constraint("photos_signature_final", signed)
}

fn signed() -> Error {
    Error::Conflict(Conflict::Final("The visit is signed and completed; its signature can't be changed."))
}
