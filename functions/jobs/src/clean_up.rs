//! Daily: removes rows past their retention, ends sessions whose refresh token has expired, makes the next partitions
//! and forgets old ones.

use domain::{error::Error, identity::JobIdentity};
use store::tables::{
    devices, partitions,
    retention::{self, RetentionTable},
};
use strum::IntoEnumIterator;

use crate::{Jobs, Report, Run, agencies};

/// Rows a transaction: some milliseconds of work.
const BATCH: i32 = 1_000;

pub(crate) async fn run(jobs: &Jobs, run: &Run) -> Result<Report, Error> {
    let mut report = agencies::each(jobs, run, async |agency, report| {
        let job = JobIdentity { agency_id: agency.id };
        for what in RetentionTable::iter() {
            agencies::batches(run, report, what.into(), BATCH.unsigned_abs().into(), async || {
                Ok(retention::remove(&jobs.db, &job, what, run.now, BATCH).await?)
            })
            .await?;
        }
        agencies::batches(run, report, "sessions", BATCH.unsigned_abs().into(), async || {
            let mut tx = jobs.db.write_unsynced(&job).await?;
            let ended = devices::end_expired_sessions(&mut tx, run.now, BATCH).await?;
            tx.commit().await?;
            Ok(ended)
        })
        .await
    })
    .await?;
    if report.cut_off {
        return Ok(report);
    }
    // Of all agencies, and last: they wait a second for a table, then fail, and the next run goes on.
    report.count("partitions_made", partitions::make(&jobs.db, run.now).await?);
    partitions::read_counters(&jobs.db).await?;
    agencies::batches(run, &mut report, "partitions_forgotten", 1, async || {
        Ok(partitions::forget(&jobs.db, run.now).await?)
    })
    .await?;
    Ok(report)
}
