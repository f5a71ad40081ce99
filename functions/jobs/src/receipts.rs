//! Asks Expo what became of push messages: a ticket says only that Expo has them.

use domain::error::Error;
use jiff::SignedDuration;
use store::{
    Db,
    tables::{devices, sending},
};

use crate::{
    Clock, Deadline, Report,
    expo::{self, Expo, PushOutcome},
};

/// When to ask again for a receipt that isn't there yet.
const ASK_AGAIN: SignedDuration = SignedDuration::from_mins(15);
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
            let (name, delivered) = match receipts.get(&owed.ticket) {
                Some(PushOutcome::Accepted(_)) => ("delivered", Some(Ok(()))),
                Some(PushOutcome::Unregistered) => {
                    let of = (owed.agency_id, owed.recipient_id);
                    devices::forget_push_token(db, of, &owed.address).await?;
                    ("tokens_forgotten", Some(Err("DeviceNotRegistered")))
                }
                Some(PushOutcome::Refused(why) | PushOutcome::NotNow(why)) => ("failed", Some(Err(why.as_str()))),
                None if now.duration_since(owed.attempted_at) < KEPT => {
                    report.count("not_yet", 1);
                    continue;
                }
                None => ("never_told", None),
            };
            report.count(name, 1);
            sending::settle_receipt(db, &owed, delivered).await?;
        }
    }
}
