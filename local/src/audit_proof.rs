//! Proves the audit log from a copy of the database and the anchors alone: `make verify-audit` with `DATABASE_URL` and
//! `ANCHORS`.
//!
//! Nothing of the database is believed but its rows: links are computed here, by the rule that `app.audit_text` has,
//! written down once more, since whoever changed rows could have changed that function too.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use runtime::lambda::Fatal;
use serde::Deserialize;
use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

/// A link that was put where nobody can change it: a file of the bucket.
#[derive(Clone, Debug, Deserialize)]
pub struct Anchor {
    /// The link's number.
    pub number: i64,
    /// Its SHA-256, in hexadecimal.
    pub hash: String,
    /// When it was the newest.
    pub anchored_at: Timestamp,
}

/// What was proven, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// How many links hold.
    pub links: i64,
    /// How many anchors say the same.
    pub anchors: usize,
    /// Days between the first anchor and the last that have none: a job failed, or somebody kept an anchor back.
    pub days_without_anchor: i64,
    /// Everything that is wrong; nothing where the log is untouched.
    pub faults: Vec<String>,
}

/// Links a query.
const BATCH: i64 = 5_000;
/// As long as the database itself keeps rows of the log; of older ones the links are left.
const KEPT_YEARS: i64 = 10;
/// Anchors are made daily.
const STALE_AFTER: SignedDuration = SignedDuration::from_hours(50);

const LINKS: &str = r#"
    select c.number, c.hash, c.audit_id, jsonb_build_array(a.id, a.agency_id,
      to_char(a.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), a.actor_id, a.device_id, a.action,
      a.resource, a.resource_id, a.client_id, a.request_id, host(a.source_ip), a.details)::text, a.id is not null,
      c.sealed_at
    from public.audit_chain c left join public.audit_log a on a.id = c.audit_id
    where c.number > $1 order by c.number limit $2"#;
const UNSEALED: &str = "
    select count(*) from public.audit_log a where a.at < now() - interval '1 day'
      and not exists (select from public.audit_chain c where c.audit_id = a.id)";

/// The anchors that lie in a folder: each file ending in `.json`, at any depth.
///
/// # Errors
/// Where a file can't be read, or is no anchor.
pub fn anchors(folder: &Path) -> Result<Vec<Anchor>, Fatal> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(anchors(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            let anchor = serde_json::from_slice(&fs::read(&path)?);
            found.push(anchor.map_err(|error| format!("{} is no anchor: {error}", path.display()))?);
        }
    }
    Ok(found)
}

/// Computes every link anew, and compares the chain with its anchors.
///
/// # Errors
/// Where the database can't be asked.
pub async fn prove(database: &Client, anchors: &[Anchor], now: Timestamp) -> Result<Proof, Fatal> {
    let mut proof = Proof::default();
    let mut waiting: Vec<&Anchor> = anchors.iter().collect();
    waiting.sort_by_key(|anchor| anchor.number);
    let newest = waiting.last().map_or(0, |anchor| anchor.number);
    let mut waiting = waiting.into_iter().peekable();
    let mut previous: Vec<u8> = Vec::new();
    let mut unanchored_since: Option<Timestamp> = None;
    'chain: loop {
        let after = proof.links;
        let rows = database.query_typed(LINKS, &[(&after, Type::INT8), (&BATCH, Type::INT8)]).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let (number, hash): (i64, Vec<u8>) = (row.get(0), row.get(1));
            let computed = row.get::<_, bool>(4).then(|| link(&previous, row.get(3)));
            let holds = match &computed {
                Some(computed) => *computed == hash,
                None => forgotten_in_time(row.get(2), now),
            };
            if number != proof.links + 1 || !holds {
                proof.faults.push(format!("link {} doesn't hold: its row was altered, or is gone", proof.links + 1));
                break 'chain;
            }
            while let Some(anchor) = waiting.next_if(|anchor| anchor.number <= number) {
                if anchor.number == number && anchor.hash == hex(&hash) {
                    proof.anchors += 1;
                } else {
                    proof.faults.push(format!("link {} differs from its anchor", anchor.number));
                }
            }
            if number > newest {
                unanchored_since = unanchored_since.or(Some(row.get(5)));
            }
            proof.links = number;
            previous = hash;
        }
    }
    proof.faults.extend(waiting.map(|anchor| format!("link {} is anchored, and not in the chain", anchor.number)));
    if let Some(since) = unanchored_since.filter(|since| now.duration_since(*since) > STALE_AFTER) {
        proof.faults.push(format!("the anchors are stale: links wait for one since {since}"));
    }
    proof.days_without_anchor = days_without(anchors);
    let unsealed: i64 = database.query_typed(UNSEALED, &[]).await?.first().map_or(0, |row| row.get(0));
    if unsealed > 0 {
        proof.faults.push(format!("{unsealed} rows older than a day are in no link: slipped in, or sealing stopped"));
    }
    Ok(proof)
}

fn link(previous: &[u8], text: &str) -> Vec<u8> {
    digest(&SHA256, &[previous, text.as_bytes()].concat()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether the row of this id was old enough to be forgotten.
fn forgotten_in_time(id: Uuid, now: Timestamp) -> bool {
    let Some((seconds, _)) = id.get_timestamp().map(|time| time.to_unix()) else { return false };
    let written = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let kept_from = now.to_zoned(TimeZone::UTC).checked_sub(KEPT_YEARS.years()).map(|from| from.timestamp());
    written.zip(kept_from.ok()).is_some_and(|(written, kept_from)| written < kept_from)
}

fn days_without(anchors: &[Anchor]) -> i64 {
    let days: BTreeSet<_> = anchors.iter().map(|anchor| anchor.anchored_at.to_zoned(TimeZone::UTC).date()).collect();
    let Some((first, last)) = days.first().zip(days.last()) else { return 0 };
    first.duration_until(*last).as_hours() / 24 + 1 - i64::try_from(days.len()).unwrap_or(i64::MAX)
}
