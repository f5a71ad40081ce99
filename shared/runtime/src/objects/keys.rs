//! Where objects are, by section 3 of the product. Every key is ours to choose; nothing in it comes from a client but
//! ids.

use domain::{photo_kinds::PhotoKind, photos::Owner};
use uuid::Uuid;

/// What uploads are below.
pub const UPLOADS: &str = "uploads/";

/// Where a photo's upload goes.
#[must_use]
pub fn upload(photo_id: Uuid) -> String {
    format!("{UPLOADS}{photo_id}")
}

/// Below which keys the photos bucket keeps what is on a client, with their visits.
pub fn of_client(client: Uuid, visits: &[Uuid]) -> impl Iterator<Item = String> {
    std::iter::once(format!("clients/{client}/")).chain(visits.iter().map(|visit| format!("visits/{visit}/")))
}

/// Below which keys the documents bucket keeps what is on a client.
#[must_use]
pub fn documents_of_client(client: Uuid) -> String {
    format!("care-plans/{client}/")
}

/// Whose upload is at a key.
#[must_use]
pub fn photo_of_upload(key: &str) -> Option<Uuid> {
    key.strip_prefix(UPLOADS)?.parse().ok()
}

/// Where the clean copy of a photo goes, without its extension. None where that kind can't have that owner.
#[must_use]
pub fn clean_copy(kind: PhotoKind, owner: Owner, photo_id: Uuid) -> Option<String> {
    match (kind, owner) {
        (PhotoKind::Photo, Owner::Client(client)) => Some(format!("clients/{client}/photos/{photo_id}")),
        (PhotoKind::Photo, Owner::Visit(visit)) => Some(format!("visits/{visit}/photos/{photo_id}")),
        (PhotoKind::Signature, Owner::Visit(visit)) => Some(format!("visits/{visit}/signature")),
        (PhotoKind::Profile, Owner::Client(client)) => Some(format!("clients/{client}/profile")),
        (PhotoKind::Profile, Owner::User(user)) => Some(format!("users/{user}/profile")),
        // In the documents bucket.
        (PhotoKind::Document, Owner::Client(client)) => Some(format!("care-plans/{client}/{photo_id}")),
        _ => None,
    }
}
