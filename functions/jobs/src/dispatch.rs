//! Sends what is due in the outbox: the most urgent first, no faster than the provider takes it, and keeping the
//! promise of each kind when something fails in between.
//!
//! A message is taken under a lease, handed to the provider, and what came of it is written down. Between the last two
//! anything may die. Whoever takes the message next finds it uncertain, and looks for it at the provider first. One
//! that must arrive is sent again unless it is found there. One that must not come twice isn't: it is given up, and
//! reported.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{Mutex, PoisonError},
};

use domain::{error::Error, identity::JobIdentity};
use futures_util::future::{Either, select};
use runtime::{Chain, metrics::Measurement};
use store::{
    escalation::{self, Reason},
    tables::{
        consents,
        messages::Channel,
        sending::{self, LeasedMessage, Settled},
    },
};

use crate::{Clock, Deadline, Report, Run, sender::Sender};

mod backoff;
mod calls_and_sms;
mod hang_up;
mod pushes;
mod rate_limits;
mod uncertain_delivery;

/// Why an SMS is given up whose recipient has written STOP to the number.
const OPTED_OUT: &str = "twilio 21610";

/// For how long a dispatcher counts as at work that says nothing: one that died is not waited for.
const AT_WORK_SECONDS: i32 = 60;
/// How often it says so.
const SAID_EVERY: std::time::Duration = std::time::Duration::from_secs(20);

/// Sends what is due, until nothing is or the deadline has passed. A run for alerts sends nothing else.
pub(crate) async fn run(sender: &Sender, run: &Run) -> Result<Report, Error> {
    let dispatch =
        Dispatch { sender, clock: &run.clock, deadline: &run.deadline, urgent: run.urgent, report: Mutex::default() };
    if run.urgent {
        dispatch.send_all().await?;
    } else {
        // Who queues meanwhile doesn't invoke another dispatcher, and is looked after by this one.
        loop {
            let at_work = pin!(dispatch.say_at_work());
            let sent = match select(pin!(dispatch.send_all()), at_work).await {
                Either::Left((sent, _)) => sent,
                Either::Right((never, _)) => match never {},
            };
            let asked = sending::dispatcher_ends(&sender.db).await;
            sent?;
            if !asked? || run.deadline.has_passed() {
                break;
            }
        }
    }
    Ok(dispatch.report.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn seconds(seconds: f64) -> std::time::Duration {
    std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

struct Dispatch<'a> {
    sender: &'a Sender,
    clock: &'a Clock,
    deadline: &'a Deadline,
    urgent: bool,
    report: Mutex<Report>,
}

impl Dispatch<'_> {
    async fn send_all(&self) -> Result<(), Error> {
        let (hung_up, voice, sms, push) = futures_util::join!(
            self.hang_up(),
            self.lane(Channel::Voice),
            self.lane(Channel::Sms),
            self.lane(Channel::Push)
        );
        let backlog = sending::backlog(&self.sender.db, self.clock.now()).await?;
        Measurement::Outbox { depth: backlog.depth.unsigned_abs(), age: seconds(backlog.age_seconds) }.record();
        hung_up.and(voice).and(sms).and(push)
    }

    /// Says now and then that a dispatcher is at work. Where that fails, another is invoked beside it, as if none were.
    async fn say_at_work(&self) -> Infallible {
        loop {
            if let Err(error) = sending::dispatcher_works(&self.sender.db, AT_WORK_SECONDS).await {
                tracing::warn!(error = %Chain::of(&error), "a dispatcher could not say that it is at work");
            }
            tokio::time::sleep(SAID_EVERY).await;
        }
    }

    async fn send(&self, channel: Channel, messages: Vec<LeasedMessage>) -> Result<(), Error> {
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

    async fn settle(&self, channel: Channel, message: &LeasedMessage, settled: Settled) -> Result<(), Error> {
        sending::settle(&self.sender.db, message, &settled).await?;
        let (name, why) = match &settled {
            Settled::Sent { .. } | Settled::Found { .. } => ("sent", None),
            Settled::Again { why, .. } => ("retried", Some(why.as_str())),
            Settled::Uncertain { why, .. } => ("uncertain", Some(why.as_str())),
            Settled::Cancelled { why } => ("cancelled", Some(*why)),
            Settled::Dead { why } => ("dead", Some(why.as_str())),
        };
        self.count(name, 1);
        if let Settled::Dead { .. } = settled {
            let name: &str = channel.into();
            tracing::error!(message_id = %message.id, channel = name, template = message.template, why,
                "a message was given up");
            if channel == Channel::Voice {
                self.move_on(message).await;
            }
            if why == Some(OPTED_OUT) {
                self.opted_out(message).await;
            }
        }
        if channel == Channel::Voice && message.alert_id.is_some() && name == "sent" {
            let after = self.clock.now().duration_since(message.created_at);
            Measurement::AlertCalled { after: after.unsigned_abs() }.record();
        }
        Ok(())
    }

    /// Has the alert whose call can't be placed take its next step; where that fails, the job `escalate` does it.
    async fn move_on(&self, message: &LeasedMessage) {
        let Some(alert_id) = message.alert_id else { return };
        let advanced = async {
            let mut tx = self.sender.db.write(&JobIdentity { agency_id: message.agency_id }).await?;
            escalation::advance(&mut tx, alert_id, Reason::CallEnded(message.id), self.clock.now()).await?;
            tx.commit().await.map_err(Error::from)
        };
        if let Err(error) = advanced.await {
            tracing::warn!(alertId = %alert_id, error = %Chain::of(&error),
                "an alert's next escalation step is overdue");
        }
    }

    /// Takes back the consent of whose network knows better than we do; where that fails, the next SMS does it.
    async fn opted_out(&self, message: &LeasedMessage) {
        let recorded = async {
            let mut tx = self.sender.db.write_unsynced(&JobIdentity { agency_id: message.agency_id }).await?;
            consents::record_opt_out(&mut tx, message.id).await?;
            tx.commit().await.map_err(Error::from)
        };
        if let Err(error) = recorded.await {
            tracing::warn!(message_id = %message.id, error = %Chain::of(&error), "an opt-out could not be recorded");
        }
    }

    fn count(&self, name: &'static str, count: u64) {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).count(name, count);
    }
}

fn unknown_template() -> Settled {
    Settled::Dead { why: "the message's template is unknown to this release".into() }
}
