//! Push messages, which Expo takes in batches.

use domain::{error::Error, messages::Template};
use jiff::SignedDuration;
use store::tables::{
    devices,
    messages::Channel,
    sending::{LeasedMessage, Settled},
};

use super::{Dispatch, backoff::again, unknown_template};
use crate::expo::{Push, PushOutcome};

/// Expo has a receipt by then.
const RECEIPT_AFTER: SignedDuration = SignedDuration::from_mins(15);

impl Dispatch<'_> {
    /// Sends a batch of push messages. One that may have been sent before is sent again: it says no more than to look.
    pub(super) async fn send_pushes(&self, messages: Vec<LeasedMessage>) -> Result<(), Error> {
        let now = self.clock.now();
        let mut batch = Vec::new();
        for message in messages {
            match Template::stored(&message.template, &message.values) {
                Err(_) => self.settle(Channel::Push, &message, unknown_template()).await?,
                Ok(_) if now >= message.expires_at => {
                    self.settle(Channel::Push, &message, Settled::Dead { why: "expired before it was sent".into() })
                        .await?;
                }
                Ok(_) if !message.reachable => {
                    let why = "the phone was signed out, cut off or handed over";
                    self.settle(Channel::Push, &message, Settled::Cancelled { why }).await?;
                }
                Ok(template) => batch.push((message, template)),
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        let pushes: Vec<_> = batch.iter().map(|(message, _)| push(message)).collect();
        let outcomes = self.sender.expo.send_each(&pushes).await;
        drop(pushes);
        let now = self.clock.now();
        for ((message, template), outcome) in batch.into_iter().zip(outcomes) {
            let settled = match outcome {
                PushOutcome::Accepted(sid) => Settled::Sent { sid, receipt_at: Some(now + RECEIPT_AFTER) },
                PushOutcome::Refused(why) => Settled::Dead { why },
                PushOutcome::Misconfigured(why) => {
                    tracing::error!(why, "push messages can't be sent before our account is mended");
                    again(&message, &template, now, why)
                }
                PushOutcome::NotNow(why) => again(&message, &template, now, why),
                PushOutcome::Unregistered => {
                    let of = (message.agency_id, message.recipient_id);
                    devices::forget_push_token(&self.sender.db, of, &message.address).await?;
                    self.count("tokens_forgotten", 1);
                    Settled::Dead { why: "DeviceNotRegistered".into() }
                }
            };
            self.settle(Channel::Push, &message, settled).await?;
        }
        Ok(())
    }
}

/// Whatever it is about, it says no more than to open the app: phones show it to whoever holds them.
fn push(message: &LeasedMessage) -> Push<'_> {
    Push {
        to: &message.address,
        title: Template::AlertPush {}.text(message.locale),
        data: serde_json::json!({"id": message.alert_id.unwrap_or(message.id)}),
        priority: "high",
        sound: "default",
    }
}
