//! What was sent about the client, and what was written back.

use store::reads::export::{ExportedMessage, ExportedReply};

use super::{
    context::Context,
    element::{
        CodeableConcept, Coding, Extension, Identifier, Meta, Reference, changed, elements, ours, some_text, text,
    },
};

elements! {
    /// The message's text.
    Payload { content_string: String }

    /// An SMS, call or push about the client, or what a family wrote back.
    Communication {
        id: String,
        meta: Option<Meta>,
        extension: Vec<Extension>,
        identifier: Vec<Identifier>,
        status: &'static str,
        status_reason: Option<CodeableConcept>,
        category: Vec<CodeableConcept>,
        medium: Vec<CodeableConcept>,
        subject: Option<Reference>,
        about: Vec<Reference>,
        encounter: Option<Reference>,
        sent: Option<String>,
        received: Option<String>,
        recipient: Vec<Reference>,
        sender: Option<Reference>,
        payload: Vec<Payload>,
    }
}

const MODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode";

fn sms() -> CodeableConcept {
    CodeableConcept::code(MODE, "SMSWRIT", "SMS message")
}

fn payload(words: &str) -> Vec<Payload> {
    text(words).map(|content_string| Payload { content_string }).into_iter().collect()
}

/// A message of ours. The outbox keeps which text it was and what stood in its gaps.
pub fn of(message: &ExportedMessage, context: &Context) -> Communication {
    Communication {
        id: message.id.to_string(),
        meta: Some(changed(message.updated_at)),
        extension: vec![Extension { value_code: Some(message.status.clone()), ..Extension::ours("message-status") }],
        identifier: vec![Identifier::ours("message", message.id)],
        status: match message.status.as_str() {
            "pending" => "preparation",
            "sending" => "in-progress",
            "sent" | "delivered" => "completed",
            "failed" | "dead" | "cancelled" => "not-done",
            _ => "unknown",
        },
        status_reason: message.failure.as_deref().and_then(CodeableConcept::words),
        category: vec![CodeableConcept {
            coding: vec![Coding {
                system: Some(ours("CodeSystem/message-template")),
                code: text(&message.template).map(Into::into),
                display: None,
            }],
            text: None,
        }],
        medium: match message.channel.as_str() {
            "sms" => vec![sms()],
            "voice" => vec![CodeableConcept::code(MODE, "PHONE", "telephone")],
            other => CodeableConcept::words(other).into_iter().collect(),
        },
        subject: Some(context.patient()),
        about: message.alert_id.map(|id| context.alert(id)).into_iter().collect(),
        encounter: message.visit_id.map(|id| context.encounter(id)),
        sent: message.attempted_at.map(|at| at.to_string()),
        received: None,
        recipient: vec![context.person(message.recipient_id)],
        sender: Some(context.organization()),
        payload: match message.template_values.as_object() {
            Some(values) if !values.is_empty() => payload(&message.template_values.to_string()),
            _ => Vec::new(),
        },
    }
}

/// What somebody wrote back.
pub fn of_reply(reply: &ExportedReply, context: &Context) -> Communication {
    Communication {
        id: reply.id.to_string(),
        identifier: vec![Identifier::ours("reply", reply.id)],
        status: "completed",
        medium: vec![sms()],
        subject: Some(context.patient()),
        received: Some(reply.created_at.to_string()),
        recipient: vec![context.organization()],
        sender: reply.user_id.map(|id| context.person(id)),
        payload: some_text(Some(&reply.body)).map(|content_string| Payload { content_string }).into_iter().collect(),
        ..Communication::default()
    }
}
