//! Photos, signatures, profile pictures and documents: what they are. Their bytes are in S3 ([`crate::objects`]).
//!
//! A record begins as `pending`, whether a phone pushed it or it was made by its path. What arrives is judged by the
//! function `photos`, under a job's identity, and becomes `stored` or `rejected`.

use std::fmt::Write;

use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Versioned, audited};
use crate::{
    db::{AuditEntry, ConstraintExt, Db, DbError, Identity, Nothing, Tx, text_sql},
    error::{Conflict, Error, Fault},
    identity::{Job, Role},
    objects::{Download, StoredObject},
    validation::{Check, Faults},
};

/// What it is for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "photo")]
pub enum PhotoKind {
    /// A photo, at a visit or of a client.
    Photo,
    /// Whoever was visited signs for the visit; one for each visit.
    Signature,
    /// What a client or a user looks like; the newest counts.
    Profile,
    /// A PDF in a client's record, in versions.
    Document,
}

/// Where it stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "stored")]
pub enum PhotoStatus {
    /// Nothing has arrived yet, or what did is not judged yet.
    Pending,
    /// It is there, and good.
    Stored,
    /// What arrived is not acceptable, or nothing did.
    Rejected,
}

/// What may be uploaded.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[schema(example = "image/jpeg")]
pub enum MediaType {
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    #[strum(serialize = "image/jpeg")]
    Jpeg,
    /// PNG.
    #[serde(rename = "image/png")]
    #[strum(serialize = "image/png")]
    Png,
    /// WebP.
    #[serde(rename = "image/webp")]
    #[strum(serialize = "image/webp")]
    Webp,
    /// HEIC, as iPhones make it.
    #[serde(rename = "image/heic")]
    #[strum(serialize = "image/heic")]
    Heic,
    /// PDF.
    #[serde(rename = "application/pdf")]
    #[strum(serialize = "application/pdf")]
    Pdf,
}
text_sql!(PhotoKind, PhotoStatus, MediaType);

const MEGABYTE: i64 = 1 << 20;

impl MediaType {
    /// How many bytes an upload may have: 15 MB for images, 25 MB for PDF.
    #[must_use]
    pub fn max_bytes(self) -> i64 {
        if self == Self::Pdf { 25 * MEGABYTE } else { 15 * MEGABYTE }
    }
}

impl PhotoKind {
    /// Whether it may be of this type: signatures are PNG, documents PDF, the rest images.
    #[must_use]
    pub fn takes(self, media_type: MediaType) -> bool {
        match self {
            Self::Signature => media_type == MediaType::Png,
            Self::Document => media_type == MediaType::Pdf,
            Self::Photo | Self::Profile => media_type != MediaType::Pdf,
        }
    }
}

/// A photo before its bytes: what it is to be, exactly.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"visit_id": "0193a5b0-0000-7000-8000-0000000000a1", "kind": "photo", "content_type": "image/jpeg",
    "bytes": 2_418_113, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "taken_at": "2026-11-20T14:30:00Z", "caption": "Left heel, day 3"}))]
pub struct PhotoFields {
    /// The client that it is of. Exactly one of this, `visit_id` and `user_id` is given.
    #[serde(default)]
    pub client_id: Option<Uuid>,
    /// The visit at which it was made; the visit itself may come later.
    #[serde(default)]
    pub visit_id: Option<Uuid>,
    /// The user whom it shows.
    #[serde(default)]
    pub user_id: Option<Uuid>,
    /// What it is for.
    pub kind: PhotoKind,
    /// What will be uploaded: images, a signature as PNG, a document as PDF.
    pub content_type: MediaType,
    /// How much: up to 15 MB for images, 25 MB for PDF.
    #[schema(minimum = 1, maximum = 26_214_400)]
    pub bytes: i64,
    /// SHA-256 of it, in hexadecimal.
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    pub sha256: String,
    /// Whether the client's family is to see it, which takes the client's consents.
    #[serde(default)]
    pub shared_with_family: bool,
    /// When it was taken, by the device's clock.
    #[serde(default)]
    pub taken_at: Option<Timestamp>,
    /// What it shows.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub caption: Option<String>,
    /// The document that this is a newer version of.
    #[serde(default)]
    pub replaces: Option<Uuid>,
}

