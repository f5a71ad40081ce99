//! From an upload to a clean copy, or to the reason why there is none. It is done in the function's
//! own name, when the phone or S3 says that the file is there, whichever comes first; twice at once does no harm.

use aws_lc_rs::digest;
use domain::{
    error::{Conflict, Error},
    identity::UploadReview,
    photo_kinds::{MediaType, PhotoKind},
    photos::StoredObject,
};
use runtime::objects::{Arrived, Objects, keys};
use store::tables::photos::{self, Expected, PhotoRow, Stored, StoredCopies};
use uuid::Uuid;

use crate::{
    Photos,
    clean::{self, Clean, Rejection},
};

/// Reviews what was uploaded for a photo, unless that was done before, and answers the photo as it is then.
///
/// # Errors
/// [`Conflict::NotArrived`] where nothing was uploaded yet; [`Error::NotFound`] where the photo was removed.
pub(crate) async fn process_upload(photos: &Photos, reviewer: UploadReview, id: Uuid) -> Result<PhotoRow, Error> {
    let db = &photos.app.db;
    if let Some(expected) = photos::expected(db, &reviewer, id).await? {
        let key = keys::upload(id);
        match photos.images.get(&key).await? {
            Some(arrived) => take(photos, reviewer, &expected, arrived).await?,
            // Whoever reviewed it first has removed it.
            None if photos::expected(db, &reviewer, id).await?.is_some() => {
                return Err(Error::Conflict(Conflict::NotArrived));
            }
            None => {}
        }
    }
    photos::as_reviewed(db, &reviewer, id).await?.ok_or(Error::NotFound)
}

async fn take(photos: &Photos, reviewer: UploadReview, expected: &Expected, arrived: Arrived) -> Result<(), Error> {
    let version = arrived.version();
    let reason = match review(expected, arrived).await? {
        Ok(clean) => keep(photos, reviewer, expected, clean).await?,
        Err(rejection) => Some(rejection.to_string()),
    };
    match reason {
        // What was uploaded is left for the sweep, should a person have to look at it; nobody can fetch it.
        Some(reason) => {
            let mut tx = photos.app.db.write(&reviewer).await?;
            photos::reject(&mut tx, expected.id, &reason).await?;
            Ok(tx.commit().await?)
        }
        // Where it was taken is in there.
        None => photos.images.delete(&keys::upload(expected.id), version).await,
    }
}

/// Checks what arrived against what was declared, then what it is.
async fn review(expected: &Expected, arrived: Arrived) -> Result<Result<Clean, Rejection>, Error> {
    // Before anything is read: the store holds uploads to these terms, but not one that somebody else wrote.
    if arrived.length != expected.bytes {
        return Ok(Err(Rejection::OtherLength));
    }
    if arrived.content_type != expected.content_type {
        return Ok(Err(Rejection::OtherType));
    }
    let Ok(declared) = expected.content_type.parse::<MediaType>() else { return Ok(Err(Rejection::UnknownType)) };
    if !expected.kind.takes(declared) || expected.bytes > declared.max_bytes() {
        return Ok(Err(Rejection::NotOfItsKind));
    }
    let bytes = arrived.read().await?;
    if digest::digest(&digest::SHA256, &bytes).as_ref() != expected.sha256 {
        return Ok(Err(Rejection::OtherChecksum));
    }
    let kind = expected.kind;
    // A decoder that panics on what somebody made up takes only this upload with it.
    Ok(tokio::task::spawn_blocking(move || clean::clean(kind, declared, bytes))
        .await
        .unwrap_or(Err(Rejection::Unreadable)))
}

/// Writes the copies, then the record. Answers why it can't be kept, where it can't.
async fn keep(
    photos: &Photos,
    reviewer: UploadReview,
    expected: &Expected,
    clean: Clean,
) -> Result<Option<String>, Error> {
    // A visit has one place for its signature: what isn't attached to the visit stays out of it.
    let place = if expected.attached { expected.kind } else { PhotoKind::Photo };
    let Some(key) = expected.owner().and_then(|owner| keys::clean_copy(place, owner, expected.id)) else {
        return Ok(Some(Rejection::NotOfItsKind.to_string()));
    };
    let bucket = if expected.kind == PhotoKind::Document { &photos.documents } else { &photos.images };
    let bytes = i64::try_from(clean.bytes.len()).unwrap_or(i64::MAX);
    let object = bucket.put(&format!("{key}.{}", clean.extension), clean.media_type.into(), clean.bytes).await?;
    let thumbnail = match clean.thumbnail {
        Some(thumbnail) => Some(bucket.put(&format!("{key}.thumb.jpg"), MediaType::Jpeg.into(), thumbnail).await?),
        None => None,
    };
    let kept = StoredCopies { object, bytes, thumbnail, redrawn: clean.redrawn };
    let mut tx = photos.app.db.write(&reviewer).await?;
    match photos::store(&mut tx, expected, &kept).await? {
        Stored::Done => {
            tx.commit().await?;
            Ok(None)
        }
        Stored::AlreadyReviewed => forget(bucket, kept).await.map(|()| None),
        Stored::Refused(reason) => forget(bucket, kept).await.map(|()| Some(reason.to_owned())),
    }
}

/// Removes copies that no record names. Only by version: without versions, whoever was first wrote the same bytes
/// there.
async fn forget(bucket: &Objects, kept: StoredCopies) -> Result<(), Error> {
    for StoredObject { key, version, .. } in [Some(kept.object), kept.thumbnail].into_iter().flatten() {
        if version.is_some() {
            bucket.delete(&key, version).await?;
        }
    }
    Ok(())
}
