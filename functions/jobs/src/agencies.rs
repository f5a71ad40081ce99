//! Runs a job's work for each agency in turn.

use domain::error::Error;
use runtime::Chain;
use store::tables::agencies::{self, Agency};

use crate::{Jobs, Report, Run};

/// Does `work` for each agency. One that fails doesn't keep the others waiting: it is logged and counted.
pub(crate) async fn each(
    jobs: &Jobs,
    run: &Run,
    mut work: impl AsyncFnMut(&Agency, &mut Report) -> Result<(), Error>,
) -> Result<Report, Error> {
    let mut report = Report::default();
    for agency in agencies::all(&jobs.db).await? {
        if run.deadline.has_passed() {
            report.cut_off = true;
            break;
        }
        if let Err(error) = work(&agency, &mut report).await {
            tracing::error!(agency_id = %agency.id, error = %Chain::of(&error), "job failed for an agency");
            report.failed_agencies += 1;
        }
    }
    Ok(report)
}

/// Repeats `batch` until it answers that it found less than `full` to do, or the deadline has passed.
pub(crate) async fn batches(
    run: &Run,
    report: &mut Report,
    name: &'static str,
    full: u64,
    mut batch: impl AsyncFnMut() -> Result<u64, Error>,
) -> Result<(), Error> {
    loop {
        if run.deadline.has_passed() {
            report.cut_off = true;
            return Ok(());
        }
        let done = batch().await?;
        report.count(name, done);
        if done < full {
            return Ok(());
        }
    }
}
