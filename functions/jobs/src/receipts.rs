//! Asks Expo what became of push messages: a ticket says only that Expo has them.

use domain::{
    error::Error,
    messages::{Promise, Template},
};
use jiff::{SignedDuration, Timestamp};
use store::{
    Db,
    tables::{
        devices,
        sending::{self, Owed, Receipt},
    },
};

use crate::{
    Clock, Deadline, Report,
    expo::{self, Expo, PushOutcome},
};

/// When to ask again for a receipt that isn't there yet.
const ASK_AGAIN: SignedDuration = SignedDuration::from_mins(15);
/// When to send again what the phone's service did not take.
const SEND_AGAIN: SignedDuration = SignedDuration::from_mins(1);
/// Expo forgets receipts after so long.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Writes down all receipts that are due, and forgets the tokens that no device has any more.
pub(crate) async fn run(db: &Db, expo: &Expo, clock: &Clock, deadline: &Deadline) -> Result<Report, Error> {
    let mut report = Report::default();
    loop {
        if deadline.has_passed() {
            report.cut_off = true;
            return Ok(report);
        }
        let now = clock.now();
        let owed = sending::take_receipts(db, now, now + ASK_AGAIN, expo::RECEIPTS).await?;
        if owed.is_empty() {
            return Ok(report);
        }
        let tickets: Vec<_> = owed.iter().map(|owed| owed.ticket.as_str()).collect();
        let receipts = match expo.receipts(&tickets).await {
            Ok(receipts) => receipts,
            Err(undone) => {
                // They are due again in a while.
                tracing::warn!(%undone, "Expo's receipts could not be fetched");
                report.count("unanswered", owed.len() as u64);
                return Ok(report);
            }
        };
        for owed in owed {
            let (name, receipt) = match receipts.get(&owed.ticket) {
                Some(PushOutcome::Accepted(_)) => ("delivered", Receipt::Delivered),
                Some(PushOutcome::Unregistered) => {
                    let of = (owed.agency_id, owed.recipient_id);
                    devices::forget_push_token(db, of, &owed.address).await?;
                    ("tokens_forgotten", Receipt::Failed("DeviceNotRegistered".into()))
                }
                Some(PushOutcome::Refused(why)) => ("failed", Receipt::Failed(why.clone())),
                Some(PushOutcome::NotNow(why)) => again(&owed, now, why),
                Some(PushOutcome::Misconfigured(why)) => {
                    // A failed run raises the job's alarm.
                    report.failed_agencies = 1;
                    tracing::error!(why, "push messages don't arrive before our account is mended");
                    again(&owed, now, why)
                }
                None if now.duration_since(owed.attempted_at) < KEPT => {
                    report.count("not_yet", 1);
                    continue;
                }
                None => ("never_told", Receipt::NeverTold),
            };
            report.count(name, 1);
            sending::settle_receipt(db, &owed, &receipt).await?;
        }
    }
}

/// What must arrive is sent again while it is of use.
fn again(owed: &Owed, now: Timestamp, why: &str) -> (&'static str, Receipt) {
    let must_arrive =
        Template::stored(&owed.template, &owed.values).is_ok_and(|template| template.promise() == Promise::AtLeastOnce);
    let at = now + SEND_AGAIN;
    if must_arrive && at < owed.expires_at {
        ("retried", Receipt::Again { at, why: why.to_owned() })
    } else {
        ("failed", Receipt::Failed(why.to_owned()))
    }
}
