//! Every five minutes: visits that nobody checked in to. After a quarter of an hour the coordinator is told, once;
//! after an hour the visit counts as missed, but only where the caregiver's phone was heard from since it was to begin:
//! a phone without signal may hold the check-in. Where a message can't reach one coordinator, the next is told. A
//! check-in that comes after all cancels what is not yet sent (`app.cancel_visit_messages`).

use domain::{error::Error, identity::JobIdentity, limits::MISSED_AFTER, messages::Template};
use jiff::Timestamp;
use store::{
    reads::overdue_visits::{self, OverdueVisit, Phone, Place},
    tables::{
        agencies::Agency,
        messages::{self, Channel, Message, Occasion},
    },
};

use crate::{Jobs, Report, Run, agencies};

/// Visits a transaction: the agency's writers wait meanwhile.
const BATCH: u16 = 200;

/// What is to be done about a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Say that nobody checked in.
    NotifyLate,
    /// Say so, and that the caregiver's phone is out of reach.
    NotifyUnreachable,
    /// Count it as missed, and say so.
    Miss,
}

impl Step {
    /// What its count is called.
    fn kind(self) -> &'static str {
        match self {
            Self::NotifyLate => "late",
            Self::NotifyUnreachable => "unreachable",
            Self::Miss => "missed",
        }
    }

    /// The name of its message's text.
    fn text(self) -> &'static str {
        match self {
            Self::NotifyLate => "visit_late",
            Self::NotifyUnreachable => "visit_unreachable",
            Self::Miss => "visit_missed",
        }
    }
}

pub(crate) async fn run(jobs: &Jobs, run: &Run) -> Result<Report, Error> {
    agencies::each(jobs, run, async |agency, report| {
        for name in ["late", "unreachable", "missed", "nobody_to_tell"] {
            report.count(name, 0);
        }
        let mut after = overdue_visits::beginning();
        loop {
            if run.deadline.has_passed() {
                report.cut_off = true;
                return Ok(());
            }
            let job = JobIdentity { agency_id: agency.id };
            let visits = overdue_visits::list(&jobs.db, &job, run.now, after, BATCH).await?;
            if visits.iter().any(|visit| step(visit, run.now).is_some()) {
                report.add(settle(jobs, run, agency, after).await?);
            }
            match visits.last() {
                Some(last) if visits.len() == usize::from(BATCH) => after = (last.scheduled_start, last.id),
                _ => return Ok(()),
            }
        }
    })
    .await
}

/// What is to be done about `visit`, knowing what was done before.
fn step(visit: &OverdueVisit, now: Timestamp) -> Option<Step> {
    let was_sent = |step: Step| visit.notified.iter().any(|text| text == step.text());
    if visit.is_missed {
        return (!was_sent(Step::Miss)).then_some(Step::Miss);
    }
    let missed = now.duration_since(visit.scheduled_start) >= MISSED_AFTER;
    let is_unsent = !was_sent(Step::NotifyLate) && !was_sent(Step::NotifyUnreachable);
    match visit.phone {
        // The check-in may be on its way; the next run knows.
        Phone::Sending => None,
        Phone::Heard if missed => Some(Step::Miss),
        Phone::Heard => is_unsent.then_some(Step::NotifyLate),
        Phone::Unreachable if missed => (!was_sent(Step::NotifyUnreachable)).then_some(Step::NotifyUnreachable),
        Phone::Unreachable => is_unsent.then_some(Step::NotifyUnreachable),
    }
}

/// Does what there is to do, on what the visits are under the agency's write lock: no check-in comes in between.
async fn settle(jobs: &Jobs, run: &Run, agency: &Agency, after: Place) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut tx = jobs.db.write(&JobIdentity { agency_id: agency.id }).await?;
    let visits = overdue_visits::list_in(&mut tx, run.now, after, BATCH).await?;
    let mut missed = Vec::new();
    let mut queued = Vec::new();
    for visit in visits {
        let Some(step) = step(&visit, run.now) else { continue };
        if overdue_visits::still_relevant(visit.scheduled_start, run.now) {
            if let Some(message) = message(&visit, step) {
                queued.push(message);
            } else {
                tracing::warn!(agency_id = %agency.id, visit_id = %visit.id,
                    "a late visit has no coordinator or administrator to notify");
                report.count("nobody_to_tell", 1);
            }
        }
        report.count(step.kind(), 1);
        if step == Step::Miss && !visit.is_missed {
            missed.push(visit);
        }
    }
    // First: that a visit is missed takes back what is unsent of its being late.
    overdue_visits::mark_missed(&mut tx, &missed).await?;
    if !queued.is_empty() {
        messages::enqueue_until(&mut tx, &queued, run.until()).await?;
    }
    tx.commit().await?;
    Ok(report)
}

fn message(visit: &OverdueVisit, step: Step) -> Option<Message> {
    let (caregiver, client) = (visit.caregiver.clone(), visit.client.clone());
    let planned = visit.planned;
    Some(Message {
        recipient_id: visit.coordinator_id?,
        address: visit.coordinator_phone.clone()?,
        channel: Channel::Sms,
        locale: visit.coordinator_locale?,
        template: match step {
            Step::NotifyLate => Template::VisitLate { caregiver, client, planned },
            Step::NotifyUnreachable => Template::VisitUnreachable { caregiver, client, planned },
            Step::Miss => Template::VisitMissed { caregiver, client, planned },
        },
        dedupe_key: visit.dedupe_key(step.kind()),
        alert_id: None,
        visit_id: Some(visit.id),
        client_id: Some(visit.client_id),
        occasion: Some(Occasion::Visit { start: visit.scheduled_start, caregiver_id: visit.caregiver_id }),
    })
}
