//! Every minute, and right after an alert was raised: the steps that alerts' chains of calls have to take.

use domain::{error::Error, identity::JobIdentity};
use runtime::{Chain, metrics::Measurement};
use store::{
    escalation::{self, Moved, Reason},
    tables::escalations::{self, Due},
};

use crate::{Jobs, Report, Run};

/// A step takes some milliseconds; what is left over waits for a minute at most.
const AT_MOST: i32 = 500;

pub(crate) async fn run(jobs: &Jobs, run: &Run) -> Result<Report, Error> {
    let mut report = Report::default();
    for name in ["called", "notified", "unanswered"] {
        report.count(name, 0);
    }
    for due in escalations::due(&jobs.db, run.now, AT_MOST).await? {
        if run.deadline.has_passed() {
            report.cut_off = true;
            break;
        }
        match step(jobs, run, due).await {
            Ok(Moved::Nothing) => {}
            Ok(Moved::Called) => report.count("called", 1),
            Ok(Moved::Notified(_)) => report.count("notified", 1),
            Ok(Moved::GaveUp) => report.count("unanswered", 1),
            // One alert that can't move doesn't keep the others waiting.
            Err(error) => {
                let error = Chain::of(&error);
                tracing::error!(alertId = %due.alert_id, %error, "an alert could not be escalated");
                report.failed_agencies += 1;
            }
        }
    }
    match escalations::oldest_unanswered(&jobs.db, run.now).await {
        Ok(oldest) => Measurement::AlertsUnacknowledged { oldest }.record(),
        // The alarm is raised by its absence, and what was queued still goes out.
        Err(error) => tracing::error!(error = %Chain::of(&error), "the age of unanswered alerts is unknown"),
    }
    Ok(report)
}

async fn step(jobs: &Jobs, run: &Run, due: Due) -> Result<Moved, Error> {
    let mut tx = jobs.db.write(&JobIdentity { agency_id: due.agency_id }).await?;
    let moved = escalation::advance(&mut tx, due.alert_id, Reason::Due, run.now).await?;
    tx.commit().await?;
    Ok(moved)
}
