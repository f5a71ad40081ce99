//! What is kept for a while only, and removed for good afterwards: `app.delete_expired_rows` says how long.

use domain::identity::JobIdentity;
use jiff::Timestamp;
use postgres_from_row::FromRow;

use crate::{Db, DbError};

/// A table whose rows are kept for a while only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RetentionTable {
    /// What devices pushed and the server could not take: 90 days.
    SyncQuarantine,
}

#[derive(FromRow)]
struct Removed {
    rows: i64,
}

/// Removes the oldest rows that have outlived their time by `now`, and by the database's own clock. Answers how many;
/// at most `limit`.
pub async fn remove(
    db: &Db,
    job: &JobIdentity,
    what: RetentionTable,
    now: Timestamp,
    limit: i32,
) -> Result<u64, DbError> {
    let table = <&str>::from(what);
    let removed: Option<Removed> =
        db.read_opt(job, "select app.delete_expired_rows($1, $2, $3) as rows", &[&table, &now, &limit]).await?;
    Ok(removed.map_or(0, |removed| removed.rows.unsigned_abs()))
}
