//! Who works for the agency, and as what.

use domain::identity::Role;
use store::reads::export::ExportedPerson;

use super::{
    context::Context,
    element::{CodeableConcept, Coding, HumanName, Identifier, Reference, elements, ours},
    patient::name,
};

elements! {
    /// Somebody who works for the agency.
    Practitioner { id: String, identifier: Vec<Identifier>, active: Option<bool>, name: Vec<HumanName> }

    /// As what they work for it.
    PractitionerRole {
        id: String,
        identifier: Vec<Identifier>,
        active: Option<bool>,
        practitioner: Option<Reference>,
        organization: Option<Reference>,
        code: Vec<CodeableConcept>,
    }
}

/// The person.
pub fn of(person: &ExportedPerson) -> Practitioner {
    Practitioner {
        id: person.id.to_string(),
        identifier: vec![Identifier::ours("user", person.id)],
        active: Some(person.active),
        name: name(&person.first_name, &person.last_name),
    }
}

/// Their role.
pub fn role_of(person: &ExportedPerson, context: &Context) -> PractitionerRole {
    let (code, display) = match person.role {
        Role::Admin => ("admin", "Administrator"),
        Role::Coordinator => ("coordinator", "Care coordinator"),
        Role::Nurse => ("nurse", "Nurse"),
        Role::CareAide => ("care_aide", "Care aide"),
        Role::Family => ("family", "Family member"),
    };
    let id = format!("{}-role", person.id);
    PractitionerRole {
        identifier: vec![Identifier::ours("user-role", id.clone())],
        id,
        active: Some(person.active),
        practitioner: Some(context.person(person.id)),
        organization: Some(context.organization()),
        code: vec![CodeableConcept { coding: vec![Coding::new(&ours("CodeSystem/role"), code, display)], text: None }],
    }
}
