//! SMS: what families write back, and what became of those we sent.

use axum::{extract::State, http::StatusCode};
use domain::{
    error::Error,
    identity::Webhook,
    messages::{Locale, Template},
};
use store::{
    Tx,
    tables::{
        alerts::{self, AlertFields, Severity},
        consents,
        inbound_messages::{self, Inbound, Intent, Sender},
        messages::{self, Report},
    },
};
use uuid::Uuid;

use crate::{
    Webhooks, keywords,
    twilio_request::{LONGEST_ID, TwilioRequest},
    twiml::TwiMl,
    twiml_document::Verb,
};

/// As much as Twilio sends, and more; the rest of what it might send one day is cut off.
const LONGEST_BODY: usize = 5_000;
/// Twilio: the recipient has written STOP to the number.
const OPTED_OUT: i32 = 21610;
/// Why an alert is raised that asks for a call to a family.
const CALL_BACK: &str = "family_call";

/// Take a reply.
///
/// STOP, ARRET, START, HELP, AIDE, CALL and RAPPEL are understood; anything else is kept for the coordinator.
#[utoipa::path(post, path = "/sms/webhook", tag = "webhooks", operation_id = "sms_webhook", security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's parameters."),
    responses((status = 200, description = "TwiML: the reply, if any.", content_type = "text/xml", body = String),
        (status = 403, description = "The request was not signed by Twilio.")))]
pub(crate) async fn webhook(State(webhooks): State<Webhooks>, signed: TwilioRequest) -> web::Result<TwiMl> {
    let (intent, answered_by_twilio) = keywords::of(signed.value("OptOutType"), signed.value("Body"));
    let inbound = Inbound {
        sid: signed.short("MessageSid")?,
        from: signed.short("From")?,
        to: signed.kept("To", LONGEST_ID),
        body: signed.kept("Body", LONGEST_BODY),
        intent,
    };
    let sender = inbound_messages::sender(&webhooks.app.db, &inbound.from).await?;
    let answer = if let Some(sender) = &sender {
        let is_talk = take(&webhooks, &signed, &inbound, sender).await?;
        (!is_talk).then(|| (reply(intent, sender.client_id.is_some()), sender.locale))
    } else {
        inbound_messages::record_unknown_sender(&webhooks.app.db, &inbound).await?;
        reply_to_unknown(intent, &inbound.body)
    };
    // A replay is answered like the first: its answer may have been lost.
    let verbs = answer.filter(|_| !answered_by_twilio).map(|(template, locale)| Verb::Message(template.sms(locale)));
    Ok(TwiMl(verbs.into_iter().collect()))
}

/// Keeps the message and does what it asks for, once. Answers whether it is one of several notes, of which only the
/// first is answered: a machine that answers us would never end.
async fn take(webhooks: &Webhooks, signed: &TwilioRequest, inbound: &Inbound, sender: &Sender) -> web::Result<bool> {
    let who = Webhook::of_agency(sender.agency_id, signed.request.clone());
    let calls = inbound.intent == Intent::Call;
    let db = &webhooks.app.db;
    let mut tx = if calls { db.write(&who).await? } else { db.write_unsynced(&who).await? };
    let mut raised = false;
    if inbound_messages::record(&mut tx, inbound, sender).await? {
        match inbound.intent {
            Intent::Stop => consents::record_sms_opt_out(&mut tx, &inbound.from, false, "SMS: stop").await?,
            Intent::Start => consents::record_sms_opt_out(&mut tx, &inbound.from, true, "SMS: start").await?,
            Intent::Call => raised = ask_for_call(&mut tx, sender).await?,
            Intent::Help | Intent::Note => {}
        }
    }
    let is_talk = inbound.intent == Intent::Note && inbound_messages::follows_a_note(&mut tx, inbound).await?;
    tx.commit().await?;
    if raised {
        webhooks.jobs.escalate().await;
    }
    Ok(is_talk)
}

/// Raises an alert to the coordinator of the sender's client, unless one is waiting for an answer already.
async fn ask_for_call(tx: &mut Tx<Webhook>, sender: &Sender) -> web::Result<bool> {
    let Some(client_id) = sender.client_id else { return Ok(false) };
    if alerts::is_waiting(tx, client_id, sender.user_id, CALL_BACK).await? {
        return Ok(false);
    }
    let alert =
        AlertFields { client_id, visit_id: None, severity: Severity::Medium, reason: CALL_BACK.into(), message: None };
    alerts::insert(tx, Uuid::now_v7(), sender.user_id, &alert).await?;
    Ok(true)
}

fn reply(intent: Intent, is_family: bool) -> Template {
    match intent {
        Intent::Stop => Template::ReplyStopped {},
        Intent::Start => Template::ReplyStarted {},
        Intent::Help => Template::ReplyHelp {},
        Intent::Call | Intent::Note if !is_family => Template::ReplyNobodysFamily {},
        Intent::Call => Template::ReplyCall {},
        Intent::Note => Template::ReplyReceived {},
    }
}

/// Who isn't known is answered where they ask for something, and not where a machine might be talking to us.
fn reply_to_unknown(intent: Intent, body: &str) -> Option<(Template, Locale)> {
    let french = ["aide", "rappel"].iter().any(|word| body.to_lowercase().contains(word));
    let locale = if french { Locale::FrCa } else { Locale::EnCa };
    matches!(intent, Intent::Help | Intent::Call).then_some((Template::ReplyUnknown {}, locale))
}

/// Hear what became of an SMS.
#[utoipa::path(post, path = "/sms/status", tag = "webhooks", operation_id = "sms_status", security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's parameters."),
    responses((status = 204, description = "Received."),
        (status = 403, description = "The request was not signed by Twilio."),
        (status = 404, description = "There is no such message.")))]
pub(crate) async fn status(State(webhooks): State<Webhooks>, signed: TwilioRequest) -> web::Result<StatusCode> {
    let (sid, message_id) = (signed.short("MessageSid")?, signed.message_id()?);
    let report = match signed.value("MessageStatus") {
        "accepted" | "scheduled" | "queued" | "sending" | "sent" => Report::Accepted,
        "delivered" | "read" => Report::Delivered,
        "undelivered" | "failed" => Report::Failed { code: signed.value("ErrorCode").parse().ok() },
        _ => return Ok(StatusCode::NO_CONTENT),
    };
    let who = Webhook::about_message(message_id, signed.request.clone());
    let mut tx = webhooks.app.db.write_unsynced(&who).await?;
    messages::report(&mut tx, message_id, &sid, &report, webhooks.now()).await?.ok_or(Error::NotFound)?;
    if report == (Report::Failed { code: Some(OPTED_OUT) }) {
        consents::record_opt_out(&mut tx, message_id).await?;
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
