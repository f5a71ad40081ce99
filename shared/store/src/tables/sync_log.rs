//! The log of changes: written by triggers (`app.log_inserts`, `app.log_updates`), and kept for 180 days.

use domain::identity::JobIdentity;
use jiff::Timestamp;
use postgres_from_row::FromRow;

use crate::{Db, DbError};

#[derive(FromRow)]
struct Forgotten {
    changes: i64,
}

/// Forgets the oldest changes that were 180 days old by `now`, and by the database's own clock: at most `limit`.
/// Answers how many there were; where fewer, no more are old. Phones that need older tombstones than are kept start
/// again.
pub async fn forget(db: &Db, job: &JobIdentity, now: Timestamp, limit: i32) -> Result<u64, DbError> {
    let forgotten: Option<Forgotten> =
        db.read_opt(job, "select app.delete_old_changes($1, $2) as changes", &[&now, &limit]).await?;
    Ok(forgotten.map_or(0, |forgotten| forgotten.changes.unsigned_abs()))
}
