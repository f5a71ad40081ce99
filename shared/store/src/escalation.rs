//! Carrying out what [`plan`] decides, inside a transaction of whoever has a reason to: the minute job, or a
//! webhook that tells of a call's end. All of them hold the agency's counter, so that of several at once one moves the
//! alert and the others find it moved.

use domain::{
    error::Error,
    escalation::{Answerer, Step, plan},
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

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The reason was none any more.
    Nothing,
    /// Somebody is being called.
    Called,
    /// So many people are being told.
    Told(usize),
    /// Nobody answered.
    GaveUp,
}

impl Reason {
    fn stands(self, standing: &EscalationState) -> bool {
        match self {
            Self::Due => standing.due,
            Self::CallEnded(call) | Self::PassedOn(call) => standing.call_id == Some(call),
        }
    }
}

/// Takes an alert's next step, if there still is a reason. Invoke `jobs` after the commit, unless nothing moved.
///
/// The transaction must have taken a change number.
pub async fn advance<I: Identity>(
    tx: &mut Tx<I>,
    alert_id: Uuid,
    reason: Reason,
    now: Timestamp,
) -> Result<Moved, Error> {
    let Some(standing) = escalations::standing(tx, alert_id, now).await? else { return Ok(Moved::Nothing) };
    if !matches!(standing.status, AlertStatus::Open | AlertStatus::Calling) || !reason.stands(&standing) {
        return Ok(Moved::Nothing);
    }
    let (level, step) = plan(standing.level, &standing.answerers.0);
    let status = if step == Step::GiveUp { AlertStatus::Expired } else { AlertStatus::Calling };
    let to_send = messages_of(&standing, level, &step);
    if !to_send.is_empty() {
        messages::enqueue_all(tx, &to_send).await?;
    }
    let call = to_send.iter().find(|message| message.channel == Channel::Voice);
    let call_key = call.map(|call| call.dedupe_key.as_str());
    escalations::step(tx, alert_id, (status, level), step.next_due(now), call_key).await?;
    let moved = match &step {
        Step::Call(_) => Moved::Called,
        Step::Tell(told) => Moved::Told(told.len()),
        Step::GiveUp => Moved::GaveUp,
    };
    if moved == Moved::GaveUp {
        tracing::error!(alertId = %alert_id, "nobody answered an alert");
    }
    let action = if moved == Moved::GaveUp { "alert.expire" } else { "alert.escalate" };
    tx.audit(AuditEntry::new(action, "alert", alert_id, Some(standing.client_id)).with(json!({"level": level})));
    Ok(moved)
}

/// One message for each person and channel of a level, whoever takes the step and however often.
fn messages_of(standing: &EscalationState, level: i32, step: &Step<'_>) -> Vec<Message> {
    let to = |(user_id, phone, locale): (Uuid, &str, Locale), channel: Channel, template: Template| Message {
        recipient_id: user_id,
        address: phone.to_owned(),
        channel,
        locale,
        template,
        dedupe_key: dedupe_key(standing.alert_id, level, user_id, channel),
        alert_id: Some(standing.alert_id),
        visit_id: None,
        client_id: Some(standing.client_id),
        occasion: None,
    };
    let of = |answerer: &Answerer, channel, template| {
        to((answerer.user_id, &answerer.phone, answerer.locale), channel, template)
    };
    match step {
        Step::Call(callee) => vec![of(callee, Channel::Voice, spoken(standing.asker.as_ref()))],
        Step::Tell(told) => told
            .iter()
            .flat_map(|answerer| {
                let pushes = answerer.devices.iter().map(|device| Message {
                    address: device.push_token.clone(),
                    dedupe_key: dedupe_key(standing.alert_id, level, device.id, Channel::Push),
                    ..of(answerer, Channel::Push, Template::AlertPush {})
                });
                std::iter::once(of(answerer, Channel::Sms, written(standing.asker.as_ref()))).chain(pushes)
            })
            .collect(),
        Step::GiveUp => standing
            .asker
            .iter()
            .map(|asker| to((asker.user_id, &asker.phone, asker.locale), Channel::Sms, unanswered(asker)))
            .collect(),
    }
}

fn spoken(asker: Option<&Requester>) -> Template {
    match asker {
        Some(asker) if asker.role == Role::Family => Template::FamilyCall { family: asker.first_name.clone() },
        other => Template::AlertCall { caregiver: name_of(other) },
    }
}

fn written(asker: Option<&Requester>) -> Template {
    match asker {
        Some(asker) if asker.role == Role::Family => Template::FamilyCallSms { family: asker.first_name.clone() },
        other => Template::AlertSms { caregiver: name_of(other) },
    }
}

fn unanswered(asker: &Requester) -> Template {
    match asker.role {
        Role::Family => Template::FamilyCallUnanswered {},
        _ => Template::AlertUnanswered {},
    }
}

/// Given name only. What no person raised, we did.
fn name_of(asker: Option<&Requester>) -> String {
    asker.map_or_else(|| "BerthCare".to_owned(), |asker| asker.first_name.clone())
}

fn dedupe_key(alert_id: Uuid, level: i32, whom: Uuid, channel: Channel) -> String {
    format!("alert:{alert_id}:{level}:{whom}:{}", <&str>::from(channel))
}
