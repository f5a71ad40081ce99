//! Tasks: as over REST, those of one's own visits, of the types that one's role writes. A tick goes with its time, and
//! what was measured or given must be plausible.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    policy::{Actor, Context, NOT_YOURS, VisitFacts, Write, refused},
    schema::Column,
    synced_table::SyncedTable,
};
use crate::{chart::ChartedTask, clinical, error::Error, task_type::TaskType, validation::Faults};

/// What the rules look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct VisitTask {
    visit_id: Uuid,
    task_type: TaskType,
    title: Option<String>,
    completed: bool,
    completed_at: Option<Timestamp>,
    outcome: Option<String>,
    data: Option<Value>,
}

impl SyncedTable for VisitTask {
    fn may_write(write: &Write<'_, Self>, actor: &Actor, context: &Context) -> Result<(), String> {
        match write {
            Write::Create(task) => context.may_chart_for(task.may_be_written(actor, context)?.client_id),
            Write::Delete(task) => {
                let visit = task.may_be_written(actor, context)?;
                actor.may_chart(visit, false, context)
            }
            Write::Change { before, after } => {
                let visit = before.may_be_written(actor, context)?;
                after.may_be_written(actor, context)?;
                actor.may_chart(visit, after.charted().only_adds_to(&before.charted()), context)?;
                context.may_chart_for(visit.client_id)
            }
            Write::ChangeDeleted { before, after } => [before, after].into_iter().try_for_each(|task| {
                let visit = context.visits.get(&task.visit_id).or_else(|| context.deleted_visits.get(&task.visit_id));
                let visit = visit.ok_or(NOT_YOURS)?;
                task.is_for(visit, actor)?;
                context.may_chart_for(visit.client_id)
            }),
        }
    }

    fn waits_for_a_person(&self, column: &Column) -> bool {
        column.clinical && self.task_type.is_clinical()
    }

    fn settle(&mut self, _before: Option<&Self>, now: Timestamp) -> Result<(), String> {
        self.completed_at = self.completed.then(|| self.completed_at.unwrap_or(now));
        self.data.as_ref().map_or(Ok(()), |data| check(self.task_type, data))
    }

    fn client_id(&self, context: &Context) -> Option<Uuid> {
        context.visits.get(&self.visit_id).map(|visit| visit.client_id)
    }
}

impl VisitTask {
    /// The visit, if so.
    fn may_be_written<'a>(&self, actor: &Actor, context: &'a Context) -> Result<&'a VisitFacts, String> {
        let visit = context.visits.get(&self.visit_id).ok_or("its visit does not exist")?;
        if visit.cancelled && actor.answers_for(visit.user_id) {
            return Err("its visit was cancelled".into());
        }
        self.is_for(visit, actor).map(|()| visit)
    }

    fn charted(&self) -> ChartedTask<'_> {
        ChartedTask {
            task_type: self.task_type,
            title: self.title.as_deref(),
            completed: self.completed,
            completed_at: self.completed_at,
            outcome: self.outcome.as_deref(),
            data: self.data.as_ref(),
        }
    }

    fn is_for(&self, visit: &VisitFacts, actor: &Actor) -> Result<(), String> {
        if !actor.answers_for(visit.user_id) {
            return refused(NOT_YOURS);
        }
        if !self.task_type.writable_by(actor.role) {
            return refused(format!("tasks of the type {} are for nurses", <&str>::from(self.task_type)));
        }
        Ok(())
    }
}

/// Says of everything in `data` that can't be true where it stands.
fn check(task_type: TaskType, data: &Value) -> Result<(), String> {
    let mut faults = Faults::default();
    clinical::check_data(task_type, data, "", &mut faults).map_err(|error| error.to_string())?;
    let Err(Error::Invalid(faults)) = faults.into_result() else { return Ok(()) };
    let told: Vec<_> = faults
        .into_iter()
        .map(|fault| format!("data{} {}", fault.pointer.unwrap_or_default().trim_start_matches('#'), fault.detail))
        .collect();
    refused(told.join("; "))
}
