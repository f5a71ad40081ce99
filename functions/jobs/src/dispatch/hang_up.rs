//! Ends calls about an alert that somebody has taken.

use domain::error::Error;
use jiff::SignedDuration;
use store::tables::sending;

use super::Dispatch;

/// How often a call that is to be ended is asked about again.
const HANG_UP_AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// Far more than ring at one time.
const CALLS_AT_ONCE: usize = 50;

impl Dispatch<'_> {
    /// Ends calls that ring for an alert that somebody has taken. What fails is asked again; a call rings for seconds.
    pub(super) async fn hang_up(&self) -> Result<(), Error> {
        let (db, now) = (&self.sender.db, self.clock.now());
        for call in sending::take_hang_ups(db, now, now + HANG_UP_AGAIN, CALLS_AT_ONCE).await? {
            match self.sender.twilio.stop_ringing(&call.sid).await {
                Ok(()) => {
                    sending::settle_hang_up(db, &call).await?;
                    self.count("hung_up", 1);
                }
                Err(why) => tracing::warn!(message_id = %call.id, %why, "an unneeded call could not be hung up"),
            }
        }
        Ok(())
    }
}
