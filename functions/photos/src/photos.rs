//! Photos' records, and the pre-signed URLs for their files.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    Versioned,
    error::{Error, Fault, Reference},
    identity::{Caller, PhotosRead, PhotosWrite, UploadReview},
    photo_kinds::{PhotoKind, PhotoStatus},
    photos::{Download, Owner, Upload},
    record_rules::{FOR_PHOTOS_ONLY, may_be_shared},
};
use runtime::objects::{UploadTerms, keys};
use serde::{Deserialize, Serialize};
use store::tables::{
    clients,
    idempotency::{self, Creation},
    photos::{self, NEVER_ARRIVED, Photo, PhotoDetailsFields, PhotoFields, PhotoFilter, PhotoRow, PhotoSize},
    visits,
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::{Created, IfMatch, List, New, Page, PageQuery, Patch, Path, Query, ReferenceExt, Reply, Require};

use crate::{Photos, process_upload::process_upload};

type NewPhoto = New<PhotoFields>;
type PhotoDetailsPatch = Patch<PhotoDetailsFields>;
type PhotoPage = Page<Photo>;

/// Which photos to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PhotoQuery {
    /// Of this client, those made at visits included. One of this, `visit_id` and `user_id` must be given.
    client_id: Option<Uuid>,
    /// Only photos of this visit.
    visit_id: Option<Uuid>,
    /// Photos of this user.
    user_id: Option<Uuid>,
    /// Only photos of this kind.
    #[param(inline)]
    kind: Option<PhotoKind>,
    /// Only records in this status.
    #[param(inline)]
    status: Option<PhotoStatus>,
    /// Former versions of documents, too; left out by default.
    #[serde(default)]
    #[param(value_type = Option<bool>)]
    all_versions: bool,
}

/// How large the image should be.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SizeQuery {
    /// `thumb` for at most 400 pixels each way; by default as it was taken.
    #[serde(default)]
    #[param(inline, value_type = Option<PhotoSize>)]
    size: PhotoSize,
}

/// A photo's record, and how to send its bytes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"photo": {"id": "0193a5b0-0000-7000-8000-0000000000f7", "client_id": null,
    "visit_id": "0193a5b0-0000-7000-8000-0000000000a1", "user_id": null, "kind": "photo", "content_type": "image/jpeg",
    "bytes": 2_418_113, "status": "pending", "rejected_because": null, "shared_with_family": false,
    "shown_to_family": false, "caption": null, "taken_at": null, "version": 1, "replaces": null, "has_thumbnail": false,
    "download": null, "created_at": "2026-11-20T14:31:02Z", "updated_at": "2026-11-20T14:31:02Z"}, "upload": null}))]
pub struct PhotoUpload {
    /// The photo as it is on record.
    photo: Photo,
    /// How to send the bytes; null once they were reviewed.
    upload: Option<Upload>,
}

impl Versioned for PhotoUpload {
    fn version(&self) -> i64 {
        self.photo.version()
    }
}

/// List photos, newest first.
///
/// Without URLs: each photo is fetched by itself, and put on record as seen.
#[utoipa::path(get, path = "/photos", tag = "photos", operation_id = "list_photos", params(PhotoQuery, PageQuery),
    responses((status = 200, description = "A page of the photos that the caller may see.", body = PhotoPage),
        (status = 404, description = "No such client or visit, or none that the caller may see.")))]
pub(crate) async fn list(
    State(photos): State<Photos>,
    list: List<PhotosRead, PhotoQuery>,
) -> web::Result<Json<PhotoPage>> {
    if list.filter.client_id.or(list.filter.visit_id).or(list.filter.user_id).is_none() {
        let fault = |name| Fault::parameter(name, "one of client_id, visit_id and user_id must be given");
        return Err(["client_id", "user_id", "visit_id"].map(fault).to_vec().into());
    }
    let filter = PhotoFilter {
        client_id: list.filter.client_id,
        visit_id: list.filter.visit_id,
        user_id: list.filter.user_id,
        kind: list.filter.kind,
        status: list.filter.status,
        all_versions: list.filter.all_versions,
        after: list.after()?,
        limit: list.rows(),
    };
    let db = &photos.app.db;
    let rows = photos::list(db, &*list.caller, filter).await?;
    if rows.is_empty() {
        // A list that is empty because its owner is out of sight is none.
        if let Some(client_id) = list.filter.client_id {
            clients::must_be_visible(db, &*list.caller, client_id).await?;
        }
        if let Some(visit_id) = list.filter.visit_id {
            visits::must_be_visible(db, &*list.caller, visit_id).await?;
        }
    }
    let role = list.caller.role;
    list.page_of(rows, |row: &PhotoRow| (row.at(), row.id), |row| row.shown_to(role, None))
}

