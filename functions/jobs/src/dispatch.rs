//! Sends what the outbox owes: the most urgent first, no faster than the provider takes it, and keeping the promise of
//! each kind when something fails in between.
//!
//! A message is taken under a lease, handed to the provider, and what came of it is written down. Between the last two
//! anything may die. Whoever takes the message next finds it in doubt, and looks for it at the provider first. One that
//! must arrive is sent again unless it is found there. One that must not come twice isn't: it is given up, and reported.

use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp, ToSpan};
use shared::{
    db::DbError,
    error::{Chain, Error},
    escalation::chain::{self, Reason},
    identity::Job,
    messages::{Promise, Template},
    metrics::Measurement,
    models::{
        devices,
        messages::Channel,
        sending::{self, Claimable, Lane, Settled, Taken},
    },
    outgoing::Undone,
    push::{Outcome, Push},
};

use crate::{Clock, Deadline, Report, sender::Sender};
use doubt::{LISTS_LAG, Search, Verdict};

mod doubt;

/// How many SMS, or calls, may wait for Twilio's answer at once: one slow answer doesn't hold up an alert.
const AT_ONCE: usize = 8;
/// For how long a run waits for what is due soon; the next run is at most a minute away.
const PATIENCE: SignedDuration = SignedDuration::from_secs(15);
/// How often in a row a run finds that others took the turn it waited for, before it leaves the lane to them.
const TURNS_LOST: u32 = 3;
/// When to look for a message whose answer was lost, where it is sent again if it isn't found: then, or later where that
/// was tried before.
const LOOK_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// How often a message is sent again of which no word comes, neither by answer nor list nor webhook. It has arrived so often
/// by then, or can't.
const RESENDS: i16 = 5;
/// Twilio's clock and ours.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(1);
/// How often a call that is to be ended is asked about again.
const HANG_UP_AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// Far more than ring at one time.
const CALLS_AT_ONCE: usize = 50;
/// Expo has a receipt by then.
const RECEIPT_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// Sends what is due, until nothing is or `deadline` has passed.
pub(crate) async fn run(sender: &Sender, clock: &Clock, deadline: &Deadline) -> Result<Report, Error> {
    let dispatch = Dispatch { sender, clock, deadline, report: Mutex::default() };
    let (hung_up, voice, sms, push) = futures_util::join!(
        dispatch.hang_up(),
        dispatch.lane(Channel::Voice),
        dispatch.lane(Channel::Sms),
        dispatch.lane(Channel::Push)
    );
    let backlog = sending::backlog(&sender.db, clock.now()).await?;
    Measurement::Outbox { depth: backlog.depth.unsigned_abs(), age: seconds(backlog.age_seconds) }.record();
    hung_up.and(voice).and(sms).and(push)?;
    Ok(dispatch.report.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn seconds(seconds: f64) -> std::time::Duration {
    std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

struct Dispatch<'a> {
    sender: &'a Sender,
    clock: &'a Clock,
    deadline: &'a Deadline,
    report: Mutex<Report>,
}

impl Dispatch<'_> {
    /// Ends calls that ring for an alert that somebody has taken. What fails is asked again; a call rings for seconds.
    async fn hang_up(&self) -> Result<(), Error> {
        let (db, now) = (&self.sender.db, self.clock.now());
        for call in sending::take_hang_ups(db, now, now + HANG_UP_AGAIN, CALLS_AT_ONCE).await? {
            match self.sender.twilio.stop_ringing(&call.sid).await {
                Ok(()) => {
                    sending::settle_hang_up(db, &call).await?;
                    self.count("hung_up", 1);
                }
                Err(why) => tracing::warn!(message_id = %call.id, %why, "a call that nobody needs rings on"),
            }
        }
        Ok(())
    }

    /// Sends what is due on one channel.
    async fn lane(&self, channel: Channel) -> Result<(), Error> {
        let lane = self.sender.lane(channel);
        // What failed shortly and is tried again soon may be due by the time the rest is through.
        while self.drain(&lane).await? > 0 {}
        Ok(())
    }

    /// Takes turn after turn until nothing is due soon; answers how many messages were taken.
    async fn drain(&self, lane: &Lane) -> Result<usize, Error> {
        // How many turns were lost in a row; none after a failure, which ends the stream.
        let turns = stream::unfold(Some(0), async |state| {
            let mut lost = state?;
            let turn = self.next_turn(lane, &mut lost).await.transpose()?;
            let next = turn.is_ok().then_some(lost);
            Some((turn, next))
        });
        let taken = Mutex::new((0, Ok(())));
        turns
            .for_each_concurrent(AT_ONCE, async |turn| {
                let (count, settled) = match turn {
                    Ok(messages) => (messages.len(), self.send(lane.channel, messages).await),
                    Err(error) => (0, Err(error.into())),
                };
                let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
                taken.0 += count;
                if settled.is_err() {
                    taken.1 = settled;
                }
            })
            .await;
        let (count, outcome) = taken.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcome.map(|()| count)
    }

    /// The next messages to send; `None` where none are due soon, or the time is over.
    async fn next_turn(&self, lane: &Lane, lost: &mut u32) -> Result<Option<Vec<Taken>>, DbError> {
        while !self.deadline.has_passed() {
            let now = self.clock.now();
            let turn = sending::take(&self.sender.db, lane, now).await?;
            if !turn.taken.0.is_empty() {
                *lost = 0;
                return Ok(Some(turn.taken.0));
            }
            let Some(come_back_at) = turn.come_back_at.filter(|at| at.duration_since(now) <= PATIENCE) else {
                return Ok(None);
            };
            *lost = if turn.busy { *lost + 1 } else { 0 };
            // The first wait is for the distance to our own last turn. Calls are too urgent to be left to others.
            if *lost > TURNS_LOST && lane.channel != Channel::Voice {
                return Ok(None);
            }
            // Something more urgent may be queued meanwhile.
            self.clock.sleep_until(if turn.busy { come_back_at } else { come_back_at.min(now + 1.second()) }).await;
        }
        self.report.lock().unwrap_or_else(PoisonError::into_inner).cut_off = true;
        Ok(None)
    }

    async fn send(&self, channel: Channel, messages: Vec<Taken>) -> Result<(), Error> {
        match channel {
            Channel::Push => self.send_pushes(messages).await,
            Channel::Sms | Channel::Voice => {
                for message in messages {
                    let settled = self.deliver(channel, &message).await?;
                    self.settle(channel, &message, settled).await?;
                    if channel == Channel::Voice {
                        // Somebody may have taken the alert while this call was placed.
                        self.hang_up().await?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Sends an SMS or places a call, unless it was sent before or should not be any more.
    async fn deliver(&self, channel: Channel, message: &Taken) -> Result<Settled, DbError> {
        let Ok(template) = Template::stored(&message.template, &message.values) else {
            return Ok(unknown_template());
        };
        if message.in_doubt
            && let Some(settled) = self.look_up(channel, message, &template).await?
        {
            return Ok(settled);
        }
        let now = self.clock.now();
        if now >= message.expires_at {
            return Ok(Settled::Dead { why: "not sent in time".into() });
        }
        if template.needs_consent() && !message.consented {
            return Ok(Settled::Cancelled { why: "no consent to it" });
        }
        if message.in_doubt {
            match sending::send_again(&self.sender.db, message, now).await? {
                None => return Ok(Settled::Cancelled { why: "its cause ended while it was looked for" }),
                Some(times) if times > RESENDS => return Ok(Settled::Dead { why: "sent, and no word of it".into() }),
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
            Err(Undone::Refused(why)) => Settled::Dead { why },
            Err(Undone::NotNow(why)) => again(message, &template, now, why),
            Err(Undone::Unknown(why)) => {
                let wait = match template.promise() {
                    Promise::AtLeastOnce => look_after(message, &template),
                    Promise::AtMostOnce => LISTS_LAG,
                };
                Settled::InDoubt { at: now + wait, why }
            }
        })
    }

    /// What became of a message that may have been sent before; `None`: send it again.
    async fn look_up(
        &self,
        channel: Channel,
        message: &Taken,
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
                    Some(_) => Search::Unclear("another to this number is being sent".into()),
                }
            }
            Err(undone) => Search::Unclear(undone.to_string()),
        };
        let now = self.clock.now();
        let waited = now.duration_since(message.attempted_at);
        Ok(match doubt::judge(search, template.promise(), waited, now >= message.expires_at) {
            Verdict::Sent(sid) => Some(Settled::Found { sid }),
            Verdict::SendAgain => None,
            Verdict::AskAgain { why } => Some(Settled::InDoubt { at: now + look_after(message, template), why }),
            Verdict::NotListedYet => {
                Some(Settled::InDoubt { at: message.attempted_at + LISTS_LAG, why: "not listed yet".into() })
            }
            Verdict::GiveUp => Some(Settled::Dead { why: "cut off while it was sent, and never twice".into() }),
        })
    }

    /// Sends a batch of push messages. One that may have been sent before is sent again: it says no more than to look.
    async fn send_pushes(&self, messages: Vec<Taken>) -> Result<(), Error> {
        let now = self.clock.now();
        let mut batch = Vec::new();
        for message in messages {
            match Template::stored(&message.template, &message.values) {
                Err(_) => self.settle(Channel::Push, &message, unknown_template()).await?,
                Ok(_) if now >= message.expires_at => {
                    self.settle(Channel::Push, &message, Settled::Dead { why: "not sent in time".into() }).await?;
                }
                Ok(template) => batch.push((message, template)),
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        let pushes: Vec<_> = batch.iter().map(|(message, _)| push(message)).collect();
        let sent = self.sender.expo.send(&pushes).await;
        drop(pushes);
        let now = self.clock.now();
        let outcomes = match sent {
            Ok(outcomes) => outcomes,
            Err(Undone::Refused(why) | Undone::NotNow(why) | Undone::Unknown(why)) => {
                vec![Outcome::NotNow(why); batch.len()]
            }
        };
        for ((message, template), outcome) in batch.into_iter().zip(outcomes) {
            let settled = match outcome {
                Outcome::Taken(sid) => Settled::Sent { sid, receipt_at: Some(now + RECEIPT_AFTER) },
                Outcome::Refused(why) => Settled::Dead { why },
                Outcome::NotNow(why) => again(&message, &template, now, why),
                Outcome::Unregistered => {
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

    async fn settle(&self, channel: Channel, message: &Taken, settled: Settled) -> Result<(), Error> {
        sending::settle(&self.sender.db, message, &settled).await?;
        let (name, why) = match &settled {
            Settled::Sent { .. } | Settled::Found { .. } => ("sent", None),
            Settled::Again { why, .. } => ("retried", Some(why.as_str())),
            Settled::InDoubt { why, .. } => ("in_doubt", Some(why.as_str())),
            Settled::Cancelled { why } => ("cancelled", Some(*why)),
            Settled::Dead { why } => ("dead", Some(why.as_str())),
        };
        self.count(name, 1);
        if let Settled::Dead { .. } = settled {
            let name: &str = channel.into();
            tracing::error!(message_id = %message.id, channel = name, template = message.template, why, "a message was given up");
            if channel == Channel::Voice {
                self.move_on(message).await;
            }
        }
        if channel == Channel::Voice && message.alert_id.is_some() && name == "sent" {
            let after = self.clock.now().duration_since(message.created_at);
            Measurement::AlertCalled { after: after.unsigned_abs() }.record();
        }
        Ok(())
    }

    /// Has the alert whose call can't be placed take its next step; where that fails, the job `escalate` does it.
    async fn move_on(&self, message: &Taken) {
        let Some(alert_id) = message.alert_id else { return };
        let advanced = async {
            let mut tx = self.sender.db.write(&Job { agency_id: message.agency_id }, 1).await?;
            chain::advance(&mut tx, alert_id, Reason::CallEnded(message.id), self.clock.now()).await?;
            tx.commit().await.map_err(Error::from)
        };
        if let Err(error) = advanced.await {
            tracing::warn!(alertId = %alert_id, error = %Chain::of(&error), "an alert waits for its next step");
        }
    }

    fn count(&self, name: &'static str, count: u64) {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).count(name, count);
    }
}

fn unknown_template() -> Settled {
    Settled::Dead { why: "this release knows no such text".into() }
}

/// Whatever it is about, it says no more than to open the app: phones show it to whoever holds them.
fn push(message: &Taken) -> Push<'_> {
    Push {
        to: &message.address,
        title: Template::AlertPush {}.text(message.locale),
        data: serde_json::json!({"id": message.alert_id.unwrap_or(message.id)}),
        priority: "high",
        sound: "default",
    }
}

/// When to look for a message in doubt that must arrive.
fn look_after(message: &Taken, template: &Template) -> SignedDuration {
    backoff(message, template).max(LOOK_AFTER)
}

/// Another attempt, unless it would come too late.
fn again(message: &Taken, template: &Template, now: Timestamp, why: String) -> Settled {
    let at = now + backoff(message, template);
    if at < message.expires_at { Settled::Again { at, why } } else { Settled::Dead { why } }
}

/// Twice as long after each attempt, half of it by chance so that those who failed together don't come back together:
/// for an alert at most 30 seconds, for the rest a quarter of an hour.
fn backoff(message: &Taken, template: &Template) -> SignedDuration {
    let (first, most) = if template.urgency() == 0 { (1_000, 30_000) } else { (4_000, 900_000) };
    let doublings = u32::try_from(message.attempts - 1).unwrap_or(0).min(16);
    let whole = (first << doublings).min(most);
    SignedDuration::from_millis(whole / 2 + fastrand::i64(0..=whole / 2))
}
