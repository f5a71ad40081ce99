//! What a visitor must know at the door.

use super::{
    context::Context,
    element::{CodeableConcept, Identifier, Reference, elements},
};

elements! {
    /// A risk.
    Flag {
        id: String,
        identifier: Vec<Identifier>,
        status: &'static str,
        category: Vec<CodeableConcept>,
        code: CodeableConcept,
        subject: Reference,
    }
}

/// A risk, in this place of the list.
pub fn of(place: usize, risk: &str, context: &Context) -> Flag {
    let id = format!("{}-risk-{}", context.client_id, place + 1);
    Flag {
        identifier: vec![Identifier::ours("risk", id.clone())],
        id,
        status: "active",
        category: vec![CodeableConcept::code(
            "http://terminology.hl7.org/CodeSystem/flag-category",
            "safety",
            "Safety",
        )],
        code: CodeableConcept::words_or_unknown(Some(risk)),
        subject: context.patient(),
    }
}
