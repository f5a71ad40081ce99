//! The audit log's chain: each row sealed by a hash over it and the one before, so that none can be altered, removed or
//! slipped in without all later hashes changing. What a link is a digest of: `app.audit_text`.

use postgres_from_row::FromRow;

use crate::{Db, DbError};

/// One link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its place: 1 for the first.
    pub number: i64,
    /// Its SHA-256, in hexadecimal.
    pub hash: String,
}

#[derive(FromRow)]
struct Count {
    rows: i64,
}

#[derive(FromRow)]
struct Last {
    number: i64,
    hash: String,
}

#[derive(FromRow)]
struct Hashes {
    hashes: Vec<Option<String>>,
}

/// How far the chain was computed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Verified {
    /// The last link that holds.
    pub upto: i64,
    /// The first that doesn't: its row was altered or is gone, or a link is missing.
    pub broken: Option<i64>,
}

/// Seals at most `limit` rows, of all agencies and of none. Answers how many.
pub async fn seal(db: &Db, limit: i32) -> Result<u64, DbError> {
    let sealed: Option<Count> = db.call("select app.seal_audit($1) as rows", &[&limit]).await?;
    Ok(sealed.map_or(0, |sealed| sealed.rows.unsigned_abs()))
}

/// The newest link.
pub async fn last(db: &Db) -> Result<Option<Link>, DbError> {
    let last: Option<Last> =
        db.call("select number, encode(hash, 'hex') as hash from app.last_audit_link()", &[]).await?;
    Ok(last.map(|Last { number, hash }| Link { number, hash }))
}

/// Computes at most `limit` links anew, after number `after`.
pub async fn verify(db: &Db, after: i64, limit: i32) -> Result<Verified, DbError> {
    let verified = db.call("select upto, broken from app.verify_audit($1, $2)", &[&after, &limit]).await?;
    Ok(verified.unwrap_or(Verified { upto: after, broken: None }))
}

/// Those of `links` that the chain doesn't hold as they are here.
pub async fn differing(db: &Db, links: &[Link]) -> Result<Vec<Link>, DbError> {
    let numbers: Vec<i64> = links.iter().map(|link| link.number).collect();
    let stored: Option<Hashes> = db.call("select hashes from app.audit_hashes($1)", &[&numbers]).await?;
    let stored = stored.map(|stored| stored.hashes).unwrap_or_default();
    let holds = |(place, link): &(usize, &Link)| stored.get(*place).and_then(Option::as_ref) == Some(&link.hash);
    Ok(links.iter().enumerate().filter(|found| !holds(found)).map(|(_, link)| link.clone()).collect())
}

/// How many rows are older than a day and not sealed: slipped in afterwards, or sealing has stopped.
pub async fn unsealed(db: &Db) -> Result<u64, DbError> {
    let unsealed: Option<Count> = db.call("select app.unsealed_audit() as rows", &[]).await?;
    Ok(unsealed.map_or(0, |unsealed| unsealed.rows.unsigned_abs()))
}
