//! What is to be done at a visit, and what was.

use domain::{
    Versioned,
    chart::ChartedTask,
    clinical,
    error::Error,
    record_rules::{PLAUSIBLE_TIME, is_plausible_time},
    task_type::TaskType,
    validation::{Check, Faults},
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Identity, Tx, audited_page};

/// What is said of a task when creating or changing it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"task_type": "vitals", "title": "Blood pressure and pulse", "completed": true,
    "completed_at": "2026-11-20T14:20:00Z", "outcome": "done",
    "data": {"blood_pressure": {"systolic": 128, "diastolic": 78, "unit": "mmHg"},
        "heart_rate": {"value": 72, "unit": "bpm"}}}))]
pub struct TaskFields {
    /// What kind of task; decides what `data` may say.
    pub task_type: TaskType,
    /// What to do, in a few words; families read the titles of what was done.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// Whether it was done.
    #[serde(default)]
    pub completed: bool,
    /// When, by the phone; the server's time where absent.
    #[serde(default)]
    pub completed_at: Option<Timestamp>,
    /// The outcome, as the caregiver wrote or chose it.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub outcome: Option<String>,
    /// What was measured or given: `Vitals`, `Medication`, `Wound` or `TaskNote`, by `task_type`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
    /// Why a completed visit's chart is corrected or added to: needed of coordinators, and of everybody once 24 hours
    /// have passed since the check-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

impl TaskFields {
    /// What of it is charted.
    #[must_use]
    pub fn charted(&self) -> ChartedTask<'_> {
        ChartedTask {
            task_type: self.task_type,
            title: Some(&self.title),
            completed: self.completed,
            completed_at: self.completed_at,
            outcome: self.outcome.as_deref(),
            data: self.data.as_ref(),
        }
    }
}

impl Check for TaskFields {
    fn check(&self, faults: &mut Faults) {
        faults.unless(self.completed || self.completed_at.is_none(), "/completed_at", "must be null unless completed");
        faults.unless(self.completed_at.is_none_or(is_plausible_time), "/completed_at", PLAUSIBLE_TIME);
        if let Some(data) = &self.data {
            // A schema of ours that doesn't compile is found by the tests of `clinical`.
            let checked = clinical::check_data(self.task_type, data, "/data", faults);
            faults.unless(checked.is_ok(), "/data", "could not be checked");
        }
    }
}

/// A task's row.
#[derive(Clone, Debug, Serialize, Deserialize, FromRow)]
pub struct TaskRow {
    id: Uuid,
    visit_id: Uuid,
    task_type: TaskType,
    title: String,
    completed: bool,
    completed_at: Option<Timestamp>,
    outcome: Option<String>,
    data: Option<Value>,
    created_at: Timestamp,
    updated_at: Timestamp,
    change_number: i64,
}

/// A task.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000b1",
    "visit_id": "0193a5b0-0000-7000-8000-0000000000a1",
    "task_type": "vitals", "title": "Blood pressure and pulse", "completed": true,
    "completed_at": "2026-11-20T14:20:00Z", "outcome": "done",
    "data": {"blood_pressure": {"systolic": 128, "diastolic": 78, "unit": "mmHg"},
        "heart_rate": {"value": 72, "unit": "bpm"}},
    "abnormal_flags": [], "created_at": "2026-11-19T09:00:00Z", "updated_at": "2026-11-20T14:20:03Z"}))]
pub struct Task {
    /// The task's id.
    pub id: Uuid,
    /// The visit that the task belongs to.
    pub visit_id: Uuid,
    /// What kind of task.
    pub task_type: TaskType,
    /// The task's title.
    pub title: String,
    /// Whether it was done.
    pub completed: bool,
    /// When the task was completed, by the phone's clock.
    pub completed_at: Option<Timestamp>,
    /// The outcome, as the caregiver wrote or chose it.
    pub outcome: Option<String>,
    /// What was measured or given.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
    /// Pointers into `data` to values that should worry somebody.
    #[serde(rename = "abnormal_flags")]
    pub abnormal_flags: Vec<String>,
    /// When it was planned.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    #[serde(skip)]
    change_number: i64,
}

impl From<TaskRow> for Task {
    fn from(row: TaskRow) -> Self {
        Self {
            abnormal_flags: clinical::abnormal_flags(row.task_type, row.data.as_ref()),
            id: row.id,
            visit_id: row.visit_id,
            task_type: row.task_type,
            title: row.title,
            completed: row.completed,
            completed_at: row.completed_at,
            outcome: row.outcome,
            data: row.data,
            created_at: row.created_at,
            updated_at: row.updated_at,
            change_number: row.change_number,
        }
    }
}

impl Versioned for Task {
    fn version(&self) -> i64 {
        self.change_number
    }
}

impl From<&Task> for TaskFields {
    fn from(task: &Task) -> Self {
        let Task { task_type, title, completed, completed_at, outcome, data, .. } = task.clone();
        Self { task_type, title, completed, completed_at, outcome, data, reason: None }
    }
}

macro_rules! columns {
    () => {
        "t.id, t.visit_id, t.task_type::text as task_type, t.title, t.completed, t.completed_at, t.outcome, t.data,
         t.created_at, t.updated_at, t.change_number"
    };
}