impl Check for PhotoFields {
    fn check(&self, faults: &mut Faults) {
        let owners = [self.client_id, self.visit_id, self.user_id];
        let owner = if owners.iter().flatten().count() == 1 { self.owner() } else { None };
        match (self.kind, owner) {
            (_, None) => {
                for pointer in ["/client_id", "/visit_id", "/user_id"] {
                    faults.add(pointer, "exactly one of client_id, visit_id and user_id must be given");
                }
            }
            (PhotoKind::Photo, Some(Owner::User(_))) => faults.add("/user_id", "is for profile pictures"),
            (PhotoKind::Signature, Some(Owner::Client(_) | Owner::User(_))) => {
                faults.add("/kind", "a signature belongs to a visit");
            }
            (PhotoKind::Profile, Some(Owner::Visit(_))) => {
                faults.add("/kind", "a profile picture belongs to a client or a user");
            }
            (PhotoKind::Document, Some(Owner::Visit(_) | Owner::User(_))) => {
                faults.add("/kind", "a document belongs to a client");
            }
            _ => {}
        }
        faults.unless(
            self.kind.takes(self.content_type),
            "/content_type",
            match self.kind {
                PhotoKind::Signature => "must be image/png for a signature",
                PhotoKind::Document => "must be application/pdf for a document",
                PhotoKind::Photo | PhotoKind::Profile => "must be an image",
            },
        );
        if self.bytes > self.content_type.max_bytes() {
            faults.add("/bytes", format!("must be at most {}", self.content_type.max_bytes()));
        }
        faults.unless(
            !self.shared_with_family || self.kind == PhotoKind::Photo,
            "/shared_with_family",
            "is for photos only",
        );
        faults.unless(self.replaces.is_none() || self.kind == PhotoKind::Document, "/replaces", "is for documents");
    }
}

impl PhotoFields {
    fn owner(&self) -> Option<Owner> {
        Owner::of(self.client_id, self.visit_id, self.user_id)
    }

    fn owner_pointer(&self) -> &'static str {
        match self.owner() {
            Some(Owner::Visit(_)) => "/visit_id",
            Some(Owner::User(_)) => "/user_id",
            _ => "/client_id",
        }
    }
}

/// Whom or what a photo belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A client.
    Client(Uuid),
    /// A visit.
    Visit(Uuid),
    /// A user.
    User(Uuid),
}

impl Owner {
    fn of(client_id: Option<Uuid>, visit_id: Option<Uuid>, user_id: Option<Uuid>) -> Option<Self> {
        visit_id.map(Self::Visit).or(user_id.map(Self::User)).or(client_id.map(Self::Client))
    }
}

/// What of a photo changes after it was made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"shared_with_family": true, "caption": "First walk outside"}))]
pub struct PhotoDetailsFields {
    /// Whether the client's family is to see it, which takes the client's consents.
    #[serde(default)]
    pub shared_with_family: bool,
    /// When it was taken.
    #[serde(default)]
    pub taken_at: Option<Timestamp>,
    /// What it shows.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub caption: Option<String>,
}
impl Check for PhotoDetailsFields {}

/// A photo's row.
#[derive(Clone, Debug, FromRow)]
pub struct PhotoRow {
    /// The id.
    pub id: Uuid,
    /// Whose care it concerns; also where it belongs to a visit that is known.
    pub client_id: Option<Uuid>,
    /// The visit that it belongs to.
    pub visit_id: Option<Uuid>,
    /// The user whom it shows.
    pub user_id: Option<Uuid>,
    /// What it is for.
    pub kind: PhotoKind,
    /// What was declared.
    pub content_type: String,
    /// How much was declared.
    pub bytes: i64,
    /// SHA-256 of what was uploaded.
    pub sha256: Vec<u8>,
    /// Where it stands.
    pub status: PhotoStatus,
    /// Why it was rejected.
    pub rejected_because: Option<String>,
    /// Whether it is shared on purpose.
    pub shared_with_family: bool,
    /// Whether a family may see it at this moment.
    pub shown_to_family: bool,
    /// What it shows.
    pub caption: Option<String>,
    /// When it was taken.
    pub taken_at: Option<Timestamp>,
    /// A document's version; 1 for everything else.
    pub version: i32,
    /// The version before.
    pub replaces: Option<Uuid>,
    /// Who made the record.
    pub created_by: Option<Uuid>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    change_number: i64,
    object_key: Option<String>,
    object_version: Option<String>,
    thumbnail_key: Option<String>,
    thumbnail_version: Option<String>,
    stored_type: Option<String>,
}

