//! Alerts.

use domain::transitions::AlertStatus;
use store::{reads::export::ExportedAlert, tables::alerts::Severity};

use super::{
    context::Context,
    element::{CodeableConcept, Extension, Identifier, Meta, Reference, changed, elements, some_text},
};

elements! {
    /// Who took it.
    Mitigation { action: CodeableConcept, date: Option<String>, author: Option<Reference> }

    /// An alert.
    DetectedIssue {
        id: String,
        meta: Option<Meta>,
        extension: Vec<Extension>,
        identifier: Vec<Identifier>,
        status: &'static str,
        code: Option<CodeableConcept>,
        severity: Option<&'static str>,
        patient: Option<Reference>,
        identified_date_time: Option<String>,
        author: Option<Reference>,
        implicated: Vec<Reference>,
        detail: Option<String>,
        mitigation: Vec<Mitigation>,
    }
}

/// An alert. `critical` has no word of its own in FHIR; an extension keeps it.
pub fn of(alert: &ExportedAlert, context: &Context) -> DetectedIssue {
    let (severity, status): (&'static str, &'static str) = (alert.severity.into(), alert.status.into());
    let coded = [("alert-severity", severity), ("alert-status", status)];
    DetectedIssue {
        id: alert.id.to_string(),
        meta: Some(changed(alert.updated_at)),
        extension: coded
            .into_iter()
            .map(|(name, code)| Extension { value_code: Some(code.into()), ..Extension::ours(name) })
            .collect(),
        identifier: vec![Identifier::ours("alert", alert.id)],
        status: match alert.status {
            _ if alert.deleted_at.is_some() => "entered-in-error",
            AlertStatus::Open | AlertStatus::Calling => "preliminary",
            AlertStatus::Acknowledged | AlertStatus::Resolved | AlertStatus::Expired => "final",
        },
        code: CodeableConcept::words(&alert.reason),
        severity: Some(match alert.severity {
            Severity::Low => "low",
            Severity::Medium => "moderate",
            Severity::High | Severity::Critical => "high",
        }),
        patient: Some(context.patient()),
        identified_date_time: Some(alert.created_at.to_string()),
        author: alert.raised_by.and_then(|id| context.practitioner(id)),
        implicated: alert.visit_id.map(|id| context.encounter(id)).into_iter().collect(),
        detail: some_text(alert.message.as_deref()),
        mitigation: alert
            .acknowledged_by
            .map(|id| Mitigation {
                action: CodeableConcept { text: Some("Acknowledged".into()), ..CodeableConcept::default() },
                date: alert.acknowledged_at.map(|at| at.to_string()),
                author: context.practitioner(id),
            })
            .into_iter()
            .collect(),
    }
}
