//! What photos are for, what they are made of, and where they stand.

use crate::limits::{DOCUMENT_BYTES, PICTURE_BYTES};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{text_enum, text_sql};

text_enum! {
    /// What it is for.
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
}

text_enum! {
    /// A photo's status.
    #[schema(example = "stored")]
    pub enum PhotoStatus {
        /// Nothing has arrived yet, or what did is not reviewed yet.
        Pending,
        /// It is there, and good.
        Stored,
        /// What arrived is not acceptable, or nothing did.
        Rejected,
    }
}

/// What may be uploaded.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    ToSchema,
    strum::EnumIter,
    strum::EnumString,
    strum::IntoStaticStr,
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
text_sql!(MediaType);

impl MediaType {
    /// How many bytes an upload may have: 15 MB for images, 25 MB for PDF.
    #[must_use]
    pub fn max_bytes(self) -> i64 {
        if self == Self::Pdf { DOCUMENT_BYTES } else { PICTURE_BYTES }
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