impl Versioned for PhotoRow {
    fn version(&self) -> i64 {
        self.change_number
    }
}

/// Which of the stored images is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "thumb")]
pub enum PhotoSize {
    /// As large as it was taken.
    #[default]
    Full,
    /// At most 400 pixels wide and high.
    Thumb,
}

impl PhotoRow {
    /// Where the bytes are, once it is stored. HEIC and PDF have no thumbnail.
    #[must_use]
    pub fn object(&self, size: PhotoSize) -> Option<StoredObject> {
        if self.status != PhotoStatus::Stored {
            return None;
        }
        match size {
            PhotoSize::Full => Some(StoredObject {
                key: self.object_key.clone()?,
                version: self.object_version.clone(),
                content_type: self.stored_type.clone().unwrap_or_else(|| self.content_type.clone()),
            }),
            PhotoSize::Thumb => Some(StoredObject {
                key: self.thumbnail_key.clone()?,
                version: self.thumbnail_version.clone(),
                content_type: <&str>::from(MediaType::Jpeg).to_owned(),
            }),
        }
    }

    /// What can be changed of it.
    #[must_use]
    pub fn details(&self) -> PhotoDetailsFields {
        PhotoDetailsFields {
            shared_with_family: self.shared_with_family,
            taken_at: self.taken_at,
            caption: self.caption.clone(),
        }
    }
}

/// A photo, signature, profile picture or document.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000f7", "client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "visit_id": "0193a5b0-0000-7000-8000-0000000000a1", "user_id": null, "kind": "photo", "content_type": "image/jpeg",
    "bytes": 2_418_113, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "status": "stored",
    "rejected_because": null, "shared_with_family": false, "shown_to_family": false, "caption": "Left heel, day 3",
    "taken_at": "2026-11-20T14:30:00Z", "version": 1, "replaces": null, "has_thumbnail": true, "download": null,
    "created_by": "0193a5b0-0000-7000-8000-000000000003", "created_at": "2026-11-20T14:31:02Z",
    "updated_at": "2026-11-20T14:31:09Z"}))]
pub struct Photo {
    /// The id.
    pub id: Uuid,
    /// Whose care it concerns; also where it belongs to a visit that is known.
    pub client_id: Option<Uuid>,
    /// The visit that it belongs to.
    pub visit_id: Option<Uuid>,
    /// The user whom it shows.
    pub user_id: Option<Uuid>,
    /// What it is for.
    pub kind: PhotoKind,
    /// What was uploaded. What is downloaded may be of another type: JPEG for every photo that could be drawn anew.
    pub content_type: String,
    /// How many bytes were uploaded.
    pub bytes: i64,
    /// SHA-256 of what was uploaded, in hexadecimal; absent for families.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where it stands.
    pub status: PhotoStatus,
    /// Why it was rejected.
    pub rejected_because: Option<String>,
    /// Whether it is shared with the family on purpose.
    pub shared_with_family: bool,
    /// Whether a family may see it at this moment: it is shared, the client's consents stand, and it was drawn anew.
    pub shown_to_family: bool,
    /// What it shows.
    pub caption: Option<String>,
    /// When it was taken, by the device's clock.
    pub taken_at: Option<Timestamp>,
    /// A document's version; 1 for everything else.
    pub version: i32,
    /// The version of the document before this one.
    pub replaces: Option<Uuid>,
    /// Whether there is a thumbnail of 400 pixels.
    pub has_thumbnail: bool,
    /// Where to fetch it. Null in lists, and where there is nothing to fetch: nothing stored, or no thumbnail.
    pub download: Option<Download>,
    /// Who made the record; absent for families.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<Uuid>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    #[serde(skip)]
    change_number: i64,
}

impl Versioned for Photo {
    fn version(&self) -> i64 {
        self.change_number
    }
}

