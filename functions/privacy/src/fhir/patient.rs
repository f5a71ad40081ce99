//! The client.

use store::{
    reads::export::{ExportedClient, HealthCard},
    tables::clients::Address,
};

use super::{
    context::Context,
    element::{
        CodeableConcept, Coding, ContactPoint, HumanName, Identifier, Meta, PostalAddress, Reference, changed,
        elements, ours, some_text, system, text,
    },
};

elements! {
    /// What is spoken with the client.
    Communication { language: CodeableConcept, preferred: Option<bool> }

    /// The client.
    Patient {
        id: String,
        meta: Option<Meta>,
        identifier: Vec<Identifier>,
        active: Option<bool>,
        name: Vec<HumanName>,
        telecom: Vec<ContactPoint>,
        birth_date: Option<String>,
        address: Vec<PostalAddress>,
        communication: Vec<Communication>,
        managing_organization: Option<Reference>,
    }
}

/// The naming systems of the provinces' and territories' health numbers, as Canada's FHIR registry has them.
fn naming_system(province: &str) -> Option<&'static str> {
    Some(match province {
        "AB" => "https://fhir.infoway-inforoute.ca/NamingSystem/ca-ab-patient-healthcare-id",
        "BC" => "https://fhir.infoway-inforoute.ca/NamingSystem/ca-bc-patient-healthcare-id",
        "MB" => "https://fhir.infoway-inforoute.ca/NamingSystem/ca-mb-patient-healthcare-id",
        "NB" => "https://fhir.infoway-inforoute.ca/NamingSystem/ca-nb-patient-healthcare-id",
        "NL" => "https://fhir.infoway-inforoute.ca/NamingSystem/ca-nl-patient-healthcare-id",
        "NS" => "https://fhir.infoway-inforoute.ca/NamingSystem/ca-ns-patient-healthcare-id",
        "NT" => "https://fhir.infoway-inforoute.ca/NamingSystem/ca-nt-patient-healthcare-id",
        "NU" => "https://fhir.infoway-inforoute.ca/NamingSystem/ca-nu-patient-healthcare-id",
        "ON" => "https://fhir.infoway-inforoute.ca/NamingSystem/ca-on-patient-hcn",
        "PE" => "https://fhir.infoway-inforoute.ca/NamingSystem/ca-pe-patient-healthcare-id",
        "QC" => "https://fhir.infoway-inforoute.ca/NamingSystem/ca-qc-patient-healthcare-id",
        "SK" => "https://fhir.infoway-inforoute.ca/NamingSystem/ca-sk-patient-healthcare-id",
        "YT" => "https://fhir.infoway-inforoute.ca/NamingSystem/ca-yt-patient-healthcare-id",
        _ => return None,
    })
}

/// A health card's number, typed as one; with Ontario's version code, as it is printed.
fn health_number(card: &HealthCard) -> Identifier {
    let version = card.version.as_deref().unwrap_or_default();
    Identifier {
        kind: Some(CodeableConcept::code(system::IDENTIFIER_TYPE, "JHN", "Jurisdictional health number (Canada)")),
        system: Some(
            naming_system(&card.province).map_or_else(|| ours(&format!("health-card-{}", card.province)), Into::into),
        ),
        value: text(&format!("{}{version}", card.number)),
    }
}

fn address(home: &Address) -> PostalAddress {
    PostalAddress {
        line: [Some(home.street.as_str()), home.unit.as_deref()].into_iter().filter_map(some_text).collect(),
        city: text(&home.city),
        state: text(&home.province),
        postal_code: text(&home.postal_code),
        country: text(&home.country),
        text: some_text(home.directions.as_deref()),
    }
}

/// A phone number.
pub fn phone(number: Option<&str>) -> Vec<ContactPoint> {
    let number = some_text(number);
    number.map(|value| ContactPoint { system: Some("phone"), value: Some(value) }).into_iter().collect()
}

/// Somebody's name, so far as it has letters.
pub fn name(first: &str, last: &str) -> Vec<HumanName> {
    let name = HumanName { text: None, family: text(last), given: text(first).into_iter().collect() };
    let blank = name.family.is_none() && name.given.is_empty();
    if blank { Vec::new() } else { vec![name] }
}

/// The client as FHIR has them. Where they live stands with it, and the coordinates in a Location.
pub fn of(client: &ExportedClient, context: &Context) -> Patient {
    let language = CodeableConcept {
        coding: vec![Coding {
            system: Some("urn:ietf:bcp:47".into()),
            code: Some(client.preferred_language.clone().into()),
            display: None,
        }],
        text: None,
    };
    Patient {
        id: client.id.to_string(),
        meta: Some(changed(client.updated_at)),
        identifier: [Some(Identifier::ours("client", client.id)), client.health_card.as_ref().map(health_number)]
            .into_iter()
            .flatten()
            .collect(),
        active: Some(client.deleted_at.is_none()),
        name: name(&client.first_name, &client.last_name),
        telecom: phone(client.phone.as_deref()),
        birth_date: Some(client.date_of_birth.to_string()),
        address: vec![address(&client.address)],
        communication: vec![Communication { language, preferred: Some(true) }],
        managing_organization: Some(context.organization()),
    }
}
