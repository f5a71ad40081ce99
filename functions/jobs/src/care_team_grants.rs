//! After each agency's midnight: care-team grants that begin that day arrive on phones, and those that ended the day
//! before leave them. What is due follows from what was written last, so that a missed day is made up for.

use domain::{error::Error, identity::JobIdentity};
use store::tables::grant_dates;

use crate::{Jobs, Report, Run, agencies};

/// Grants a transaction: the agency's writers wait meanwhile.
const BATCH: u16 = 200;

pub(crate) async fn run(jobs: &Jobs, run: &Run) -> Result<Report, Error> {
    agencies::each(jobs, run, async |agency, report| {
        let job = JobIdentity { agency_id: agency.id };
        report.count("began", 0);
        report.count("ended", 0);
        loop {
            if run.deadline.has_passed() {
                report.cut_off = true;
                return Ok(());
            }
            // The agency's write lock is taken only where there are some.
            let due = grant_dates::due(&jobs.db, &job, run.now).await?.min(BATCH);
            if due == 0 {
                return Ok(());
            }
            let mut tx = jobs.db.write_many(&job, due).await?;
            let turned = grant_dates::apply_grant_dates(&mut tx, run.now, due).await?;
            tx.commit().await?;
            report.count("began", turned.began);
            report.count("ended", turned.ended);
            if turned.began + turned.ended < BATCH.into() {
                return Ok(());
            }
        }
    })
    .await
}
