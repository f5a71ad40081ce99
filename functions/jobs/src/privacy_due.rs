//! Hourly: what of the registers of privacy is due. Its agency's admins are told once before the time and once when it
//! has come, by day, and in words that say nothing of whom it is about; the log carries how much is overdue.

use domain::{
    error::Error,
    identity::JobIdentity,
    limits::{INCIDENT_REMINDER, REQUEST_REMINDER},
    messages::Template,
};
use jiff::civil::Time;
use runtime::metrics::Measurement;
use store::{
    reads::{
        daily_summary,
        privacy_due::{self, DueEntry, Keeper, Register},
    },
    tables::messages::{self, Channel, Message},
};

use crate::{Jobs, Report, Run, agencies};

/// When people are told, where the agency is.
const FROM: Time = Time::constant(8, 0, 0, 0);
const UNTIL: Time = Time::constant(20, 0, 0, 0);
/// More than an agency has open at once; the oldest are told of first.
const AT_MOST: i64 = 500;

pub(crate) async fn run(jobs: &Jobs, run: &Run) -> Result<Report, Error> {
    let mut overdue = 0;
    let report = agencies::each(jobs, run, async |agency, report| {
        let job = JobIdentity { agency_id: agency.id };
        let (requests, incidents) = (run.now + REQUEST_REMINDER, run.now + INCIDENT_REMINDER);
        let due = privacy_due::entries(&jobs.db, &job, requests, incidents, AT_MOST).await?;
        let passed = due.iter().filter(|entry| entry.due_at <= run.now).count() as u64;
        report.count("overdue", passed);
        report.count("due_soon", due.len() as u64 - passed);
        overdue += passed;
        if due.is_empty() {
            return Ok(());
        }
        let today = daily_summary::day(&jobs.db, &job, run.now, UNTIL).await?;
        if !(FROM..UNTIL).contains(&today.time) {
            return Ok(());
        }
        let keepers = privacy_due::keepers(&jobs.db, &job).await?;
        let told: Vec<_> =
            due.iter().flat_map(|entry| keepers.iter().map(|keeper| message(entry, keeper, run))).collect();
        let mut tx = jobs.db.write_unsynced(&job).await?;
        // Each is known by its key: what was queued before isn't queued again.
        messages::enqueue_until(&mut tx, &told, run.until()).await?;
        Ok(tx.commit().await?)
    })
    .await?;
    Measurement::PrivacyOverdue { entries: overdue }.record();
    Ok(report)
}

fn message(entry: &DueEntry, keeper: &Keeper, run: &Run) -> Message {
    let on = entry.due_on;
    let has_passed = entry.due_at <= run.now;
    let template = match (entry.register, has_passed) {
        (Register::Request, false) => Template::PrivacyRequestDue { on },
        (Register::Request, true) => Template::PrivacyRequestOverdue { on },
        (Register::Incident, false) => Template::PrivacyIncidentDue { on },
        (Register::Incident, true) => Template::PrivacyIncidentOverdue { on },
    };
    let (id, due) = (entry.id, entry.due_at.as_second());
    Message {
        recipient_id: keeper.user_id,
        address: keeper.phone.clone(),
        channel: Channel::Sms,
        locale: keeper.locale,
        // Another due date is another reminder.
        dedupe_key: format!("privacy:{id}:{due}:{}:{}", template.name(), keeper.user_id),
        template,
        alert_id: None,
        visit_id: None,
        client_id: None,
        occasion: None,
    }
}
