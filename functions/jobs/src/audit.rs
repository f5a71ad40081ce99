//! The audit log's proof: rows are sealed into a chain, the chain's newest link is put each day where nobody can change
//! it, and the whole is computed anew to see that it holds.

use domain::error::Error;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use store::tables::audit_chain::{self, Link};

use crate::{Jobs, Report, Run, agencies, anchors::Anchor};

/// Links a statement.
const BATCH: i32 = 5_000;

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
    report.count("anchored", written.into());
    Ok(report)
}

/// Weekly, and by `make verify-audit`: computes all links anew, and compares them with the anchors.
///
/// # Errors
/// When the record was tampered with: a link doesn't hold, an anchor says otherwise, or rows are not sealed.
pub(crate) async fn verify(jobs: &Jobs, run: &Run) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut upto = 0;
    loop {
        if run.deadline.has_passed() {
            report.cut_off = true;
            break;
        }
        let verified = audit_chain::verify(&jobs.db, upto, BATCH).await?;
        if let Some(broken) = verified.broken {
            return Err(Error::Internal(
                format!("the audit log was tampered with: the hash of link {broken} is wrong").into(),
            ));
        }
        if verified.upto == upto {
            break;
        }
        upto = verified.upto;
    }
    report.count("links", upto.unsigned_abs());
    compare(jobs, &mut report).await?;
    let unsealed = audit_chain::unsealed(&jobs.db).await?;
    if unsealed > 0 {
        return Err(Error::Internal(format!("{unsealed} audit log rows older than a day are not sealed").into()));
    }
    Ok(report)
}

async fn compare(jobs: &Jobs, report: &mut Report) -> Result<(), Error> {
    let anchors = jobs.anchors.all().await?;
    report.count("anchors", anchors.len() as u64);
    let links: Vec<_> = anchors.into_iter().map(|Anchor { number, hash, .. }| Link { number, hash }).collect();
    match audit_chain::differing(&jobs.db, &links).await?.first() {
        None => Ok(()),
        Some(link) => {
            let number = link.number;
            Err(Error::Internal(
                format!("the audit log was tampered with: link {number} differs from its anchor").into(),
            ))
        }
    }
}

/// Anchors are named by the day in UTC: they are of all agencies.
fn date(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}
