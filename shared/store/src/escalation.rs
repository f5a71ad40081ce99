//! Carrying out what [`plan`] decides, inside a transaction of whoever has a reason to: the minute job, or a
//! webhook that tells of a call's end. All of them hold the agency's counter, so that of several at once one moves the
//! alert and the others find it moved.

use domain::{
    error::Error,
    escalation::{OnCallContact, Step, plan},
    identity::Role,
    messages::{Locale, Template},
};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::{
    AuditEntry, Identity, Tx,
    tables::{
        alerts::AlertStatus,
        escalations::{self, EscalationState, Requester},
        messages::{self, Channel, Message},
    },
};

/// Why a chain would move on. Each counts only while it is still so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its time has come, or its call can't be placed.
    Due,
    /// This call, as the outbox has it, ended without a person taking the alert.
    CallEnded(Uuid),
    /// Who was called by it passes the alert on.
    PassedOn(Uuid),
}

/// The result of [`advance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The reason was none any more.
    Nothing,
    /// Somebody is being called.
    Called,
    /// So many people are being notified.
    Notified(usize),
    /// Everybody was called, and nobody answered.
    GaveUp,
}

impl Reason {
    fn holds(self, state: &EscalationState) -> bool {
        match self {
            Self::Due => state.due,
            Self::CallEnded(call) | Self::PassedOn(call) => state.call_id == Some(call),
        }
    }
}

/// Takes the next step of the chain that calls about an alert, if there still is a reason. Invoke `jobs` after the
/// commit, unless nothing moved.
///
/// The transaction must have taken a change number.
pub async fn advance<I: Identity>(
    tx: &mut Tx<I>,
    alert_id: Uuid,
    reason: Reason,
    now: Timestamp,
) -> Result<Moved, Error> {
    let Some(state) = escalations::state(tx, alert_id, now).await? else { return Ok(Moved::Nothing) };
    if !reason.holds(&state) {
        return Ok(Moved::Nothing);
    }
    let (level, step) = plan(state.level, &state.contacts.0);
    let status = if step == Step::GiveUp { AlertStatus::Expired } else { AlertStatus::Calling };
    let to_send = messages_of(&state, level, &step);
    if !to_send.is_empty() {
        messages::enqueue_all(tx, &to_send).await?;
    }
    let call = to_send.iter().find(|message| message.channel == Channel::Voice);
    let call_key = call.map(|call| call.dedupe_key.as_str());
    escalations::step(tx, state.id, (status, level), step.next_due(now), call_key).await?;
    let moved = match &step {
        Step::Call(_) => Moved::Called,
        Step::Notify(contacts) => Moved::Notified(contacts.len()),
        Step::GiveUp => Moved::GaveUp,
    };
    if moved == Moved::GaveUp {
        tracing::error!(alertId = %state.alert_id, "nobody answered an alert");
    }
    let action = if moved == Moved::GaveUp { "alert.expire" } else { "alert.escalate" };
    tx.audit(AuditEntry::new(action, "alert", state.alert_id, Some(state.client_id)).with(json!({"level": level})));
    Ok(moved)
}

/// One message for each person and channel of a level, whoever takes the step and however often.
fn messages_of(state: &EscalationState, level: i32, step: &Step<'_>) -> Vec<Message> {
    let to = |(user_id, phone, locale): (Uuid, &str, Locale), channel: Channel, template: Template| Message {
        recipient_id: user_id,
        address: phone.to_owned(),
        channel,
        locale,
        template,
        dedupe_key: dedupe_key(state, level, user_id, channel),
        alert_id: Some(state.alert_id),
        visit_id: None,
        client_id: Some(state.client_id),
        occasion: None,
    };
    let of = |contact: &OnCallContact, channel, template| {
        to((contact.user_id, &contact.phone, contact.locale), channel, template)
    };
    match step {
        Step::Call(callee) => vec![of(callee, Channel::Voice, spoken(state.requesters.first()))],
        Step::Notify(contacts) => contacts
            .iter()
            .flat_map(|contact| {
                let pushes = contact.devices.iter().map(|device| Message {
                    address: device.push_token.clone(),
                    dedupe_key: dedupe_key(state, level, device.id, Channel::Push),
                    ..of(contact, Channel::Push, Template::AlertPush {})
                });
                std::iter::once(of(contact, Channel::Sms, written(state.requesters.first()))).chain(pushes)
            })
            .collect(),
        Step::GiveUp => state
            .requesters
            .people()
            .map(|requester| {
                to((requester.user_id, &requester.phone, requester.locale), Channel::Sms, unanswered(requester))
            })
            .collect(),
    }
}

/// What is said on a call.
#[must_use]
pub fn spoken(requester: Option<&Requester>) -> Template {
    match requester {
        Some(requester) if requester.role == Role::Family => {
            Template::FamilyCall { family: requester.first_name.clone() }
        }
        other => Template::AlertCall { caregiver: name_of(other) },
    }
}

fn written(requester: Option<&Requester>) -> Template {
    match requester {
        Some(requester) if requester.role == Role::Family => {
            Template::FamilyCallSms { family: requester.first_name.clone() }
        }
        other => Template::AlertSms { caregiver: name_of(other) },
    }
}

fn unanswered(requester: &Requester) -> Template {
    match requester.role {
        Role::Family => Template::FamilyCallUnanswered {},
        _ => Template::AlertUnanswered {},
    }
}

/// Given name only. What no person raised, we did.
fn name_of(requester: Option<&Requester>) -> String {
    requester.map_or_else(|| "BerthCare".to_owned(), |requester| requester.first_name.clone())
}

/// Calls that begin anew are others than those before.
fn dedupe_key(state: &EscalationState, level: i32, whom: Uuid, channel: Channel) -> String {
    let (id, since) = (state.id, state.calls_since.as_microsecond());
    format!("alert:{id}:{since}:{level}:{whom}:{}", <&str>::from(channel))
}
