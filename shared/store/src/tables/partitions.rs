//! The partitions of tables that grow for ever: a month each, of all agencies. How long they are kept says
//! `app.kept_for`.

use jiff::Timestamp;
use postgres_from_row::FromRow;

use crate::{Db, DbError};

#[derive(FromRow)]
struct Count {
    partitions: i64,
}

/// Makes this month's and the next ones' partitions where they are missing, and answers how many.
pub async fn make(db: &Db, now: Timestamp) -> Result<u64, DbError> {
    count(db, "select app.make_partitions($1) as partitions", now).await
}

/// Drops the oldest partition that was old enough by `now`, by the database's own clock, and announced an hour ago;
/// announces those that have become so. Answers how many were dropped: none or one. Phones that need older tombstones
/// than are kept start again.
pub async fn forget(db: &Db, now: Timestamp) -> Result<u64, DbError> {
    count(db, "select app.forget_partition($1) as partitions", now).await
}

/// Notes where the agencies' change counters stand, so that what was logged since is looked for in few partitions.
pub async fn read_counters(db: &Db) -> Result<(), DbError> {
    db.call::<Count>("select app.read_counters() as partitions", &[]).await?;
    Ok(())
}

async fn count(db: &Db, statement: &'static str, now: Timestamp) -> Result<u64, DbError> {
    let done: Option<Count> = db.call(statement, &[&now]).await?;
    Ok(done.map_or(0, |done| done.partitions.unsigned_abs()))
}
