//! The data types that resources of FHIR R4 are made of, as far as ours need them.

use std::borrow::Cow;

use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use uuid::Uuid;

/// What stands in no document: FHIR knows neither null nor an empty list.
pub trait Absent {
    /// Whether there is nothing to write.
    fn is_absent(&self) -> bool {
        false
    }
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absent for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Absent for &str {}
impl Absent for String {}
impl Absent for bool {}
impl Absent for f64 {}
impl Absent for Timestamp {}

/// Structs whose fields are elements: in camel case, and absent where they hold nothing.
macro_rules! elements {
    ($($(#[$meta:meta])* $name:ident { $($(#[$of_field:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, ::serde::Serialize)]
        #[serde(rename_all = "camelCase")]
        #[allow(clippy::struct_field_names, reason = "FHIR named them")]
        pub struct $name {$(
            $(#[$of_field])*
            #[serde(skip_serializing_if = "crate::fhir::element::Absent::is_absent")]
            pub $field: $type,
        )*}
        impl $crate::fhir::element::Absent for $name {}
    )*};
}
pub(crate) use elements;

elements! {
    /// A code of a system.
    Coding { system: Option<String>, code: Option<Cow<'static, str>>, display: Option<&'static str> }

    /// A concept, by codes, in words, or both.
    CodeableConcept { coding: Vec<Coding>, text: Option<String> }

    /// What something is known by in a system.
    Identifier {
        #[serde(rename = "type")] kind: Option<CodeableConcept>,
        system: Option<String>,
        value: Option<String>,
    }

    /// Another resource, by its address in the Bundle, or else by what it is known by.
    Reference { reference: Option<String>, identifier: Option<Identifier>, display: Option<String> }

    /// From when to when.
    Period { start: Option<String>, end: Option<String> }

    /// A person's name.
    HumanName { text: Option<String>, family: Option<String>, given: Vec<String> }

    /// A postal address.
    PostalAddress {
        line: Vec<String>,
        city: Option<String>,
        state: Option<String>,
        postal_code: Option<String>,
        country: Option<String>,
        text: Option<String>,
    }

    /// A phone number.
    ContactPoint { system: Option<&'static str>, value: Option<String> }

    /// A measured value; its unit in words and in UCUM.
    Quantity {
        extension: Vec<Extension>,
        value: Option<f64>,
        unit: Option<String>,
        system: Option<String>,
        code: Option<&'static str>,
    }

    /// A remark.
    Annotation { author_reference: Option<Reference>, time: Option<String>, text: String }

    /// Bytes, or what is known of them.
    Attachment {
        content_type: Option<String>,
        language: Option<String>,
        data: Option<String>,
        size: Option<i64>,
        title: Option<String>,
        creation: Option<String>,
    }

    /// What FHIR has no element for.
    Extension {
        url: String,
        value_code: Option<String>,
        value_decimal: Option<f64>,
        value_instant: Option<Timestamp>,
        value_period: Option<Period>,
        value_string: Option<String>,
        value_boolean: Option<bool>,
    }

    /// When the record last changed.
    Meta { last_updated: Option<Timestamp> }
}

/// Terminologies of others.
pub mod system {
    pub const LOINC: &str = "http://loinc.org";
    pub const UCUM: &str = "http://unitsofmeasure.org";
    pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    pub const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
    pub const DATA_ABSENT_REASON: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
}

/// Under which our own identifiers, codes and extensions stand; and a Bundle's resources.
pub const BASE: &str = "https://berthcare.ca/fhir";

/// The address of something of ours.
pub fn ours(path: &str) -> String {
    format!("{BASE}/{path}")
}

/// A text as FHIR takes it: not blank, and without control characters other than tab and line ends.
pub fn text(text: &str) -> Option<String> {
    let clean: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')).collect();
    (!clean.trim().is_empty()).then_some(clean)
}

/// The same of what may be missing.
pub fn some_text(given: Option<&str>) -> Option<String> {
    given.and_then(text)
}

impl CodeableConcept {
    /// In words alone.
    pub fn words(words: &str) -> Option<Self> {
        text(words).map(|text| Self { text: Some(text), ..Self::default() })
    }

    /// By one code.
    pub fn code(system: &str, code: &'static str, display: &'static str) -> Self {
        Self { coding: vec![Coding::new(system, code, display)], text: None }
    }

    /// By the words that were given, or else as not known.
    pub fn words_or_unknown(words: Option<&str>) -> Self {
        words.and_then(Self::words).unwrap_or_else(|| Self {
            text: Some("unknown".into()),
            ..Self::code(system::DATA_ABSENT_REASON, "unknown", "Unknown")
        })
    }
}

impl Coding {
    /// A code and how it reads.
    pub fn new(system: &str, code: &'static str, display: &'static str) -> Self {
        Self { system: Some(system.into()), code: Some(code.into()), display: Some(display) }
    }
}

impl Identifier {
    /// One of ours.
    pub fn ours(kind: &str, value: impl Into<String>) -> Self {
        Self { kind: None, system: Some(ours(kind)), value: Some(value.into()) }
    }
}

impl Reference {
    /// To a resource of the same Bundle.
    pub fn to(resource_type: &str, id: impl std::fmt::Display) -> Self {
        Self { reference: Some(format!("{resource_type}/{id}")), ..Self::default() }
    }

    /// To what stands in the same resource.
    pub fn contained(id: &str) -> Self {
        Self { reference: Some(format!("#{id}")), ..Self::default() }
    }

    /// To what is not in the Bundle, by its id.
    pub fn by_id(kind: &str, id: Uuid) -> Self {
        Self { identifier: Some(Identifier::ours(kind, id)), ..Self::default() }
    }
}

impl Period {
    /// Both ends, unless they are the wrong way round: then the first alone.
    pub fn of(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<Self> {
        let inverted = start.zip(end).is_some_and(|(start, end)| end < start);
        let end = end.filter(|_| !inverted);
        (start.is_some() || end.is_some())
            .then(|| Self { start: start.map(|at| at.to_string()), end: end.map(|at| at.to_string()) })
    }

    /// From day to day.
    pub fn of_days(start: Date, end: Option<Date>) -> Self {
        Self { start: Some(start.to_string()), end: end.filter(|end| *end >= start).map(|end| end.to_string()) }
    }
}

impl Extension {
    /// One of ours, without a value yet.
    pub fn ours(name: &str) -> Self {
        Self { url: ours(&format!("StructureDefinition/{name}")), ..Self::default() }
    }
}

/// When a record last changed.
pub fn changed(at: Timestamp) -> Meta {
    Meta { last_updated: Some(at) }
}

/// Any resource, and its type beside its elements.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "resourceType")]
pub enum Resource {
    AllergyIntolerance(super::care_plan::AllergyIntolerance),
    AuditEvent(super::audit_event::AuditEvent),
    CarePlan(super::care_plan::CarePlan),
    CareTeam(super::care_team::CareTeam),
    Communication(super::communication::Communication),
    Consent(super::consent::Consent),
    DetectedIssue(super::detected_issue::DetectedIssue),
    DocumentReference(super::document_reference::DocumentReference),
    Encounter(super::encounter::Encounter),
    Flag(super::flag::Flag),
    Goal(super::care_plan::Goal),
    Location(super::location::Location),
    MedicationAdministration(super::medication_administration::MedicationAdministration),
    Observation(super::observation::Observation),
    Organization(super::organization::Organization),
    Patient(super::patient::Patient),
    Practitioner(super::practitioner::Practitioner),
    PractitionerRole(super::practitioner::PractitionerRole),
    Procedure(super::procedure::Procedure),
    Provenance(super::provenance::Provenance),
    RelatedPerson(super::related_person::RelatedPerson),
}

impl Resource {
    /// Its type and id.
    pub fn kind_and_id(&self) -> (&'static str, &str) {
        match self {
            Self::DocumentReference(it) => ("DocumentReference", &it.id),
            Self::AllergyIntolerance(it) => ("AllergyIntolerance", &it.id),
            Self::AuditEvent(it) => ("AuditEvent", &it.id),
            Self::CarePlan(it) => ("CarePlan", &it.id),
            Self::CareTeam(it) => ("CareTeam", &it.id),
            Self::Communication(it) => ("Communication", &it.id),
            Self::Consent(it) => ("Consent", &it.id),
            Self::DetectedIssue(it) => ("DetectedIssue", &it.id),
            Self::Encounter(it) => ("Encounter", &it.id),
            Self::Flag(it) => ("Flag", &it.id),
            Self::Goal(it) => ("Goal", &it.id),
            Self::Location(it) => ("Location", &it.id),
            Self::MedicationAdministration(it) => ("MedicationAdministration", &it.id),
            Self::Observation(it) => ("Observation", &it.id),
            Self::Organization(it) => ("Organization", &it.id),
            Self::Patient(it) => ("Patient", &it.id),
            Self::Practitioner(it) => ("Practitioner", &it.id),
            Self::PractitionerRole(it) => ("PractitionerRole", &it.id),
            Self::Procedure(it) => ("Procedure", &it.id),
            Self::Provenance(it) => ("Provenance", &it.id),
            Self::RelatedPerson(it) => ("RelatedPerson", &it.id),
        }
    }
}
