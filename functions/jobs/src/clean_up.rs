//! Daily: removes rows past their retention, and ends sessions whose refresh token has expired.

use domain::{error::Error, identity::JobIdentity};
use store::tables::{
    devices,
    retention::{self, RetentionTable},
    sync_log,
};
use strum::IntoEnumIterator;

use crate::{Jobs, Report, Run, agencies};

/// Rows a transaction: some milliseconds of work.
const BATCH: i32 = 1_000;

pub(crate) async fn run(jobs: &Jobs, run: &Run) -> Result<Report, Error> {
    agencies::each(jobs, run, async |agency, report| {
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
        .await?;
        agencies::batches(run, report, "sync_log", BATCH.unsigned_abs().into(), async || {
            Ok(sync_log::forget(&jobs.db, &job, run.now, BATCH).await?)
        })
        .await
    })
    .await
}