/// Add a photo, signature, profile picture or document.
///
/// Answers how to send its bytes; the store takes exactly those that were declared, once, within 15 minutes. Sent
/// again, this answers a fresh URL for the same photo. A phone may also have pushed the record before, or may push it
/// later.
#[utoipa::path(post, path = "/photos", tag = "photos", operation_id = "create_photo", request_body = NewPhoto,
    responses((status = 201, description = "The photo's record, and how to upload the file.", body = PhotoUpload),
        (status = 404, description = "The photo was created before, and removed."),
        (status = 409, description = "The id is taken, the document has a newer version, or the client has \
            withdrawn the consent that it needs.")))]
pub(crate) async fn create(
    State(photos): State<Photos>,
    caller: Require<PhotosWrite>,
    New { id, fields }: NewPhoto,
) -> web::Result<Created<PhotoUpload>> {
    let db = &photos.app.db;
    let mut tx = db.write(&*caller).await?;
    if idempotency::claim(&mut tx, "photos", id, &fields).await? == Creation::Fresh {
        photos::insert(&mut tx, id, &fields)
            .await
            .on_reference(Reference::Owner, || {
                Fault::body(owner_pointer(&fields), "must be a visit or client that you may change")
            })
            .on_reference(Reference::FormerDocument, || {
                Fault::body("/replaces", "must be a document of the same client")
            })?;
    }
    let mut row = photos::get(&mut tx, id).await?;
    tx.commit().await?;
    only_own(&caller, &row)?;
    if row.rejected_because.as_deref() == Some(NEVER_ARRIVED) {
        let reviewer = UploadReview { agency_id: caller.agency_id };
        let mut tx = db.write(&reviewer).await?;
        photos::expect_again(&mut tx, id).await?;
        tx.commit().await?;
        row = photos::as_reviewed(db, &reviewer, id).await?.ok_or(Error::NotFound)?;
    }
    let upload = match row.status {
        PhotoStatus::Pending => {
            let terms = UploadTerms { content_type: &row.content_type, bytes: row.bytes, sha256: &row.sha256 };
            Some(photos.images.upload(&keys::upload(id), terms).await?)
        }
        PhotoStatus::Stored | PhotoStatus::Rejected => None,
    };
    Ok(Created(id, PhotoUpload { photo: row.shown_to(caller.role, None), upload }))
}

/// Say that a photo's bytes were sent.
///
/// They are checked, cleaned of where they were taken, and stored; or rejected, and the record says why. Sent again,
/// late or not at all, nothing else comes of it: the store tells of an upload, too.
#[utoipa::path(post, path = "/photos/{id}/complete", tag = "photos", operation_id = "complete_photo",
    params(("id" = Uuid, Path, description = "The photo.")),
    responses((status = 200, description = "The photo, stored or rejected with the reason.", body = Photo),
        (status = 409, description = "Nothing has arrived yet.")))]
pub(crate) async fn complete(
    State(photos): State<Photos>,
    caller: Require<PhotosWrite>,
    Path(id): Path<Uuid>,
) -> web::Result<Reply<Photo>> {
    let row = photos::find_to_complete(&photos.app.db, &*caller, id).await?.ok_or(Error::NotFound)?;
    only_own(&caller, &row)?;
    let row = process_upload(&photos, UploadReview { agency_id: caller.agency_id }, id).await?;
    Ok(Reply(StatusCode::OK, row.shown_to(caller.role, None)))
}

