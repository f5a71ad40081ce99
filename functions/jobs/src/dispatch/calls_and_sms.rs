//! Calls and SMS, which Twilio takes: a request that may have had its effect is looked up before it is made again.

use domain::messages::{Promise, Template};
use jiff::SignedDuration;
use store::{
    DbError,
    tables::{
        messages::Channel,
        sending::{self, Claimable, LeasedMessage, Settled},
    },
};

use super::{
    Dispatch,
    backoff::{again, backoff},
    uncertain_delivery::{self, LISTS_LAG, Search, Verdict},
    unknown_template,
};
use crate::http_client::SendError;

/// When to look for a message whose answer was lost, where it is sent again if it isn't found: then, or later where
/// that was tried before.
const LOOK_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// How often a message is sent again that nothing is heard of, neither by answer nor list nor webhook. It has arrived
/// so often by then, or can't.
const RESENDS: i16 = 5;
/// Twilio's clock and ours.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(1);

impl Dispatch<'_> {
    /// Sends an SMS or places a call, unless it was sent before or should not be any more.
    pub(super) async fn deliver(&self, channel: Channel, message: &LeasedMessage) -> Result<Settled, DbError> {
        let Ok(template) = Template::stored(&message.template, &message.values) else {
            return Ok(unknown_template());
        };
        if message.is_uncertain
            && let Some(settled) = self.look_up(channel, message, &template).await?
        {
            return Ok(settled);
        }
        let now = self.clock.now();
        if now >= message.expires_at {
            return Ok(Settled::Dead { why: "expired before it was sent".into() });
        }
        if template.needs_consent() && !message.consented {
            return Ok(Settled::Cancelled { why: "the recipient has not consented" });
        }
        if message.is_uncertain {
            match sending::send_again(&self.sender.db, message, now).await? {
                None => return Ok(Settled::Cancelled { why: "not needed any more" }),
                Some(times) if times > RESENDS => {
                    return Ok(Settled::Dead {
                        why: "the lease ended before the provider's answer was recorded".into(),
                    });
                }
                Some(_) => {}
            }
        }
        let twilio = &self.sender.twilio;
        let sent = match channel {
            Channel::Voice => twilio.place_call(message.id, &message.address).await,
            _ => twilio.send_sms(message.id, &message.address, &template.sms(message.locale)).await,
        };
        let now = self.clock.now();
        Ok(match sent {
            Ok(sid) => Settled::Sent { sid, receipt_at: None },
            Err(SendError::Refused(why)) => Settled::Dead { why },
            Err(SendError::NotNow(why)) => again(message, &template, now, why),
            Err(SendError::Unknown(why)) => {
                let wait = match template.promise() {
                    Promise::AtLeastOnce => look_after(message, &template),
                    Promise::AtMostOnce => LISTS_LAG,
                };
                Settled::Uncertain { at: now + wait, why }
            }
        })
    }

    /// What became of a message that may have been sent before; `None`: send it again.
    async fn look_up(
        &self,
        channel: Channel,
        message: &LeasedMessage,
        template: &Template,
    ) -> Result<Option<Settled>, DbError> {
        let search = match self.sender.twilio.latest(channel, &message.address).await {
            Ok(known) => {
                let words = template.sms(message.locale);
                let sids: Vec<_> = known
                    .into_iter()
                    .filter(|known| known.created_at >= message.created_at - CLOCKS_DIFFER)
                    // A trial account's texts begin with Twilio's own words.
                    .filter(|known| {
                        channel == Channel::Voice || known.body.as_deref().is_some_and(|body| body.ends_with(&words))
                    })
                    .map(|known| known.sid)
                    .collect();
                match sending::first_claimable(&self.sender.db, message, sids, self.clock.now()).await? {
                    None => Search::NotListed,
                    Some(Claimable { sid, is_awaited: false }) => Search::Listed(sid),
                    Some(_) => Search::Unclear("another message to this number is being sent".into()),
                }
            }
            Err(undone) => Search::Unclear(undone.to_string()),
        };
        let now = self.clock.now();
        let waited = now.duration_since(message.attempted_at);
        Ok(match uncertain_delivery::verdict(search, template.promise(), waited, now >= message.expires_at) {
            Verdict::Sent(sid) => Some(Settled::Found { sid }),
            Verdict::SendAgain => None,
            Verdict::AskAgain { why } => Some(Settled::Uncertain { at: now + look_after(message, template), why }),
            Verdict::NotListedYet => Some(Settled::Uncertain {
                at: message.attempted_at + LISTS_LAG,
                why: "the provider doesn't list it yet".into(),
            }),
            Verdict::GiveUp => {
                Some(Settled::Dead { why: "the answer was lost, and this message must not be sent twice".into() })
            }
        })
    }
}

/// When to look for an uncertain message that must arrive.
fn look_after(message: &LeasedMessage, template: &Template) -> SignedDuration {
    backoff(message, template).max(LOOK_AFTER)
}
