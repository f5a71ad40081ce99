//! Doses of medicines: given, or not and why.

use domain::clinical::{Medication, MedicationOutcome};
use store::reads::export::ExportedTask;

use super::{
    context::{Context, VisitFacts},
    element::{
        Annotation, CodeableConcept, Extension, Identifier, Meta, Quantity, Reference, changed, elements, some_text,
        system, text,
    },
};

elements! {
    /// Who gave it.
    Performer { actor: Reference }

    /// How much of it, and how.
    Dosage { text: Option<String>, route: Option<CodeableConcept>, dose: Option<Quantity> }

    /// A dose.
    MedicationAdministration {
        id: String,
        meta: Option<Meta>,
        identifier: Vec<Identifier>,
        status: &'static str,
        status_reason: Vec<CodeableConcept>,
        medication_codeable_concept: CodeableConcept,
        subject: Reference,
        context: Option<Reference>,
        effective_date_time: String,
        performer: Vec<Performer>,
        note: Vec<Annotation>,
        dosage: Option<Dosage>,
    }
}

/// A dose. What the client took without help, the client performed.
pub fn of(task: &ExportedTask, dose: &Medication, facts: VisitFacts, context: &Context) -> MedicationAdministration {
    let taken_by = match dose.outcome {
        MedicationOutcome::Given => Some(context.person(facts.user_id)),
        MedicationOutcome::SelfAdministered => Some(context.patient()),
        MedicationOutcome::Refused | MedicationOutcome::Omitted => None,
    };
    let reason = taken_by.is_none().then(|| {
        let outcome = if dose.outcome == MedicationOutcome::Refused { "Refused" } else { "Omitted" };
        match some_text(dose.reason.as_deref()) {
            Some(reason) => CodeableConcept { text: text(&format!("{outcome}: {reason}")), ..Default::default() },
            None => CodeableConcept::words_or_unknown(None),
        }
    });
    let given = some_text(dose.reason.as_deref()).filter(|_| taken_by.is_some());
    MedicationAdministration {
        id: task.id.to_string(),
        meta: Some(changed(task.updated_at)),
        identifier: vec![Identifier::ours("task", task.id)],
        status: match &taken_by {
            _ if task.deleted_at.is_some() => "entered-in-error",
            Some(_) => "completed",
            None => "not-done",
        },
        status_reason: reason.into_iter().collect(),
        medication_codeable_concept: CodeableConcept::words_or_unknown(Some(&dose.name)),
        subject: context.patient(),
        context: Some(context.encounter(task.visit_id)),
        effective_date_time: task.completed_at.unwrap_or(facts.start).to_string(),
        performer: taken_by.map(|actor| Performer { actor }).into_iter().collect(),
        note: [text(&task.title), some_text(task.outcome.as_deref()), given]
            .into_iter()
            .flatten()
            .map(|text| Annotation { text, ..Annotation::default() })
            .collect(),
        dosage: Some(Dosage {
            text: text(&dose.dose),
            route: CodeableConcept::words(&dose.route),
            dose: Some(amount(&dose.dose).unwrap_or_else(said_in_words)),
        }),
    }
}

/// FHIR asks for a dose wherever there is a dosage; this one stands in its text.
fn said_in_words() -> Quantity {
    Quantity {
        extension: vec![Extension {
            url: "http://hl7.org/fhir/StructureDefinition/data-absent-reason".into(),
            value_code: Some("as-text".into()),
            ..Extension::default()
        }],
        ..Quantity::default()
    }
}

/// A dose that is a number and a unit, and nothing else. A comma is a decimal one where French is written.
fn amount(dose: &str) -> Option<Quantity> {
    let dose = dose.trim();
    let number = dose.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(dose.len());
    let (number, unit) = dose.split_at(number);
    let thousands = number.split_once(',').is_some_and(|(_, after)| after.len() == 3);
    let value: f64 = (!thousands).then(|| number.replace(',', "."))?.parse().ok()?;
    let code = match unit.trim() {
        "mg" => "mg",
        "g" => "g",
        "mcg" | "µg" | "ug" => "ug",
        "mL" | "ml" => "mL",
        "L" => "L",
        "IU" | "UI" | "units" | "unités" => "[IU]",
        "mmol" => "mmol",
        "mEq" => "meq",
        "%" => "%",
        _ => return None,
    };
    Some(Quantity {
        value: Some(value),
        unit: text(unit.trim()),
        system: Some(system::UCUM.into()),
        code: Some(code),
        ..Quantity::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dose_is_a_quantity_only_where_it_is_a_number_and_a_unit() {
        let parsed = |dose: &str| amount(dose).map(|quantity| (quantity.value.unwrap_or_default(), quantity.code));
        for (dose, value, code) in
            [("500 mg", 500.0, "mg"), ("0.5mL", 0.5, "mL"), ("2,5 mg", 2.5, "mg"), (" 25 mcg ", 25.0, "ug")]
        {
            assert_eq!(parsed(dose), Some((value, Some(code))), "{dose}");
        }
        for dose in ["one tablet", "1-2 tablets", "500", "mg", "1,000 units", "500 mg twice", "1.2.3 mg", "½ mg", ""] {
            assert_eq!(parsed(dose), None, "{dose}");
        }
    }
}
