//! Everything held on a client as FHIR R4: a Bundle of type `collection`.
//!
//! One file a resource: its elements, as far as ours need them, and what they are made from. A crate of all of FHIR's
//! resources would double the function. What a record may refer to has gone into the Bundle before it ([`Context`]),
//! so that nothing refers to what isn't there; what isn't is named by its identifier.

mod audit_event;
mod bundle;
mod care_plan;
mod care_team;
mod communication;
mod consent;
mod context;
mod detected_issue;
mod document_reference;
mod element;
mod encounter;
mod flag;
mod location;
mod medication_administration;
mod observation;
mod organization;
mod patient;
mod practitioner;
mod procedure;
mod provenance;
mod related_person;

pub use bundle::FhirBundle;
