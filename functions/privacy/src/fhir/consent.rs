//! Consents and their withdrawals: each is a Consent of its own.

use store::{reads::export::ExportedConsent, tables::consents::ConsentKind};

use super::{
    context::Context,
    element::{CodeableConcept, Coding, Extension, Identifier, Reference, elements, ours, some_text, system},
};

elements! {
    /// For whom it is.
    Actor { role: CodeableConcept, reference: Reference }

    /// What it permits or denies.
    Provision {
        #[serde(rename = "type")] kind: Option<&'static str>,
        actor: Vec<Actor>,
        code: Vec<CodeableConcept>,
    }

    /// A consent, or its withdrawal.
    Consent {
        id: String,
        extension: Vec<Extension>,
        identifier: Vec<Identifier>,
        status: &'static str,
        scope: CodeableConcept,
        category: Vec<CodeableConcept>,
        patient: Option<Reference>,
        date_time: Option<String>,
        performer: Vec<Reference>,
        organization: Vec<Reference>,
        policy_rule: Option<CodeableConcept>,
        provision: Option<Provision>,
    }
}

/// A consent: to permit by opting in, or to deny by opting out.
pub fn of(consent: &ExportedConsent, context: &Context) -> Consent {
    let (code, display) = match consent.kind {
        ConsentKind::DataCollection => ("data_collection", "Collection of data"),
        ConsentKind::FamilySharing => ("family_sharing", "Sharing with the family"),
        ConsentKind::Sms => ("sms", "Text messages"),
        ConsentKind::Photos => ("photos", "Photos"),
    };
    let (rule, kind) = if consent.granted { (("OPTIN", "opt-in"), "permit") } else { (("OPTOUT", "opt-out"), "deny") };
    Consent {
        id: consent.id.to_string(),
        extension: [
            ("consent-method", Some(&consent.method)),
            ("consent-purpose", consent.purpose.as_ref()),
            ("consent-text-version", consent.text_version.as_ref()),
            ("consent-given-by", consent.given_by.as_ref()),
            ("consent-giver-name", consent.giver_name.as_ref()),
            ("consent-giver-relation", consent.giver_relation.as_ref()),
        ]
        .into_iter()
        .filter_map(|(name, told)| {
            let told = some_text(told.map(String::as_str))?;
            Some(Extension { value_string: Some(told), ..Extension::ours(name) })
        })
        .collect(),
        identifier: vec![Identifier::ours("consent", consent.id)],
        status: "active",
        scope: CodeableConcept::code(
            "http://terminology.hl7.org/CodeSystem/consentscope",
            "patient-privacy",
            "Privacy Consent",
        ),
        category: vec![CodeableConcept::code(system::LOINC, "59284-0", "Consent Document")],
        patient: Some(context.patient()),
        date_time: Some(consent.recorded_at.to_string()),
        performer: match consent.given_by.as_deref() {
            Some("client") => vec![context.patient()],
            Some("family_member") => consent.user_id.map(|id| context.person(id)).into_iter().collect(),
            // A substitute decision-maker has no record of their own: extensions say who it was.
            _ => Vec::new(),
        },
        organization: vec![context.organization()],
        policy_rule: Some(CodeableConcept::code(system::ACT_CODE, rule.0, rule.1)),
        provision: Some(Provision {
            kind: Some(kind),
            actor: consent
                .user_id
                .map(|id| Actor {
                    role: CodeableConcept::code(
                        "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                        "IRCP",
                        "information recipient",
                    ),
                    reference: context.person(id),
                })
                .into_iter()
                .collect(),
            code: vec![CodeableConcept {
                coding: vec![Coding::new(&ours("CodeSystem/consent-kind"), code, display)],
                text: None,
            }],
        }),
    }
}
