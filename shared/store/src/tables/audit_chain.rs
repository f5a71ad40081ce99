//! The audit log's chain: each row sealed by a hash over it and the one before, so that none can be altered, removed or
//! slipped in without all later hashes changing. What a link is a digest of: `app.audit_text`.

use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Db, DbError, Identity};

/// A link of the chain: the hash of some rows of the log and of the link before.
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

/// What was done to prove the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Check {
    /// Its newest link was put where nobody can change it.
    Anchored,
    /// It was computed anew.
    Verified,
}

/// Notes that the chain was anchored or verified, up to which link, and what was wrong.
pub async fn record(db: &Db, check: Check, number: i64, fault: Option<&str>) -> Result<(), DbError> {
    let kind = <&str>::from(check);
    let fault = fault.map(|text| text.chars().take(500).collect::<String>());
    db.call::<crate::NoRow>("select app.record_audit_check($1, $2, $3)", &[&kind, &number, &fault]).await?;
    Ok(())
}

/// Since when links after this one wait to be anchored.
pub async fn unanchored_since(db: &Db, number: i64) -> Result<Option<Timestamp>, DbError> {
    #[derive(FromRow)]
    struct Waiting {
        since: Option<Timestamp>,
    }
    let waiting: Option<Waiting> = db.call("select app.unanchored_since($1) as since", &[&number]).await?;
    Ok(waiting.and_then(|waiting| waiting.since))
}

/// The links that were anchored, by what the database remembers.
pub async fn anchored_numbers(db: &Db) -> Result<Vec<i64>, DbError> {
    #[derive(FromRow)]
    struct Numbers {
        numbers: Vec<i64>,
    }
    let row: Option<Numbers> = db.call("select numbers from app.anchored_numbers()", &[]).await?;
    Ok(row.map(|row| row.numbers).unwrap_or_default())
}

/// How far the audit log is proven.
#[derive(Clone, Debug, Default, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"sealed_to": 48120,
    "sealed_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "sealed_at": "2026-11-20T14:00:04Z", "anchored_to": 47990, "anchored_at": "2026-11-20T09:00:03Z",
    "verified_to": 46200, "verified_at": "2026-11-18T09:30:41Z", "fault": null}))]
pub struct ChainState {
    /// The newest link; later lines of the log are not sealed yet.
    pub sealed_to: Option<i64>,
    /// Its SHA-256, in hexadecimal.
    pub sealed_hash: Option<String>,
    /// When it was made.
    pub sealed_at: Option<Timestamp>,
    /// The newest link that was put where nobody can change it.
    pub anchored_to: Option<i64>,
    /// When.
    pub anchored_at: Option<Timestamp>,
    /// The last link that held when the chain was last computed anew.
    pub verified_to: Option<i64>,
    /// When that was.
    pub verified_at: Option<Timestamp>,
    /// What was wrong then; null where nothing was.
    pub fault: Option<String>,
}

/// How far the audit log is proven; and that somebody asked.
pub async fn state(db: &Db, who: &impl Identity) -> Result<ChainState, DbError> {
    let state: Option<ChainState> = db
        .read_opt(
            who,
            "with logged as (insert into audit_log (action, resource) values ('audit.chain', 'audit'))
             select * from app.audit_chain_state()",
            &[],
        )
        .await?;
    Ok(state.unwrap_or_default())
}
