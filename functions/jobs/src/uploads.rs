//! Photos whose upload never arrived, and uploads that belong to no photo.

use domain::{error::Error, identity::JobIdentity, limits::UPLOAD_DAYS};
use jiff::{Timestamp, ToSpan};
use runtime::objects::{Objects, keys};
use store::{Db, tables::photos};

/// How many photos are given up in one transaction, which holds the agency's write lock.
const AT_ONCE: u16 = 200;

/// Gives up the photos of one agency of which nothing came within seven days of their last change, and answers how
/// many. A phone that asks for such an upload again gets it.
///
/// Safe to run twice, at the same time, and after it was cut off: each batch is a transaction of its own.
pub async fn give_up_on_missing(db: &Db, agency: &JobIdentity, now: Timestamp) -> Result<usize, Error> {
    let mut given_up = 0;
    loop {
        let mut tx = db.write_many(agency, AT_ONCE).await?;
        let batch = photos::give_up(&mut tx, a_week_before(now), AT_ONCE).await?;
        tx.commit().await?;
        given_up += batch;
        if batch < usize::from(AT_ONCE) {
            return Ok(given_up);
        }
    }
}

/// Removes for good, from the photos bucket, what was uploaded more than seven days ago and is still there: what was
/// rejected, or belongs to a record that was removed. Answers how many objects that were. For all agencies at once,
/// since an upload's key names none.
///
/// Safe to run twice, at the same time, and after it was cut off.
pub async fn sweep(photos: &Objects, now: Timestamp) -> Result<usize, Error> {
    photos.delete_older(keys::UPLOADS, a_week_before(now)).await
}

fn a_week_before(now: Timestamp) -> Timestamp {
    now - (24 * UPLOAD_DAYS).hours()
}
