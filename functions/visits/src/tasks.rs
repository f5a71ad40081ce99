//! What is to be done at a visit, and what was.

use app::App;
use axum::{Json, extract::State, http::StatusCode};
use domain::{
    chart::Charting,
    error::{Conflict, Error},
    identity::{Caller, VisitsRead, VisitsWrite},
    task_type::TaskType,
};
use store::{
    Identity, Tx,
    tables::{
        idempotency::{self, Creation},
        visit_tasks::{self, Task, TaskFields},
        visits::{self, Visit, VisitStatus},
    },
};
use uuid::Uuid;
use web::{Created, IfMatch, New, Page, PageQuery, Patch, Path, Query, Reply, Require};

use crate::{
    charting::{admit, charting_of, no_reason_yet},
    visits::only_own,
};

type NewTask = New<TaskFields>;
type TaskPatch = Patch<TaskFields>;
type TaskPage = Page<Task>;

/// List a visit's tasks.
#[utoipa::path(get, path = "/visits/{id}/tasks", tag = "visits", operation_id = "list_tasks",
    params(("id" = Uuid, Path, description = "The visit."), PageQuery),
    responses((status = 200, description = "A page of the tasks.", body = TaskPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Require<VisitsRead>,
    Path(id): Path<Uuid>,
    Query(query): Query<PageQuery>,
) -> web::Result<Json<TaskPage>> {
    let tasks = visit_tasks::of_visit(&app.db, &*caller, id, query.after()?, query.rows()).await?;
    if tasks.is_empty() {
        visits::find(&app.db, &caller, id).await?.ok_or(Error::NotFound)?;
    }
    query.page(tasks, |task| task.id)
}

/// Add a task.
#[utoipa::path(post, path = "/visits/{id}/tasks", tag = "visits", operation_id = "create_task",
    params(("id" = Uuid, Path, description = "The visit.")), request_body = NewTask,
    responses((status = 201, description = "The new task.", body = Task),
        (status = 409, description = "The visit is cancelled, the client has withdrawn the consent to charting, or the \
            id is taken.")))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Require<VisitsWrite>,
    Path(visit_id): Path<Uuid>,
    New { id, fields }: NewTask,
) -> web::Result<Created<Task>> {
    let mut tx = app.db.write(&*caller).await?;
    let visit = open_visit(&mut tx, &caller, visit_id).await?;
    writable(&caller, fields.task_type)?;
    no_reason_yet(fields.reason.as_deref())?;
    if idempotency::claim(&mut tx, "visit_tasks", id, &(visit_id, &fields)).await? == Creation::Fresh {
        visit_tasks::insert(&mut tx, (visit_id, visit.client_id), id, &fields).await?;
    }
    let task = visit_tasks::lock(&mut tx, visit_id, id).await?;
    tx.commit().await?;
    Ok(Created(id, task))
}

/// Change a task, or tick it off.
///
/// Once its visit is completed coordinators need a `reason`; 24 hours after the check-out caregivers only add, with
/// one.
#[utoipa::path(patch, path = "/visits/{id}/tasks/{task_id}", tag = "visits", operation_id = "change_task",
    params(("id" = Uuid, Path, description = "The visit."), ("task_id" = Uuid, Path, description = "The task.")),
    request_body = TaskPatch,
    responses((status = 200, description = "The record after the change.", body = Task),
        (status = 409, description = "The visit is cancelled, the task can only be added to, or the client has \
            withdrawn the consent to charting."),
        (status = 412, description = "The record has changed since it was read.")))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Require<VisitsWrite>,
    Path((visit_id, id)): Path<(Uuid, Uuid)>,
    if_match: IfMatch,
    patch: TaskPatch,
) -> web::Result<Reply<Task>> {
    let mut tx = app.db.write(&*caller).await?;
    let visit = open_visit(&mut tx, &caller, visit_id).await?;
    let before = visit_tasks::lock(&mut tx, visit_id, id).await?;
    if_match.check(&before)?;
    let mut current = TaskFields::from(&before);
    if patch.sets("completed", &false.into()) {
        // Unticking forgets when it was ticked.
        current.completed_at = None;
    }
    let wanted = patch.apply(&current)?;
    writable(&caller, before.task_type)?;
    writable(&caller, wanted.task_type)?;
    let stands = TaskFields::from(&before);
    if wanted.charted() != stands.charted() {
        let only_adds = wanted.charted().only_adds_to(&stands.charted());
        admit(&tx, charting_of(&caller, &visit), only_adds, wanted.reason.as_deref()).await?;
    }
    let after = visit_tasks::update(&mut tx, visit.client_id, id, &wanted).await?;
    tx.commit().await?;
    Ok(Reply(StatusCode::OK, after))
}

/// Remove a task.
#[utoipa::path(delete, path = "/visits/{id}/tasks/{task_id}", tag = "visits", operation_id = "delete_task",
    params(("id" = Uuid, Path, description = "The visit."), ("task_id" = Uuid, Path, description = "The task.")),
    responses((status = 204, description = "The record is removed."),
        (status = 409, description = "The visit is cancelled, or completed and its chart closed to this change.")))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Require<VisitsWrite>,
    Path((visit_id, id)): Path<(Uuid, Uuid)>,
) -> web::Result<StatusCode> {
    let mut tx = app.db.write(&*caller).await?;
    let visit = open_visit(&mut tx, &caller, visit_id).await?;
    let task = visit_tasks::lock(&mut tx, visit_id, id).await?;
    writable(&caller, task.task_type)?;
    if charting_of(&caller, &visit) != Charting::Open {
        return Err(Error::Conflict(Conflict::Final(
            "This visit is completed. Correct the task, with a reason, instead of removing it.",
        ))
        .into());
    }
    visit_tasks::delete(&mut tx, visit.client_id, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The visit, if the caller may write its tasks and it was not cancelled.
async fn open_visit<I: Identity>(tx: &mut Tx<I>, caller: &Caller, id: Uuid) -> web::Result<Visit> {
    let visit = visits::get(tx, id).await?;
    only_own(caller, visit.user_id)?;
    if visit.status == VisitStatus::Cancelled {
        return Err(Error::Conflict(Conflict::Final("This visit was cancelled.")).into());
    }
    Ok(visit)
}

fn writable(caller: &Caller, task_type: TaskType) -> web::Result<()> {
    if task_type.writable_by(caller.role) { Ok(()) } else { Err(Error::Forbidden.into()) }
}
