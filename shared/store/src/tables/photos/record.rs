//! A photo's record: as it is declared, as it is stored, and as it is shown.

use domain::{
    Versioned,
    identity::Role,
    photo_kinds::{MediaType, PhotoKind, PhotoStatus},
    photos::{Download, Owner, StoredObject},
    record_rules::{FOR_PHOTOS_ONLY, PLAUSIBLE_TIME, is_plausible_time, may_be_shared},
    validation::{Check, Faults},
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A photo before its bytes: what it is to be, exactly.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"visit_id": "0193a5b0-0000-7000-8000-0000000000a1", "kind": "photo",
    "content_type": "image/jpeg",
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
    /// The caption.
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
        faults.unless(!self.shared_with_family || may_be_shared(self.kind), "/shared_with_family", FOR_PHOTOS_ONLY);
        faults.unless(self.taken_at.is_none_or(is_plausible_time), "/taken_at", PLAUSIBLE_TIME);
        faults.unless(self.replaces.is_none() || self.kind == PhotoKind::Document, "/replaces", "is for documents");
    }
}

impl PhotoFields {
    /// Whom or what it is to belong to.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        Owner::of(self.client_id, self.visit_id, self.user_id)
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
    /// The caption.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub caption: Option<String>,
}

impl Check for PhotoDetailsFields {
    fn check(&self, faults: &mut Faults) {
        faults.unless(self.taken_at.is_none_or(is_plausible_time), "/taken_at", PLAUSIBLE_TIME);
    }
}

/// A photo's row.
#[derive(Clone, Debug, FromRow)]
pub struct PhotoRow {
    /// The photo's id.
    pub id: Uuid,
    /// Whose care it concerns; also where it belongs to a visit that is known.
    pub client_id: Option<Uuid>,
    /// The visit that it belongs to.
    pub visit_id: Option<Uuid>,
    /// The user whom it shows.
    pub user_id: Option<Uuid>,
    /// What it is for.
    pub kind: PhotoKind,
    /// The declared media type.
    pub content_type: String,
    /// The declared size in bytes.
    pub bytes: i64,
    /// SHA-256 of what was uploaded.
    pub sha256: Vec<u8>,
    /// The status.
    pub status: PhotoStatus,
    /// Why it was rejected.
    pub rejected_because: Option<String>,
    /// Whether it is shared on purpose.
    pub shared_with_family: bool,
    /// Whether a family may see it at this moment.
    pub shown_to_family: bool,
    /// The caption.
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
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000f7",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "visit_id": "0193a5b0-0000-7000-8000-0000000000a1", "user_id": null, "kind": "photo", "content_type": "image/jpeg",
    "bytes": 2_418_113, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "status": "stored",
    "rejected_because": null, "shared_with_family": false, "shown_to_family": false, "caption": "Left heel, day 3",
    "taken_at": "2026-11-20T14:30:00Z", "version": 1, "replaces": null, "has_thumbnail": true, "download": null,
    "created_by": "0193a5b0-0000-7000-8000-000000000003", "created_at": "2026-11-20T14:31:02Z",
    "updated_at": "2026-11-20T14:31:09Z"}))]
pub struct Photo {
    /// The photo's id.
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
    /// The status.
    pub status: PhotoStatus,
    /// Why it was rejected.
    pub rejected_because: Option<String>,
    /// Whether it is shared with the family on purpose.
    pub shared_with_family: bool,
    /// Whether a family may see it at this moment: it is shared, the client's consents stand, and it was drawn anew.
    pub shown_to_family: bool,
    /// The caption.
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
            sha256: staff.then(|| hex::encode(&self.sha256)),
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

impl PhotoRow {
    /// When it was taken, or made where that is not known: what lists are ordered by.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.taken_at.unwrap_or(self.created_at)
    }
}
