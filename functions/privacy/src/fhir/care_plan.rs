//! Versions of the care plan: each replaces the one before it, which is revoked.

use store::{reads::export::ExportedCarePlan, tables::care_plans::PlannedMedication};

use super::{
    context::Context,
    element::{CodeableConcept, Identifier, Reference, Resource, elements, text},
};

elements! {
    /// What care is to reach.
    Goal { id: String, lifecycle_status: &'static str, description: CodeableConcept, subject: Reference }

    /// What the client must not get.
    AllergyIntolerance {
        id: String,
        clinical_status: Option<CodeableConcept>,
        code: Option<CodeableConcept>,
        patient: Reference,
    }

    /// One thing to do.
    Detail {
        kind: Option<&'static str>,
        status: &'static str,
        scheduled_string: Option<String>,
        product_codeable_concept: Option<CodeableConcept>,
        description: Option<String>,
    }

    /// One thing to do, in the plan.
    Activity { detail: Option<Detail> }

    /// A version of the plan.
    CarePlan {
        id: String,
        contained: Vec<Resource>,
        identifier: Vec<Identifier>,
        replaces: Vec<Reference>,
        status: &'static str,
        intent: &'static str,
        description: Option<String>,
        subject: Reference,
        created: Option<String>,
        author: Option<Reference>,
        supporting_info: Vec<Reference>,
        goal: Vec<Reference>,
        activity: Vec<Activity>,
    }
}

fn id_of(context: &Context, version: i32) -> String {
    format!("{}-plan-{version}", context.client_id)
}

/// A version of the plan.
pub fn of(version: &ExportedCarePlan, context: &Context) -> CarePlan {
    let plan = &version.plan;
    let (status, of_activity) = if version.in_force { ("active", "in-progress") } else { ("revoked", "stopped") };
    let goals: Vec<_> = plan.goals.iter().filter_map(|goal| CodeableConcept::words(goal)).collect();
    let allergies: Vec<_> = plan.allergies.iter().filter_map(|allergy| CodeableConcept::words(allergy)).collect();
    let names = |kind: &'static str, count: usize| (1..=count).map(move |number| format!("{kind}-{number}"));
    let references = |kind, count| names(kind, count).map(|name| Reference::contained(&name)).collect();
    let (goal, supporting_info) = (references("goal", goals.len()), references("allergy", allergies.len()));
    let contained_goals = names("goal", goals.len()).zip(goals).map(|(id, description)| {
        Resource::Goal(Goal {
            id,
            lifecycle_status: if version.in_force { "active" } else { "cancelled" },
            description,
            subject: context.patient(),
        })
    });
    let contained_allergies = names("allergy", allergies.len()).zip(allergies).map(|(id, code)| {
        Resource::AllergyIntolerance(AllergyIntolerance {
            id,
            clinical_status: Some(CodeableConcept::code(
                "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
                "active",
                "Active",
            )),
            code: Some(code),
            patient: context.patient(),
        })
    });
    let instructions = plan.instructions.iter().filter_map(|instruction| text(instruction)).map(|description| Detail {
        status: of_activity,
        description: Some(description),
        ..Detail::default()
    });
    let medications = plan.medications.iter().map(|medication| of_medication(medication, of_activity));
    CarePlan {
        id: id_of(context, version.version),
        contained: contained_goals.chain(contained_allergies).collect(),
        identifier: vec![Identifier::ours("care-plan-version", id_of(context, version.version))],
        replaces: (version.version > 1)
            .then(|| Reference::to("CarePlan", id_of(context, version.version - 1)))
            .into_iter()
            .collect(),
        status,
        intent: "plan",
        description: text(&plan.summary),
        subject: context.patient(),
        created: Some(version.written_at.to_string()),
        author: Some(context.author(version.written_by)),
        supporting_info,
        goal,
        activity: instructions.chain(medications).map(|detail| Activity { detail: Some(detail) }).collect(),
    }
}

fn of_medication(medication: &PlannedMedication, status: &'static str) -> Detail {
    Detail {
        kind: Some("MedicationRequest"),
        status,
        scheduled_string: text(&medication.schedule),
        product_codeable_concept: CodeableConcept::words(&medication.name),
        description: text(&format!("{}, {}", medication.dose, medication.route)),
    }
}