impl PhotoRow {
    /// What `role` is shown of it.
    #[must_use]
    pub fn shown_to(self, role: Role, download: Option<Download>) -> Photo {
        let staff = role != Role::Family;
        Photo {
            has_thumbnail: self.object(PhotoSize::Thumb).is_some(),
            id: self.id,
            client_id: self.client_id,
            visit_id: self.visit_id,
            user_id: self.user_id,
            kind: self.kind,
            content_type: self.content_type,
            bytes: self.bytes,
            sha256: staff.then(|| hexadecimal(&self.sha256)),
            status: self.status,
            rejected_because: self.rejected_because,
            shared_with_family: self.shared_with_family,
            shown_to_family: self.shown_to_family,
            caption: self.caption,
            taken_at: self.taken_at,
            version: self.version,
            replaces: self.replaces,
            download,
            created_by: self.created_by.filter(|_| staff),
            created_at: self.created_at,
            updated_at: self.updated_at,
            change_number: self.change_number,
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Which photos to list.
#[derive(Debug, Default)]
pub struct PhotoFilter {
    /// Of this client, those of visits to them included.
    pub client_id: Option<Uuid>,
    /// Of this visit.
    pub visit_id: Option<Uuid>,
    /// Of this user.
    pub user_id: Option<Uuid>,
    /// Of this kind.
    pub kind: Option<PhotoKind>,
    /// Where it stands.
    pub status: Option<PhotoStatus>,
    /// Former versions of documents, too.
    pub all_versions: bool,
    /// Older than the photo of this time and id.
    pub after: Option<(Timestamp, Uuid)>,
    /// At most so many.
    pub limit: i64,
}

impl PhotoRow {
    /// When it was taken, or made where that is not known: what lists are ordered by.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.taken_at.unwrap_or(self.created_at)
    }
}

/// Whether a family may see it at this moment. Row-level security (migration V013) says the same a second time.
macro_rules! shown_to_family {
    () => {
        "(p.kind = 'photo' and p.shared_with_family and p.redrawn and p.status = 'stored'
           and coalesce(app.consented(coalesce(p.client_id, v.client_id), 'photos')
             and app.consented(coalesce(p.client_id, v.client_id), 'family_sharing'), false))"
    };
}

macro_rules! columns {
    () => {
        concat!(
            "p.id, coalesce(p.client_id, v.client_id) as client_id, p.visit_id, p.user_id, p.kind::text as kind,
             p.content_type, p.bytes, p.sha256, p.status::text as status, p.rejected_because,
             p.shared_with_family, ",
            shown_to_family!(),
            " as shown_to_family, p.caption, p.taken_at, p.version, p.replaces, p.created_by, p.created_at, p.updated_at,
             p.change_number, p.object_key, p.object_version, p.thumbnail_key, p.thumbnail_version, p.stored_type
             from photos p left join visits v on v.id = p.visit_id"
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

/// One photo, as the function that judged it answers it.
pub async fn as_judged(db: &Db, job: &Job, id: Uuid) -> Result<Option<PhotoRow>, DbError> {
    db.read_opt(job, concat!("select ", columns!(), " where p.id = $1 and p.deleted_at is null"), &[&id]).await
}

/// Photos, newest first.
pub async fn list(db: &Db, who: &impl Identity, filter: PhotoFilter) -> Result<Vec<PhotoRow>, DbError> {
    let (at, id) = filter.after.unzip();
    db.read(
        who,
        audited!(
            "photo.list",
            "photo",
            "select ",
            columns!(),
            " where ",
            shown!(),
            "
                   and ($1::uuid is null or p.client_id = $1
                     or p.visit_id in (select of.id from visits of where of.client_id = $1))
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
/// [`Error::Invalid`] where the owner is none that the caller may add to; [`Conflict::IdTaken`] where the id has a record
/// that says something else.
pub async fn insert<I: Identity>(tx: &mut Tx<I>, id: Uuid, photo: &PhotoFields) -> Result<(), Error> {
    #[derive(FromRow)]
    struct Known {
        same: bool,
        may: bool,
    }
    let known: Option<Known> = tx
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
    match known {
        Some(Known { same: true, .. }) => return Ok(()),
        Some(Known { may: true, .. }) => {}
        _ => return Err(not_theirs(photo)),
    }
    let version = match photo.replaces {
        Some(former) => next_version(tx, photo, former).await?,
        None => 1,
    };
    let made: Option<Concerned> = tx
        .query_opt(
            "insert into photos (id, agency_id, client_id, visit_id, user_id, kind, content_type, bytes, sha256,
               shared_with_family, taken_at, caption, replaces, version)
             values ($1, app.agency_id(), $2, $3, $4, $5::text::photo_kind, $6, $7, decode($8, 'hex'), $9, $10, $11, $12,
               $13)
             returning coalesce(client_id, (select v.client_id from visits v where v.id = photos.visit_id)) as client_id",
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
    .on_constraint("photos_client_fkey", || not_theirs(photo))
    .on_constraint("photos_user_fkey", || not_theirs(photo))
    .on_constraint("photos_one_successor", || {
        Error::Conflict(Conflict::Final("This document has a newer version. Replace that one."))
    })?;
    tx.audit(AuditEntry::new("photo.create", "photo", id, made.and_then(|made| made.client_id)));
    Ok(())
}

fn not_theirs(photo: &PhotoFields) -> Error {
    vec![Fault::body(photo.owner_pointer(), "must be one whose record you write")].into()
}

async fn next_version<I: Identity>(tx: &mut Tx<I>, photo: &PhotoFields, former: Uuid) -> Result<i32, Error> {
    match get(tx, former).await {
        Ok(row) if row.kind == PhotoKind::Document && row.client_id == photo.client_id => Ok(row.version + 1),
        Ok(_) | Err(Error::NotFound) => {
            Err(vec![Fault::body("/replaces", "must be a document of the same client")].into())
        }
        Err(error) => Err(error),
    }
}

/// Writes what can be changed, and ends the transaction.
pub async fn update<I: Identity>(
    mut tx: Tx<I>,
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
    let after = get(&mut tx, photo.id).await?;
    tx.commit().await?;
    Ok(after)
}

/// Removes a photo, softly, and ends the transaction. Its bytes stay for as long as care records do, out of everybody's
/// reach.
pub async fn delete<I: Identity>(mut tx: Tx<I>, photo: &PhotoRow) -> Result<(), Error> {
    tx.audit(AuditEntry::new("photo.delete", "photo", photo.id, photo.client_id));
    tx.execute_one(
        "update photos set deleted_at = now() where id = $1 and deleted_at is null returning id",
        &[&photo.id],
    )
    .await
    .on_constraint("photos_signature_final", signed)?;
    Ok(tx.commit().await?)
}

fn signed() -> Error {
    Error::Conflict(Conflict::Final("The visit is signed and completed; its signature stays as it is."))
}

/// An upload that is expected: what must arrive, and whom it is for.
#[derive(Debug, FromRow)]
pub struct Expected {
    /// The photo.
    pub id: Uuid,
    client_id: Option<Uuid>,
    visit_id: Option<Uuid>,
    user_id: Option<Uuid>,
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
pub async fn agency_of_upload(db: &Db, id: Uuid) -> Result<Option<Job>, DbError> {
    #[derive(FromRow)]
    struct Found {
        agency_id: Option<Uuid>,
    }
    let found: Option<Found> = db.call("select app.agency_of_upload($1) as agency_id", &[&id]).await?;
    Ok(found.and_then(|found| found.agency_id).map(|agency_id| Job { agency_id }))
}

/// What is expected for a photo; none where it was judged before, or removed.
pub async fn expected(db: &Db, job: &Job, id: Uuid) -> Result<Option<Expected>, DbError> {
    db.read_opt(
        job,
        "select p.id, p.client_id, p.visit_id, p.user_id, p.kind::text as kind, p.content_type, p.bytes, p.sha256,
           p.version
         from photos p where p.id = $1 and p.status = 'pending' and p.deleted_at is null",
        &[&id],
    )
    .await
}

/// What was made of an upload.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The copy.
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
struct Standing {
    client_id: Option<Uuid>,
    stranger: bool,
    signed: bool,
}

/// Stores a photo, unless it was judged meanwhile; ends the transaction. What it takes the place of (a former
/// profile picture, the signature of a visit that goes on) is removed softly.
///
/// Answers why it can't be stored where it can't; nothing is written then.
pub async fn store(mut tx: Tx<Job>, expected: &Expected, kept: &Kept) -> Result<Stored, Error> {
    let id = expected.id;
    let standing: Option<Standing> = tx
        .query_opt(
            "select coalesce(p.client_id, v.client_id) as client_id,
               -- The visit came after the photo and is to a client whom its author never cared for.
               coalesce(u.role in ('nurse', 'care_aide') and v.id is not null
                 and ((p.kind = 'signature' and v.user_id <> u.id) or not exists (
                   select from care_team t where t.client_id = v.client_id and t.user_id = u.id)), false) as stranger,
               coalesce(p.kind = 'signature' and v.status = 'completed' and exists (
                 select from photos o where o.visit_id = p.visit_id and o.kind = 'signature' and o.status = 'stored'
                   and o.deleted_at is null), false) as signed
             from photos p
             left join visits v on v.id = p.visit_id
             left join users u on u.id = p.created_by
             where p.id = $1 and p.status = 'pending' and p.deleted_at is null for no key update of p",
            &[&id],
        )
        .await?;
    let Some(standing) = standing else { return Ok(Stored::JudgedBefore) };
    if standing.stranger {
        return Ok(Stored::Refused("it belongs to a visit of somebody else"));
    }
    if standing.signed {
        return Ok(Stored::Refused("the visit is signed and completed"));
    }
    if matches!(expected.kind, PhotoKind::Profile | PhotoKind::Signature) {
        tx.execute(
            "update photos o set deleted_at = now()
             where o.id <> $1 and o.kind = $2::text::photo_kind and o.status = 'stored' and o.deleted_at is null
               and o.client_id is not distinct from $3 and o.visit_id is not distinct from $4
               and o.user_id is not distinct from $5",
            &[&id, &expected.kind, &expected.client_id, &expected.visit_id, &expected.user_id],
        )
        .await?;
    }
    let (thumbnail_key, thumbnail_version) =
        kept.thumbnail.as_ref().map(|thumbnail| (thumbnail.key.clone(), thumbnail.version.clone())).unzip();
    tx.audit(AuditEntry::new("photo.store", "photo", id, standing.client_id));
    tx.commit_with::<Nothing>(
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
    /// Somebody else judged it first, or it was removed.
    JudgedBefore,
    /// It can't be, for this reason.
    Refused(&'static str),
}

/// Rejects what arrived, unless it was judged before.
pub async fn reject(db: &Db, job: &Job, id: Uuid, reason: &str) -> Result<(), Error> {
    let mut tx = db.write(job, 1).await?;
    let rejected: Option<Concerned> = tx
        .query_opt(
            "update photos p set status = 'rejected', rejected_because = $2
             where p.id = $1 and p.status = 'pending' and p.deleted_at is null
             returning coalesce(p.client_id, (select v.client_id from visits v where v.id = p.visit_id)) as client_id",
            &[&id, &reason],
        )
        .await?;
    if let Some(Concerned { client_id }) = rejected {
        tx.audit(AuditEntry::new("photo.reject", "photo", id, client_id));
    }
    Ok(tx.commit().await?)
}

/// Why a photo is rejected of which nothing came.
pub const NEVER_ARRIVED: &str = "nothing arrived within 7 days";

/// Lets a photo that was given up be uploaded after all: its phone was away for long, and asks again.
pub async fn expect_again(db: &Db, job: &Job, id: Uuid) -> Result<(), Error> {
    let tx = db.write(job, 1).await?;
    tx.execute(
        "update photos set status = 'pending', rejected_because = null
         where id = $1 and status = 'rejected' and rejected_because = $2 and deleted_at is null",
        &[&id, &NEVER_ARRIVED],
    )
    .await?;
    Ok(tx.commit().await?)
}

/// Gives up at most `limit` photos of which nothing came since `before`, and answers how many.
pub async fn give_up(db: &Db, job: &Job, before: Timestamp, limit: u16) -> Result<usize, Error> {
    #[derive(FromRow)]
    struct GivenUp {
        id: Uuid,
        client_id: Option<Uuid>,
    }
    let mut tx = db.write(job, limit).await?;
    let given_up: Vec<GivenUp> = tx
        .query(
            "update photos p set status = 'rejected', rejected_because = $2
             where p.id in (
                 select o.id from photos o
                 where o.status = 'pending' and o.updated_at < $1 and o.agency_id = app.agency_id()
                   and o.deleted_at is null
                 order by o.id limit $3)
             returning p.id, coalesce(p.client_id, (
               select v.client_id from visits v where v.id = p.visit_id)) as client_id",
            &[&before, &NEVER_ARRIVED, &i64::from(limit)],
        )
        .await?;
    for GivenUp { id, client_id } in &given_up {
        tx.audit(AuditEntry::new("photo.give_up", "photo", *id, *client_id));
    }
    tx.commit().await?;
    Ok(given_up.len())
}
