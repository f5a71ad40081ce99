//! In the evening, where the agency is: the daily SMS to families.
//!
//! The schedule comes every quarter of an hour, and the agency's clock is asked each time, so that summer time and
//! Newfoundland's half hour need no schedule of their own. Who was told is known from the outbox; so a run that was cut
//! off is gone on with, and nobody is told twice.

use std::collections::HashSet;

use domain::{error::Error, identity::JobIdentity, messages::Template};
use jiff::civil::Time;
use store::{
    AuditEntry,
    reads::daily_summary::{self, Day, DayOfClient},
    tables::{
        agencies::Agency,
        messages::{self, Channel, Message, Occasion},
    },
};
use uuid::Uuid;

use crate::{Jobs, Report, Run, agencies};

/// When it goes out.
const FROM: Time = Time::constant(18, 0, 0, 0);
/// From when on it is too late to write to anybody, or to send what was written.
const UNTIL: Time = Time::constant(21, 0, 0, 0);
/// Families a transaction.
const BATCH: u16 = 500;

pub(crate) async fn run(jobs: &Jobs, run: &Run) -> Result<Report, Error> {
    agencies::each(jobs, run, async |agency, report| {
        report.count("queued", 0);
        let day = daily_summary::day(&jobs.db, &JobIdentity { agency_id: agency.id }, run.now, UNTIL).await?;
        if !(FROM..UNTIL).contains(&day.time) {
            return Ok(());
        }
        let mut after = Some((Uuid::nil(), Uuid::nil()));
        while let Some(place) = after {
            if run.deadline.has_passed() {
                report.cut_off = true;
                break;
            }
            let batch = queue(jobs, run, agency, day, place).await?;
            report.count("queued", batch.queued);
            after = batch.more_after;
        }
        Ok(())
    })
    .await
}

/// The result of one batch of families.
struct Queued {
    queued: u64,
    /// The last of them, where more may follow.
    more_after: Option<(Uuid, Uuid)>,
}

/// Queues the messages of the next families.
async fn queue(jobs: &Jobs, run: &Run, agency: &Agency, day: Day, after: (Uuid, Uuid)) -> Result<Queued, Error> {
    let mut tx = jobs.db.write(&JobIdentity { agency_id: agency.id }).await?;
    daily_summary::begin(&mut tx).await?;
    let families = daily_summary::pending_recipients(&mut tx, day, run.now, after, BATCH).await?;
    let last = families.last().map(|family| (family.client_id, family.recipient_id));
    let more_after = last.filter(|_| families.len() == usize::from(BATCH));
    let mut numbers = HashSet::new();
    let wanted: Vec<_> = families
        .into_iter()
        .filter(|family| family.wanted && numbers.insert((family.client_id, family.phone.clone())))
        .collect();
    let queued: Vec<_> = wanted.iter().map(|family| message(family, day)).collect();
    if !queued.is_empty() {
        messages::enqueue_paced(&mut tx, &queued, jobs.senders.sms_spacing(), day.until).await?;
    }
    for family in &wanted {
        tx.audit(AuditEntry::new("family.sms", "user", family.recipient_id, Some(family.client_id)));
    }
    tx.commit().await?;
    Ok(Queued { queued: queued.len() as u64, more_after })
}

fn message(family: &DayOfClient, day: Day) -> Message {
    Message {
        recipient_id: family.recipient_id,
        address: family.phone.clone(),
        channel: Channel::Sms,
        locale: family.locale,
        template: Template::FamilyDaily {
            client: family.client.clone(),
            visits: family.visits.0.clone(),
            to_come: u32::try_from(family.to_come).unwrap_or_default(),
        },
        dedupe_key: family.dedupe_key(day.date),
        alert_id: None,
        visit_id: None,
        client_id: Some(family.client_id),
        occasion: Some(Occasion::Day(day.date)),
    }
}
