//! Daily: gives up photos whose upload never arrived, and removes uploads that belong to no photo.

use domain::{error::Error, identity::JobIdentity};
use jiff::Timestamp;

use crate::{Jobs, Report, Run, agencies, uploads};

pub(crate) async fn run(jobs: &Jobs, run: &Run) -> Result<Report, Error> {
    // What is removed for good must be old by the real time, too.
    let now = run.now.min(Timestamp::now());
    let mut report = agencies::each(jobs, run, async |agency, report| {
        let given_up = uploads::give_up_on_missing(&jobs.db, &JobIdentity { agency_id: agency.id }, now).await?;
        report.count("photos_given_up", given_up as u64);
        Ok(())
    })
    .await?;
    if run.deadline.has_passed() {
        report.cut_off = true;
    } else {
        report.count("uploads_removed", uploads::sweep(&jobs.photos, now).await? as u64);
    }
    Ok(report)
}
