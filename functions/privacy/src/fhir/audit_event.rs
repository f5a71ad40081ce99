//! Who looked at the client's records or changed them, and to whom they were disclosed.

use jiff::Timestamp;
use serde_json::Value;
use store::reads::export::ExportedAuditEntry;

use super::{
    context::Context,
    element::{CodeableConcept, Coding, Identifier, Reference, elements, ours, some_text, text},
};

elements! {
    /// The IP address that an access came from; `kind` is FHIR's code 2.
    Network { address: Option<String>, #[serde(rename = "type")] kind: Option<&'static str> }

    /// Who, or on what.
    Agent {
        #[serde(rename = "type")] kind: Option<CodeableConcept>,
        who: Option<Reference>,
        requestor: bool,
        network: Option<Network>,
    }

    /// Who keeps the log.
    Source { observer: Reference }

    /// Something else that is known.
    Detail { #[serde(rename = "type")] kind: String, value_string: String }

    /// What it was done to.
    Entity {
        what: Option<Reference>,
        #[serde(rename = "type")] kind: Option<Coding>,
        role: Option<Coding>,
        detail: Vec<Detail>,
    }

    /// An entry of the audit log.
    AuditEvent {
        id: String,
        #[serde(rename = "type")] kind: Coding,
        subtype: Vec<Coding>,
        action: Option<&'static str>,
        recorded: Timestamp,
        outcome: Option<&'static str>,
        agent: Vec<Agent>,
        source: Source,
        entity: Vec<Entity>,
    }
}

fn object_type() -> Coding {
    Coding::new("http://terminology.hl7.org/CodeSystem/audit-entity-type", "2", "System Object")
}

/// What FHIR calls it: create, read, update, delete or execute.
fn action(verb: &str) -> &'static str {
    match verb {
        "create" | "add" | "record" | "raise" | "upload" => "C",
        "read" | "list" | "export" | "view" | "pull" => "R",
        "write" | "change" | "update" | "push" => "U",
        "delete" | "remove" => "D",
        _ => "E",
    }
}

fn details(entry: &ExportedAuditEntry) -> Vec<Detail> {
    let known = entry.details.as_object().into_iter().flatten().map(|(kind, value)| match value {
        Value::String(value) => (kind.as_str(), value.clone()),
        other => (kind.as_str(), other.to_string()),
    });
    let request = entry.request_id.iter().map(|id| ("request_id", id.clone()));
    known
        .chain(request)
        .filter_map(|(kind, value)| Some(Detail { kind: text(kind)?, value_string: text(&value)? }))
        .collect()
}

/// An entry of the audit log.
pub fn of(entry: &ExportedAuditEntry, context: &Context) -> AuditEvent {
    let verb = entry.action.rsplit('.').next().unwrap_or_default();
    let person = Agent {
        kind: None,
        who: Some(context.author(entry.actor_id)),
        requestor: true,
        network: some_text(entry.source_ip.as_deref())
            .map(|address| Network { address: Some(address), kind: Some("2") }),
    };
    let device = entry.device_id.map(|id| Agent {
        kind: CodeableConcept::words("device"),
        who: Some(Reference::by_id("device", id)),
        requestor: false,
        network: None,
    });
    let patient = Entity {
        what: Some(context.patient()),
        kind: Some(Coding::new("http://terminology.hl7.org/CodeSystem/audit-entity-type", "1", "Person")),
        role: Some(Coding::new("http://terminology.hl7.org/CodeSystem/object-role", "1", "Patient")),
        detail: details(entry),
    };
    let resource = entry.resource_id.filter(|id| *id != context.client_id).map(|id| Entity {
        what: Some(Reference { identifier: Some(Identifier::ours(&entry.resource, id)), ..Reference::default() }),
        kind: Some(object_type()),
        ..Entity::default()
    });
    AuditEvent {
        id: entry.id.to_string(),
        kind: Coding::new("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation"),
        subtype: vec![Coding {
            system: Some(ours("CodeSystem/audit-action")),
            code: text(&entry.action).map(Into::into),
            display: None,
        }],
        action: Some(action(verb)),
        recorded: entry.at,
        outcome: Some(if entry.action == "access.refuse" { "4" } else { "0" }),
        agent: [Some(person), device].into_iter().flatten().collect(),
        source: Source { observer: context.organization() },
        entity: [Some(patient), resource].into_iter().flatten().collect(),
    }
}
