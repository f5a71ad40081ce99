//! Family members who follow the client, and whom to call in an emergency.

use store::{reads::export::ExportedPerson, tables::clients::EmergencyContact};

use super::{
    context::Context,
    element::{CodeableConcept, ContactPoint, HumanName, Identifier, Reference, elements, text},
    patient::{name, phone},
};

elements! {
    /// Somebody close to the client.
    RelatedPerson {
        id: String,
        identifier: Vec<Identifier>,
        active: Option<bool>,
        patient: Reference,
        relationship: Vec<CodeableConcept>,
        name: Vec<HumanName>,
        telecom: Vec<ContactPoint>,
    }
}

/// A family member with an account.
pub fn of(person: &ExportedPerson, context: &Context) -> RelatedPerson {
    RelatedPerson {
        id: person.id.to_string(),
        identifier: vec![Identifier::ours("user", person.id)],
        active: Some(person.active),
        patient: context.patient(),
        relationship: CodeableConcept::words("family").into_iter().collect(),
        name: name(&person.first_name, &person.last_name),
        telecom: Vec::new(),
    }
}

/// Whom to call in an emergency, in this place of the list.
pub fn of_contact(place: usize, contact: &EmergencyContact, context: &Context) -> RelatedPerson {
    let id = format!("{}-contact-{}", context.client_id, place + 1);
    RelatedPerson {
        identifier: vec![Identifier::ours("emergency-contact", id.clone())],
        id,
        active: Some(true),
        patient: context.patient(),
        relationship: CodeableConcept::words(&contact.relationship).into_iter().collect(),
        name: text(&contact.name)
            .map(|text| HumanName { text: Some(text), ..HumanName::default() })
            .into_iter()
            .collect(),
        telecom: phone(Some(&contact.phone)),
    }
}
