//! The agency.

use store::reads::export::ExportedAgency;

use super::element::{Identifier, elements, text};

elements! {
    /// Who cares for the client.
    Organization { id: String, identifier: Vec<Identifier>, name: Option<String> }
}

/// The agency as FHIR has it.
pub fn of(agency: &ExportedAgency) -> Organization {
    Organization {
        id: agency.id.to_string(),
        identifier: vec![Identifier::ours("agency", agency.id)],
        name: text(&agency.name),
    }
}
