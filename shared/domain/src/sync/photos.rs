//! What a phone may write of photos: the rules of `POST /photos`, and of row-level security (`policies/photos.sql`), which would
//! otherwise refuse a whole push for one record.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    judge::{Author, Row, Surroundings, id},
    permits::NOT_YOURS,
};
use crate::{
    identity::Role,
    photo_kinds::{MediaType, PhotoKind},
};

/// Judges a photo that a phone makes.
///
/// # Errors
/// Why it is refused.
pub(super) fn may_create(row: &Row, author: &Author, around: &Surroundings) -> Result<(), String> {
    let kind = word::<PhotoKind>(row, "kind").ok_or("its kind is not known")?;
    let media_type = word::<MediaType>(row, "content_type").ok_or("only JPEG, PNG, WebP, HEIC and PDF are taken")?;
    let bytes = row.get("bytes").and_then(Value::as_i64).unwrap_or(0);
    if !kind.takes(media_type) {
        return Err(format!("{} is not for this kind", <&str>::from(media_type)));
    }
    if !(1..=media_type.max_bytes()).contains(&bytes) {
        return Err(format!("bytes must be between 1 and {}", media_type.max_bytes()));
    }
    may_write(row, kind, author, around)
}

/// Judges a change of a photo's caption, its sharing or its time, or its removal. That its owner is in sight is known.
///
/// # Errors
/// Why it is refused.
pub(super) fn may_change(row: &Row, author: &Author, around: &Surroundings) -> Result<(), String> {
    let kind = word::<PhotoKind>(row, "kind").ok_or("its kind is not known")?;
    let visit = id(row, "visit_id").and_then(|visit| around.visits.get(&visit));
    let anothers_picture = id(row, "user_id").is_some_and(|user| user != author.user_id);
    let mine = author.role.sees_agency() || id(row, "created_by") == Some(author.user_id);
    if !mine || anothers_picture {
        return Err(NOT_YOURS.into());
    }
    match kind {
        PhotoKind::Document if author.role == Role::CareAide => Err("documents are for nurses".into()),
        PhotoKind::Signature if visit.is_some_and(|visit| !signs(author, visit.user_id)) => Err(NOT_YOURS.into()),
        PhotoKind::Signature
            if visit.is_some_and(|visit| visit.completed) && row.get("status") == Some(&json!("stored")) =>
        {
            Err("the visit is signed and completed".into())
        }
        _ => Ok(()),
    }
}

fn may_write(row: &Row, kind: PhotoKind, author: &Author, around: &Surroundings) -> Result<(), String> {
    let not_yours = || Err(NOT_YOURS.to_owned());
    let owners = [id(row, "client_id"), id(row, "visit_id"), id(row, "user_id")];
    match (kind, owners) {
        (PhotoKind::Document, [Some(_), None, None]) if author.role == Role::CareAide => {
            Err("documents are for nurses".into())
        }
        (PhotoKind::Photo | PhotoKind::Profile | PhotoKind::Document, [Some(client), None, None]) => {
            if around.clients.contains(&client) { Ok(()) } else { not_yours() }
        }
        (PhotoKind::Photo | PhotoKind::Signature, [None, Some(visit), None]) => match around.visits.get(&visit) {
            Some(of) if kind == PhotoKind::Signature && !signs(author, of.user_id) => not_yours(),
            // A photo may come before its visit; one that is there, and out of sight, is somebody else's.
            None if around.hidden_visits.contains(&visit) => not_yours(),
            Some(_) | None => Ok(()),
        },
        (PhotoKind::Profile, [None, None, Some(user)]) if user == author.user_id => Ok(()),
        (PhotoKind::Profile, [None, None, Some(_)]) => not_yours(),
        _ => Err("a photo belongs to a client or a visit, a signature to a visit, a profile picture to a client or \
                  a user, and a document to a client"
            .into()),
    }
}

fn signs(author: &Author, caregiver: Uuid) -> bool {
    author.role.sees_agency() || author.user_id == caregiver
}

fn word<T: std::str::FromStr>(row: &Row, name: &str) -> Option<T> {
    row.get(name)?.as_str()?.parse().ok()
}
