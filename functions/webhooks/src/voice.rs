//! Calls: what they say, which key was pressed, and how they ended.

use axum::{extract::State, http::StatusCode};
use domain::{error::Error, identity::Webhook, messages::Template};
use store::{
    Tx,
    escalation::{self, Moved, Reason},
    tables::{
        alerts::{self, AlertCall, AlertStatus},
        escalations,
        messages::{self, Report},
    },
};

use crate::{
    Webhooks,
    twilio_request::TwilioRequest,
    twiml::TwiMl,
    twiml_document::{Spoken, Verb},
};

/// How often a person is asked to press a key before the call ends.
const ASKED_AT_MOST: u8 = 3;
/// In the address that a key is posted to: how often it was asked for.
const ASKED: &str = "asked";

/// Say what a call says.
///
/// Twilio fetches this when somebody picks up, and again with the key that they press: 1 takes the alert and what has
/// joined it, 2 passes it on.
#[utoipa::path(post, path = "/voice/webhook", tag = "webhooks", operation_id = "voice_webhook", security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's parameters."),
    responses((status = 200, description = "TwiML: what to say and which keys to ask for.", content_type = "text/xml",
        body = String),
        (status = 403, description = "The request was not signed by Twilio."),
            (status = 404, description = "There is no such call.")))]
pub(crate) async fn webhook(State(webhooks): State<Webhooks>, signed: TwilioRequest) -> web::Result<TwiMl> {
    let asked = signed.count(ASKED);
    match (asked, signed.value("Digits")) {
        (0, _) => ask(&webhooks, &signed, 1).await,
        (_, "1") => take(&webhooks, &signed).await,
        (_, "2") => pass_on(&webhooks, &signed).await,
        // No key, or another one.
        (asked, _) if asked < ASKED_AT_MOST => ask(&webhooks, &signed, asked + 1).await,
        _ => Ok(TwiMl(vec![Verb::HangUp])),
    }
}

async fn ask(webhooks: &Webhooks, signed: &TwilioRequest, time: u8) -> web::Result<TwiMl> {
    let message_id = signed.message_id()?;
    let who = Webhook::about_message(message_id, signed.request.clone());
    let mut tx = webhooks.app.db.write_unsynced(&who).await?;
    let call = alerts::of_call(&mut tx, message_id).await?;
    // Asking takes a while, and nobody else is called meanwhile.
    escalations::extend_timeout(&mut tx, message_id, None, webhooks.now()).await?;
    tx.commit().await?;
    Ok(match settled(&call) {
        Some(settled) => end(&call, &settled),
        None => TwiMl(vec![Verb::AskForKey {
            action: signed.next_address(&webhooks.app.public_url, ASKED, time),
            say: Spoken { locale: call.locale, text: question(&call) },
        }]),
    })
}

/// What is said where nobody is needed any more.
fn settled(call: &AlertCall) -> Option<Template> {
    match call.alert.status {
        _ if call.is_withdrawn => Some(Template::AlertTakenByOther {}),
        AlertStatus::Acknowledged if call.alert.acknowledged_by == Some(call.callee_id) => {
            Some(Template::AlertTaken {})
        }
        AlertStatus::Acknowledged | AlertStatus::Resolved => Some(Template::AlertTakenByOther {}),
        AlertStatus::Open | AlertStatus::Calling | AlertStatus::Expired => None,
    }
}

/// Who asks now: what is more urgent may have joined since the call was queued.
fn question(call: &AlertCall) -> String {
    escalation::spoken(call.requesters.first()).text(call.locale)
}

fn end(call: &AlertCall, template: &Template) -> TwiMl {
    TwiMl(vec![Verb::Say(Spoken { locale: call.locale, text: template.text(call.locale) }), Verb::HangUp])
}

/// The call that a key was pressed in, and a transaction of its webhook.
async fn answered(webhooks: &Webhooks, signed: &TwilioRequest) -> web::Result<(Tx<Webhook>, AlertCall)> {
    let message_id = signed.message_id()?;
    let who = Webhook::about_message(message_id, signed.request.clone());
    let mut tx = webhooks.app.db.write(&who).await?;
    let call = alerts::of_call(&mut tx, message_id).await?;
    Ok((tx, call))
}

/// Only a pressed key is a person: voicemail answers too.
async fn take(webhooks: &Webhooks, signed: &TwilioRequest) -> web::Result<TwiMl> {
    let (mut tx, call) = answered(webhooks, signed).await?;
    if let Some(settled) = settled(&call) {
        return Ok(end(&call, &settled));
    }
    alerts::acknowledge(&mut tx, &call.alert, call.callee_id, webhooks.now()).await?;
    tx.commit().await?;
    Ok(end(&call, &Template::AlertTaken {}))
}

async fn pass_on(webhooks: &Webhooks, signed: &TwilioRequest) -> web::Result<TwiMl> {
    let (mut tx, call) = answered(webhooks, signed).await?;
    if let Some(settled) = settled(&call) {
        return Ok(end(&call, &settled));
    }
    let moved =
        escalation::advance(&mut tx, call.alert.id, Reason::PassedOn(signed.message_id()?), webhooks.now()).await?;
    tx.commit().await?;
    if moved != Moved::Nothing {
        webhooks.jobs.dispatch_urgent().await;
    }
    Ok(end(&call, &Template::AlertPassedOn {}))
}

/// Hear how a call goes.
///
/// One that ends without a 1, whatever else became of it, moves the alert on at once.
#[utoipa::path(post, path = "/voice/status", tag = "webhooks", operation_id = "voice_status", security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's parameters."),
    responses((status = 204, description = "Received."),
        (status = 403, description = "The request was not signed by Twilio."),
        (status = 404, description = "There is no such call.")))]
pub(crate) async fn status(State(webhooks): State<Webhooks>, signed: TwilioRequest) -> web::Result<StatusCode> {
    let (sid, message_id) = (signed.short("CallSid")?, signed.message_id()?);
    let report = match signed.value("CallStatus") {
        "queued" | "initiated" | "ringing" | "answered" | "in-progress" => Report::Accepted,
        "completed" => Report::Delivered,
        "busy" | "no-answer" | "failed" | "canceled" => Report::Failed { code: signed.value("ErrorCode").parse().ok() },
        // Nothing that we know of; there may be more one day.
        _ => return Ok(StatusCode::NO_CONTENT),
    };
    let (now, has_ended) = (webhooks.now(), report != Report::Accepted);
    let who = Webhook::about_message(message_id, signed.request.clone());
    let db = &webhooks.app.db;
    let mut tx = if has_ended { db.write(&who).await? } else { db.write_unsynced(&who).await? };
    // The chain before its messages: a pressed 1 locks them in that order, and must not lose to us.
    escalations::extend_timeout(&mut tx, message_id, Some(&sid), now).await?;
    let reported = messages::report(&mut tx, message_id, &sid, &report, now).await?.ok_or(Error::NotFound)?;
    let moved = match reported.alert_id {
        // What isn't told of our call says nothing of it.
        Some(alert_id) if has_ended && reported.is_of_this_attempt => {
            escalation::advance(&mut tx, alert_id, Reason::CallEnded(message_id), now).await?
        }
        _ => Moved::Nothing,
    };
    tx.commit().await?;
    if moved != Moved::Nothing {
        webhooks.jobs.dispatch_urgent().await;
    }
    Ok(StatusCode::NO_CONTENT)
}