/// A visit's tasks, as they were planned.
pub async fn of_visit(
    db: &Db,
    who: &impl Identity,
    visit_id: Uuid,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Task>, DbError> {
    let rows: Vec<TaskRow> = db
        .read(
            who,
            audited_page!(
                "visit_task.list",
                "visit_task",
                "$3",
                "select ",
                columns!(),
                ", v.client_id
                 from visit_tasks t join visits v on v.id = t.visit_id
                 where t.visit_id = $1 and t.deleted_at is null and v.deleted_at is null
                   and ($2::uuid is null or t.id > $2)
                 order by t.id limit $3"
            ),
            &[&visit_id, &after, &limit],
        )
        .await?;
    Ok(rows.into_iter().map(Task::from).collect())
}

/// One task inside a write transaction, where the counter's lock keeps it as it is. A row lock would hide those that
/// the caller may see and not change, and so tell 404 where 403 is true.
pub async fn lock<I: Identity>(tx: &mut Tx<I>, visit_id: Uuid, id: Uuid) -> Result<Task, Error> {
    let row: Option<TaskRow> = tx
        .query_opt(
            concat!(
                "select ",
                columns!(),
                " from visit_tasks t
                 where t.id = $1 and t.visit_id = $2 and t.deleted_at is null"
            ),
            &[&id, &visit_id],
        )
        .await?;
    row.map(Task::from).ok_or(Error::NotFound)
}

/// Adds a task.
pub async fn insert<I: Identity>(
    tx: &mut Tx<I>,
    (visit_id, client_id): (Uuid, Uuid),
    id: Uuid,
    task: &TaskFields,
) -> Result<(), Error> {
    tx.audit(entry("visit_task.create", id, client_id, task));
    Ok(tx
        .execute(
            "insert into visit_tasks
               (id, agency_id, visit_id, task_type, title, completed, completed_at, outcome, data)
             values ($1, app.agency_id(), $2, $3::text::task_type, $4, $5,
               case when $5 then coalesce($6, now()) end, $7, $8)",
            &[
                &id,
                &visit_id,
                &task.task_type,
                &task.title,
                &task.completed,
                &task.completed_at,
                &task.outcome,
                &task.data,
            ],
        )
        .await?)
}

/// A task as it is brought over from elsewhere.
#[derive(Clone, Debug, Serialize)]
pub struct TaskRecord {
    /// The task's id.
    pub id: Uuid,
    /// The visit that the task belongs to.
    pub visit_id: Uuid,
    /// The client whom it concerns.
    #[serde(skip)]
    pub client_id: Uuid,
    /// What was planned and done.
    #[serde(flatten)]
    pub fields: TaskFields,
}

/// Brings over some hundreds of tasks.
pub async fn insert_many<I: Identity>(tx: &mut Tx<I>, tasks: &[TaskRecord]) -> Result<(), Error> {
    for task in tasks {
        tx.audit(entry("visit_task.create", task.id, task.client_id, &task.fields));
    }
    Ok(tx
        .execute(
            "insert into visit_tasks
               (id, agency_id, visit_id, task_type, title, completed, completed_at, outcome, data)
             select r.id, app.agency_id(), r.visit_id, r.task_type::task_type, r.title, r.completed,
               case when r.completed then coalesce(r.completed_at, now()) end, r.outcome, r.data
             from jsonb_to_recordset($1) as r (id uuid, visit_id uuid, task_type text, title text, completed boolean,
               completed_at timestamptz, outcome text, data jsonb)",
            &[&serde_json::json!(tasks)],
        )
        .await?)
}

/// Writes a task's fields.
pub async fn update<I: Identity>(tx: &mut Tx<I>, client_id: Uuid, id: Uuid, task: &TaskFields) -> Result<Task, Error> {
    tx.audit(entry("visit_task.update", id, client_id, task));
    let row: Option<TaskRow> = tx
        .query_opt(
            concat!(
                "update visit_tasks t set task_type = $2::text::task_type, title = $3, completed = $4,
                   completed_at = case when $4 then coalesce($5, t.completed_at, now()) end, outcome = $6, data = $7
                 where t.id = $1 returning ",
                columns!()
            ),
            &[&id, &task.task_type, &task.title, &task.completed, &task.completed_at, &task.outcome, &task.data],
        )
        .await?;
    row.map(Task::from).ok_or(Error::NotFound)
}

/// Removes a task, softly.
pub async fn delete<I: Identity>(tx: &mut Tx<I>, client_id: Uuid, id: Uuid) -> Result<(), Error> {
    tx.audit(AuditEntry::new("visit_task.delete", "visit_task", id, Some(client_id)));
    tx.execute_one(
        "update visit_tasks set deleted_at = now() where id = $1 and deleted_at is null returning id",
        &[&id],
    )
    .await
}

/// Values that should worry somebody are flagged on the record too: where they stand, not what they are.
fn entry(action: &'static str, id: Uuid, client_id: Uuid, task: &TaskFields) -> AuditEntry {
    let abnormal_flags = clinical::abnormal_flags(task.task_type, task.data.as_ref());
    let entry = AuditEntry::new(action, "visit_task", id, Some(client_id));
    if abnormal_flags.is_empty() { entry } else { entry.with(serde_json::json!({"abnormal_flags": abnormal_flags})) }
}
