//! The audit log's proof: rows are sealed into a chain, the chain's newest link is put each day where nobody can change
//! it, and the whole is computed anew to see that it holds.

use std::collections::{BTreeSet, HashSet};

use domain::error::Error;
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use store::tables::audit_chain::{self, Check, Link};

use crate::{Jobs, Report, Run, agencies, anchors::Anchor};

/// Links a statement.
const BATCH: i32 = 5_000;
/// Anchors are made daily; links that wait for longer than two of them mean that none comes any more.
const STALE_AFTER: SignedDuration = SignedDuration::from_hours(50);

/// Hourly: seals what was written since.
pub(crate) async fn seal(jobs: &Jobs, run: &Run) -> Result<Report, Error> {
    let mut report = Report::default();
    agencies::batches(run, &mut report, "sealed", BATCH.unsigned_abs().into(), async || {
        Ok(audit_chain::seal(&jobs.db, BATCH).await?)
    })
    .await?;
    Ok(report)
}

/// Daily: seals, and anchors the newest link. A day's first anchor stands.
pub(crate) async fn anchor(jobs: &Jobs, run: &Run) -> Result<Report, Error> {
    let mut report = seal(jobs, run).await?;
    report.count("anchored", 0);
    if report.cut_off {
        return Ok(report);
    }
    let Some(link) = audit_chain::last(&jobs.db).await? else { return Ok(report) };
    // An anchor can't be taken back, so that none is written for a day to come.
    let at = run.now.min(Timestamp::now());
    let anchor = Anchor { number: link.number, hash: link.hash, anchored_at: at };
    let written = jobs.anchors.put(date(at), &anchor).await?;
    if written {
        audit_chain::record(&jobs.db, Check::Anchored, anchor.number, None).await?;
    }
    report.count("anchored", written.into());
    Ok(report)
}

/// Weekly, and by `make verify-audit`: computes all links anew, and compares them with the anchors.
///
/// # Errors
/// When the record was tampered with: a link doesn't hold, an anchor says otherwise or is missing, or rows are not
/// sealed; and when no anchor was made for two days.
pub(crate) async fn verify(jobs: &Jobs, run: &Run) -> Result<Report, Error> {
    let mut upto = 0;
    let outcome = verify_from_the_start(jobs, run, &mut upto).await;
    // What could not be computed says nothing of the chain; the alarm tells of that.
    match &outcome {
        Ok(report) if !report.cut_off => audit_chain::record(&jobs.db, Check::Verified, upto, None).await?,
        Err(Error::Internal(fault)) => {
            audit_chain::record(&jobs.db, Check::Verified, upto, Some(&fault.to_string())).await?;
        }
        _ => {}
    }
    outcome
}

async fn verify_from_the_start(jobs: &Jobs, run: &Run, upto: &mut i64) -> Result<Report, Error> {
    let mut report = Report::default();
    loop {
        if run.deadline.has_passed() {
            report.cut_off = true;
            break;
        }
        let verified = audit_chain::verify(&jobs.db, *upto, BATCH).await?;
        let moved = verified.upto != *upto;
        *upto = verified.upto;
        if let Some(broken) = verified.broken {
            return Err(tampered(&format!("the hash of link {broken} is wrong")));
        }
        if !moved {
            break;
        }
    }
    report.count("links", upto.unsigned_abs());
    compare(jobs, run, &mut report).await?;
    let unsealed = audit_chain::unsealed(&jobs.db).await?;
    if unsealed > 0 {
        return Err(Error::Internal(format!("{unsealed} audit log rows older than a day are not sealed").into()));
    }
    Ok(report)
}

/// Compares the chain with its anchors, and looks whether any is missing, or none came for too long.
async fn compare(jobs: &Jobs, run: &Run, report: &mut Report) -> Result<(), Error> {
    let anchors = jobs.anchors.all().await?;
    report.count("anchors", anchors.len() as u64);
    report.count("days_without_anchor", days_without(&anchors));
    let newest = anchors.iter().map(|anchor| anchor.number).max().unwrap_or(0);
    let there: HashSet<i64> = anchors.iter().map(|anchor| anchor.number).collect();
    let links: Vec<_> = anchors.into_iter().map(|Anchor { number, hash, .. }| Link { number, hash }).collect();
    if let Some(Link { number, .. }) = audit_chain::differing(&jobs.db, &links).await?.first() {
        return Err(tampered(&format!("link {number} differs from its anchor")));
    }
    if let Some(number) = audit_chain::anchored_numbers(&jobs.db).await?.iter().find(|number| !there.contains(number)) {
        return Err(tampered(&format!("the anchor of link {number} is missing")));
    }
    let now = run.now.min(Timestamp::now());
    match audit_chain::unanchored_since(&jobs.db, newest).await? {
        Some(since) if now.duration_since(since) > STALE_AFTER => {
            Err(Error::Internal(format!("the anchors are stale: links wait for one since {since}").into()))
        }
        _ => Ok(()),
    }
}

fn tampered(what: &str) -> Error {
    Error::Internal(format!("the audit log was tampered with: {what}").into())
}

/// How many days between the first anchor and the last have none. The job may have failed on one; each failure had its
/// alarm.
fn days_without(anchors: &[Anchor]) -> u64 {
    let days: BTreeSet<Date> = anchors.iter().map(|anchor| date(anchor.anchored_at)).collect();
    let Some((first, last)) = days.first().zip(days.last()) else { return 0 };
    let span = u64::try_from(first.duration_until(*last).as_hours() / 24 + 1).unwrap_or_default();
    span.saturating_sub(days.len() as u64)
}

/// Anchors are named by the day in UTC: they are of all agencies.
fn date(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}
