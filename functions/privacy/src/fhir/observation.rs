//! Measured vital signs.

use domain::clinical::{Quantity as Measured, Vitals};
use jiff::Timestamp;
use store::reads::export::ExportedTask;

use super::{
    context::{Context, VisitFacts},
    element::{CodeableConcept, Identifier, Meta, Quantity, Reference, changed, elements, system},
};

elements! {
    /// One of several values that were measured together.
    Component { code: CodeableConcept, value_quantity: Option<Quantity> }

    /// A vital sign.
    Observation {
        id: String,
        meta: Option<Meta>,
        identifier: Vec<Identifier>,
        part_of: Vec<Reference>,
        status: &'static str,
        category: Vec<CodeableConcept>,
        code: CodeableConcept,
        subject: Option<Reference>,
        encounter: Option<Reference>,
        effective_date_time: Option<String>,
        issued: Option<Timestamp>,
        performer: Vec<Reference>,
        value_quantity: Option<Quantity>,
        component: Vec<Component>,
    }
}

/// A LOINC code and how it reads.
type Loinc = (&'static str, &'static str);

/// A unit of ours and its UCUM code.
fn quantity(value: f64, unit: &str) -> Quantity {
    let code = match unit {
        "mmHg" => "mm[Hg]",
        "bpm" => "/min",
        "°C" => "Cel",
        "%" => "%",
        "mmol/L" => "mmol/L",
        "mg/dL" => "mg/dL",
        "/10" => "{score}",
        "kg" => "kg",
        _ => return Quantity { value: Some(value), unit: Some(unit.into()), ..Quantity::default() },
    };
    Quantity {
        value: Some(value),
        unit: Some(unit.into()),
        system: Some(system::UCUM.into()),
        code: Some(code),
        ..Quantity::default()
    }
}

fn concept((code, display): Loinc) -> CodeableConcept {
    CodeableConcept::code(system::LOINC, code, display)
}

/// What each measure is in LOINC; glucose by its unit, as the two are different substances' concentrations there.
fn singles(vitals: &Vitals) -> impl Iterator<Item = (&'static str, Vec<Loinc>, &Measured)> {
    let glucose: Loinc = match vitals.glucose.as_ref().map(|glucose| glucose.unit.as_str()) {
        Some("mg/dL") => ("2339-0", "Glucose [Mass/volume] in Blood"),
        _ => ("15074-8", "Glucose [Moles/volume] in Blood"),
    };
    [
        ("heart-rate", vec![("8867-4", "Heart rate")], &vitals.heart_rate),
        ("temperature", vec![("8310-5", "Body temperature")], &vitals.temperature),
        (
            "oxygen-saturation",
            // The vital signs profile asks for the first, pulse oximetry is the second.
            vec![
                ("2708-6", "Oxygen saturation in Arterial blood"),
                ("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"),
            ],
            &vitals.oxygen_saturation,
        ),
        ("glucose", vec![glucose], &vitals.glucose),
        ("pain", vec![("72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported")], &vitals.pain),
        ("weight", vec![("29463-7", "Body weight")], &vitals.weight),
    ]
    .into_iter()
    .filter_map(|(kind, codes, measured)| Some((kind, codes, measured.as_ref()?)))
}

/// The vital signs that a task's data holds.
pub fn of(task: &ExportedTask, vitals: &Vitals, facts: VisitFacts, context: &Context) -> Vec<Observation> {
    let observation = |kind: &str, code: CodeableConcept| {
        let category = match kind {
            "glucose" => ("laboratory", "Laboratory"),
            "pain" => ("survey", "Survey"),
            _ => ("vital-signs", "Vital Signs"),
        };
        Observation {
            id: format!("{}-{kind}", task.id),
            meta: Some(changed(task.updated_at)),
            identifier: vec![Identifier::ours("vital-sign", format!("{}-{kind}", task.id))],
            part_of: vec![Reference::to("Procedure", task.id)],
            status: match task.deleted_at {
                Some(_) => "entered-in-error",
                None if task.completed => "final",
                None => "preliminary",
            },
            category: vec![CodeableConcept::code(
                "http://terminology.hl7.org/CodeSystem/observation-category",
                category.0,
                category.1,
            )],
            code,
            subject: Some(context.patient()),
            encounter: Some(context.encounter(task.visit_id)),
            effective_date_time: Some(task.completed_at.unwrap_or(facts.start).to_string()),
            issued: Some(task.updated_at),
            performer: vec![context.person(facts.user_id)],
            value_quantity: None,
            component: Vec::new(),
        }
    };
    let pressure = vitals.blood_pressure.as_ref().map(|pressure| Observation {
        component: [
            (("8480-6", "Systolic blood pressure"), pressure.systolic),
            (("8462-4", "Diastolic blood pressure"), pressure.diastolic),
        ]
        .map(|(code, value)| Component { code: concept(code), value_quantity: Some(quantity(value, &pressure.unit)) })
        .into(),
        ..observation("blood-pressure", concept(("85354-9", "Blood pressure panel with all children optional")))
    });
    let singles = singles(vitals).map(|(kind, codes, measured)| Observation {
        value_quantity: Some(quantity(measured.value, &measured.unit)),
        ..observation(
            kind,
            CodeableConcept { coding: codes.into_iter().flat_map(|code| concept(code).coding).collect(), text: None },
        )
    });
    pressure.into_iter().chain(singles).collect()
}
