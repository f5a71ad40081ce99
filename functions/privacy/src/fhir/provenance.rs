//! Changes of what was charted: who, when, why, and what it said before.

use jiff::Timestamp;
use store::reads::export::ExportedRevision;

use super::{
    context::Context,
    document_reference::of_former,
    element::{CodeableConcept, Extension, Reference, Resource, elements},
};

elements! {
    /// Who did it.
    Agent {
        #[serde(rename = "type")] kind: Option<CodeableConcept>,
        who: Reference,
        on_behalf_of: Option<Reference>,
    }

    /// What there was before.
    Entity { role: &'static str, what: Reference }

    /// A change.
    Provenance {
        id: String,
        contained: Vec<Resource>,
        extension: Vec<Extension>,
        target: Vec<Reference>,
        occurred_date_time: Option<String>,
        recorded: Timestamp,
        reason: Vec<CodeableConcept>,
        activity: Option<CodeableConcept>,
        agent: Vec<Agent>,
        entity: Vec<Entity>,
    }
}

/// A change of a note or task.
pub fn of(revision: &ExportedRevision, context: &Context) -> Provenance {
    let record: &'static str = revision.record.into();
    Provenance {
        id: format!("{}-{}-{}", revision.record_id, record.replace('_', "-"), revision.version),
        contained: vec![Resource::DocumentReference(of_former(revision, context))],
        extension: vec![Extension { value_code: Some(record.into()), ..Extension::ours("charted") }],
        target: vec![context.charted(revision.record, revision.record_id)],
        occurred_date_time: Some(revision.at.to_string()),
        recorded: revision.at,
        reason: revision.reason.as_deref().and_then(CodeableConcept::words).into_iter().collect(),
        activity: Some(CodeableConcept::code(
            "http://terminology.hl7.org/CodeSystem/v3-DataOperation",
            "UPDATE",
            "revise",
        )),
        agent: vec![Agent {
            kind: Some(CodeableConcept::code(
                "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                "author",
                "Author",
            )),
            who: context.author(revision.author_id),
            on_behalf_of: revision.author_id.map(|_| context.organization()),
        }],
        entity: vec![Entity { role: "revision", what: Reference::contained("former") }],
    }
}
