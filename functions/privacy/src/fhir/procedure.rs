//! Tasks, other than doses of medicines.

use domain::task_type::TaskType;
use serde_json::Value;
use store::reads::export::ExportedTask;

use super::{
    context::{Context, VisitFacts},
    element::{
        Annotation, CodeableConcept, Coding, Identifier, Meta, Reference, changed, elements, ours, some_text, text,
    },
};

elements! {
    /// Who did it.
    Performer { actor: Reference }

    /// A task.
    Procedure {
        id: String,
        meta: Option<Meta>,
        identifier: Vec<Identifier>,
        status: &'static str,
        status_reason: Option<CodeableConcept>,
        code: Option<CodeableConcept>,
        subject: Reference,
        encounter: Option<Reference>,
        performed_date_time: Option<String>,
        performer: Vec<Performer>,
        note: Vec<Annotation>,
    }
}

/// A task as its type and title.
pub fn code(task: &ExportedTask) -> CodeableConcept {
    let (code, display) = match task.task_type {
        TaskType::Vitals => ("vitals", "Vital signs"),
        TaskType::Medication => ("medication", "Medication"),
        TaskType::PersonalCare => ("personal_care", "Personal care"),
        TaskType::Meals => ("meals", "Meals"),
        TaskType::Mobility => ("mobility", "Mobility"),
        TaskType::WoundCare => ("wound_care", "Wound care"),
        TaskType::Companionship => ("companionship", "Companionship"),
        TaskType::Housekeeping => ("housekeeping", "Housekeeping"),
        TaskType::Other => ("other", "Other"),
    };
    CodeableConcept { coding: vec![Coding::new(&ours("CodeSystem/task-type"), code, display)], text: text(&task.title) }
}

/// A task. One that waits for its visit is in preparation; one that was left when the visit was over was not done.
pub fn of(task: &ExportedTask, facts: VisitFacts, context: &Context) -> Procedure {
    let done = task.completed;
    let status = match (done, facts.pending) {
        _ if task.deleted_at.is_some() => "entered-in-error",
        (true, _) => "completed",
        (false, true) => "preparation",
        (false, false) => "not-done",
    };
    let outcome = task.outcome.as_deref().filter(|_| status != "not-done");
    Procedure {
        id: task.id.to_string(),
        meta: Some(changed(task.updated_at)),
        identifier: vec![Identifier::ours("task", task.id)],
        status,
        status_reason: (status == "not-done").then(|| CodeableConcept::words_or_unknown(task.outcome.as_deref())),
        code: Some(code(task)),
        subject: context.patient(),
        encounter: Some(context.encounter(task.visit_id)),
        performed_date_time: task.completed_at.map(|at| at.to_string()),
        performer: done.then(|| Performer { actor: context.person(facts.user_id) }).into_iter().collect(),
        note: [some_text(outcome), remark(task)]
            .into_iter()
            .flatten()
            .map(|text| Annotation { text, ..Annotation::default() })
            .collect(),
    }
}

/// What a task's data says, in words. Vital signs are Observations.
fn remark(task: &ExportedTask) -> Option<String> {
    let data = task.data.as_ref().filter(|_| task.task_type != TaskType::Vitals)?.as_object()?;
    let words = data.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| match value {
        Value::String(words) => format!("{}: {words}", key.replace('_', " ")),
        other => format!("{}: {other}", key.replace('_', " ")),
    });
    text(&words.collect::<Vec<_>>().join("; "))
}
