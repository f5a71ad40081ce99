//! Makes an upload safe to give out, or says why it can't be.
//!
//! JPEG, PNG and WebP are decoded and drawn anew, so that of the file nothing is left but its pixels. There is no
//! decoder of HEIC in safe Rust: such a file keeps its bytes, but for its metadata, and is never shown to a family. PDF
//! stays as it is, and is refused where it would do anything but be read.

mod heic;
mod jpeg;
mod pdf;
mod picture;
mod polyglot;

use domain::photo_kinds::{MediaType, PhotoKind};

/// How many pixels an image may have: what the largest sensors of phones give without being asked for more (8192 x
/// 6144). At three bytes each, twice over while it is turned upright, that is 302 MB.
pub const MAX_PIXELS: u64 = 8192 * 6144;

/// Three bytes for each pixel, and as many again for what a decoder needs on its way.
const MOST_MEMORY: u64 = 6 * MAX_PIXELS;

/// A copy that may be given out.
#[derive(Debug)]
pub struct Clean {
    /// What is stored and given out.
    pub bytes: Vec<u8>,
    /// Its media type: JPEG for photos, whatever they came as, but HEIC.
    pub media_type: MediaType,
    /// What its key ends with.
    pub extension: &'static str,
    /// The same in at most 400 pixels each way, as JPEG.
    pub thumbnail: Option<Vec<u8>>,
    /// Whether it was drawn anew from its pixels.
    pub redrawn: bool,
}

/// Why an upload is rejected, as its author reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It has another length than declared.
    #[error("the file's size is not the declared one")]
    OtherLength,
    /// It was sent as another type than declared.
    #[error("the file's type is not the declared one")]
    OtherType,
    /// It has another digest than declared.
    #[error("the file's SHA-256 is not the declared one")]
    OtherChecksum,
    /// Its first bytes are another type's than declared.
    #[error("the file is not {0}")]
    NotWhatItSays(&'static str),
    /// It is of a type that is not taken at all.
    #[error("only JPEG, PNG, WebP, HEIC and PDF are accepted")]
    UnknownType,
    /// Its kind takes other types or has other owners.
    #[error("records of this kind can't have this type, size or owner")]
    NotOfItsKind,
    /// It is a file of another type as well.
    #[error("the file is also {0}")]
    Disguised(&'static str),
    /// It has more pixels than are taken.
    #[error("the picture has more than 50 megapixels")]
    TooManyPixels,
    /// It is coded in a way that takes more memory than there is.
    #[error("the picture is a progressive JPEG that is too large: send a baseline JPEG, or a smaller one")]
    TooMuchMemory,
    /// It breaks off, or can't be read for another reason.
    #[error("the file is damaged or incomplete")]
    Unreadable,
    /// It does something of its own, or carries something else.
    #[error("the PDF has {0}: print it to a new PDF, and send that")]
    Active(&'static str),
    /// It needs a password.
    #[error("the file is encrypted")]
    Encrypted,
}

/// Makes the copy of an upload of which length and digest are right. Takes time and memory: call it off the runtime.
///
/// # Errors
/// Why there can be none.
pub fn clean(kind: PhotoKind, declared: MediaType, upload: Vec<u8>) -> Result<Clean, Rejection> {
    if !begins_as(declared, &upload) {
        return Err(Rejection::NotWhatItSays(name(declared)));
    }
    if let Some(other) = polyglot::also(declared, &upload) {
        return Err(Rejection::Disguised(other));
    }
    match declared {
        MediaType::Jpeg | MediaType::Png | MediaType::Webp if kind == PhotoKind::Signature => {
            picture::signature(declared, upload)
        }
        MediaType::Jpeg | MediaType::Png | MediaType::Webp => picture::photo(declared, upload),
        MediaType::Heic => {
            let bytes = heic::scrub(upload)?;
            Ok(Clean { bytes, media_type: declared, extension: "heic", thumbnail: None, redrawn: false })
        }
        MediaType::Pdf => {
            pdf::check(&upload)?;
            Ok(Clean { bytes: upload, media_type: declared, extension: "pdf", thumbnail: None, redrawn: false })
        }
    }
}

/// Whether a file begins as its type must.
fn begins_as(media_type: MediaType, file: &[u8]) -> bool {
    match media_type {
        MediaType::Jpeg => file.starts_with(b"\xff\xd8\xff"),
        MediaType::Png => file.starts_with(b"\x89PNG\r\n\x1a\n"),
        MediaType::Webp => file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP"),
        MediaType::Heic => heic::begins_as_heic(file),
        MediaType::Pdf => file.starts_with(b"%PDF-"),
    }
}

fn name(media_type: MediaType) -> &'static str {
    match media_type {
        MediaType::Jpeg => "a JPEG",
        MediaType::Png => "a PNG",
        MediaType::Webp => "a WebP",
        MediaType::Heic => "a HEIC",
        MediaType::Pdf => "a PDF",
    }
}
