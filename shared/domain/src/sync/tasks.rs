//! A task's own rules.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::judge::{Row, present, text};
use crate::{clinical, error::Error, task_type::TaskType, validation::Faults};

/// Whether two values for its data wait for a person.
pub(super) fn is_clinical(task: &Row) -> bool {
    task_type(task).is_some_and(TaskType::is_clinical)
}

pub(super) fn task_type(task: &Row) -> Option<TaskType> {
    text(task, "task_type")?.parse().ok()
}

/// Brings a task's tick in line with its time, and checks what was measured or given.
///
/// # Errors
/// Says which rule it breaks.
pub(super) fn settle(row: &mut Row, now: Timestamp) -> Result<(), String> {
    let completed = row.get("completed") == Some(&json!(true));
    if !completed {
        row.insert("completed_at".into(), Value::Null);
    } else if !present(row, "completed_at") {
        row.insert("completed_at".into(), json!(now));
    }
    let (Some(kind), Some(data)) = (task_type(row), row.get("data").filter(|data| !data.is_null())) else {
        return Ok(());
    };
    let mut faults = Faults::default();
    clinical::check_data(kind, data, "", &mut faults).map_err(|error| error.to_string())?;
    match faults.into_result() {
        Err(Error::Invalid(faults)) => {
            let told: Vec<_> = faults
                .into_iter()
                .map(|fault| {
                    format!("data{} {}", fault.pointer.unwrap_or_default().trim_start_matches('#'), fault.detail)
                })
                .collect();
            Err(told.join("; "))
        }
        _ => Ok(()),
    }
}