/// Read a photo, with a URL to fetch it by.
///
/// The entity tag is the record's: whoever needs a fresh URL asks without `If-None-Match`.
#[utoipa::path(get, path = "/photos/{id}", tag = "photos", operation_id = "read_photo",
    params(("id" = Uuid, Path, description = "The photo."), SizeQuery),
    responses((status = 200, description = "The record and, where it is stored, a URL good for 15 minutes.",
        body = Photo)))]
pub(crate) async fn read(
    State(photos): State<Photos>,
    caller: Require<PhotosRead>,
    Path(id): Path<Uuid>,
    Query(SizeQuery { size }): Query<SizeQuery>,
) -> web::Result<Reply<Photo>> {
    let row = photos::find(&photos.app.db, &*caller, id, size).await?.ok_or(Error::NotFound)?;
    let download = photos.download(&row, size).await?;
    Ok(Reply(StatusCode::OK, row.shown_to(caller.role, download)))
}

/// Change what is said of a photo, or share it with the client's family.
///
/// One's own; coordinators change any.
#[utoipa::path(patch, path = "/photos/{id}", tag = "photos", operation_id = "change_photo",
    params(("id" = Uuid, Path, description = "The photo.")), request_body = PhotoDetailsPatch,
    responses((status = 200, description = "The record after the change.", body = Photo),
        (status = 412, description = "The record has changed since it was read."),
        (status = 409, description = "The visit is signed and completed, or the client has withdrawn the consent to \
            charting.")))]
pub(crate) async fn change(
    State(photos): State<Photos>,
    caller: Require<PhotosWrite>,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
    patch: PhotoDetailsPatch,
) -> web::Result<Reply<Photo>> {
    let mut tx = photos.app.db.write(&*caller).await?;
    let before = photos::get(&mut tx, id).await?;
    only_own(&caller, &before)?;
    if_match.check(&before)?;
    let wanted = patch.apply(&before.details())?;
    if wanted.shared_with_family && !may_be_shared(before.kind) {
        return Err(vec![Fault::body("/shared_with_family", FOR_PHOTOS_ONLY)].into());
    }
    let after = photos::update(&mut tx, &before, &wanted).await?;
    tx.commit().await?;
    Ok(Reply(StatusCode::OK, after.shown_to(caller.role, None)))
}

/// Remove a photo.
///
/// One's own; coordinators remove any. Nobody gets at its bytes from then on; they are kept as long as care records
/// are.
#[utoipa::path(delete, path = "/photos/{id}", tag = "photos", operation_id = "delete_photo",
    params(("id" = Uuid, Path, description = "The photo.")),
    responses((status = 204, description = "The record is removed."),
        (status = 409, description = "The visit is signed and completed.")))]
pub(crate) async fn delete(
    State(photos): State<Photos>,
    caller: Require<PhotosWrite>,
    Path(id): Path<Uuid>,
) -> web::Result<StatusCode> {
    let mut tx = photos.app.db.write(&*caller).await?;
    let photo = photos::get(&mut tx, id).await?;
    only_own(&caller, &photo)?;
    photos::delete(&mut tx, &photo).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Caregivers write what they made themselves. That others' photos are there is no secret to those who see them.
fn owner_pointer(fields: &PhotoFields) -> &'static str {
    match fields.owner() {
        Some(Owner::Visit(_)) => "/visit_id",
        Some(Owner::User(_)) => "/user_id",
        _ => "/client_id",
    }
}

fn only_own(caller: &Caller, photo: &PhotoRow) -> web::Result<()> {
    if caller.role.sees_agency() || photo.created_by == Some(caller.user_id) {
        Ok(())
    } else {
        Err(Error::Forbidden.into())
    }
}

impl Photos {
    async fn download(&self, row: &PhotoRow, size: PhotoSize) -> Result<Option<Download>, Error> {
        let Some(object) = row.object(size) else { return Ok(None) };
        let bucket = if row.kind == PhotoKind::Document { &self.documents } else { &self.images };
        let extension = object.key.rsplit('.').next().unwrap_or_default();
        let name = format!("{}-{}.{extension}", <&str>::from(row.kind), row.id);
        bucket.download(&object, &name).await.map(Some)
    }
}
