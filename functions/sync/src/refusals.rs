//! What phones sent and the server couldn't take: coordinators look at it, take it over as it came or corrected, or
//! dismiss it with a reason.

use app::{App, AppWithJobs};
use axum::{Json, extract::State};
use domain::{
    consent::withdrawn,
    error::{Conflict, Error, Fault},
    identity::{Caller, RefusalsSettle},
    sync::{
        accept,
        policy::{Actor, Context},
        record::{Action, PushedRecord, Row, Stored, value_of},
        schema::{self, Entity, Table},
        visits,
    },
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use store::{
    AuditEntry, Tx,
    reads::sync_push::{self, Batch, Rows},
    tables::{
        care_team,
        quarantine::{self, Acceptance, Dismissal, RefusalFilter, RefusalStatus, RefusedRecord},
        visits as stored_visits,
    },
};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{Json as Body, List, Page, PageQuery, Path, Require};

use crate::plan::Verb;

type RefusedRecordPage = Page<RefusedRecord>;

/// Which refused records to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RefusalQuery {
    /// In this status; those that nobody has settled where absent.
    #[param(inline)]
    status: Option<RefusalStatus>,
    /// Only what this caregiver sent or wrote.
    user_id: Option<Uuid>,
    /// Only what this phone sent.
    device_id: Option<Uuid>,
    /// Only what concerns this client.
    client_id: Option<Uuid>,
}

/// List what phones sent and the server couldn't take, oldest first.
#[utoipa::path(get, path = "/refusals", tag = "sync", operation_id = "list_refusals",
    params(RefusalQuery, PageQuery),
    responses((status = 200, description = "A page of refused records.", body = RefusedRecordPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    list: List<RefusalsSettle, RefusalQuery>,
) -> web::Result<Json<RefusedRecordPage>> {
    let RefusalQuery { status, user_id, device_id, client_id } = list.filter;
    let status = status.unwrap_or(RefusalStatus::Open);
    let filter = RefusalFilter { status, user_id, device_id, client_id, after: list.after()?, limit: list.rows() };
    let refused = quarantine::list(&app.db, &*list.caller, filter).await?;
    list.page(refused, |refused| (refused.created_at, refused.id))
}

/// Read a refused record.
///
/// With it somebody has looked at it: what nobody has is kept for ever, the rest for 90 days from then on.
#[utoipa::path(get, path = "/refusals/{id}", tag = "sync", operation_id = "read_refusal",
    params(("id" = Uuid, Path, description = "The refusal.")),
    responses((status = 200, description = "The refused record.", body = RefusedRecord)))]
pub(crate) async fn read(
    State(app): State<App>,
    caller: Require<RefusalsSettle>,
    Path(id): Path<Uuid>,
) -> web::Result<Json<RefusedRecord>> {
    let mut tx = app.db.write_unsynced(&*caller).await?;
    let refused = quarantine::see(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(refused))
}

/// Accept a refused record, as it came or corrected.
///
/// It is written as if whoever wrote it had sent it now, by the rules of every write, under the name of whoever accepts
/// it. The phone gets it with its next pull.
#[utoipa::path(post, path = "/refusals/{id}/accept", tag = "sync", operation_id = "accept_refusal",
    params(("id" = Uuid, Path, description = "The refusal.")), request_body = Acceptance,
    responses((status = 200, description = "The refusal, now accepted.", body = RefusedRecord),
        (status = 409, description = "It was settled otherwise, the record can't become this any more, or the client \
            has withdrawn the consent to it.")))]
pub(crate) async fn accept(
    State(AppWithJobs { app, jobs }): State<AppWithJobs>,
    caller: Require<RefusalsSettle>,
    Path(id): Path<Uuid>,
    Body(how): Body<Acceptance>,
) -> web::Result<Json<RefusedRecord>> {
    let mut tx = app.db.write(&*caller).await?;
    let refused = quarantine::lock(&mut tx, id).await?;
    if refused.status != RefusalStatus::Open {
        let same = refused.accepted_as == Some(json!(how.record)) && refused.word == how.reason;
        return settled(tx, refused, RefusalStatus::Accepted, same).await;
    }
    let (table, action) = write(&mut tx, &caller, &refused, &how).await?;
    let refused = quarantine::accept(&mut tx, &refused, table, &how).await?;
    tx.commit().await?;
    if table.entity == Entity::Alert && matches!(action, Action::Insert(_)) {
        jobs.escalate().await;
    }
    Ok(Json(refused))
}

/// Dismiss a refused record, with a reason.
///
/// It is kept, and whoever wrote it reads the reason in `GET /v1/sync/status`. The phone gets what the server has.
#[utoipa::path(post, path = "/refusals/{id}/dismiss", tag = "sync", operation_id = "dismiss_refusal",
    params(("id" = Uuid, Path, description = "The refusal.")), request_body = Dismissal,
    responses((status = 200, description = "The refusal, now dismissed.", body = RefusedRecord),
        (status = 409, description = "It was settled otherwise.")))]
pub(crate) async fn dismiss(
    State(app): State<App>,
    caller: Require<RefusalsSettle>,
    Path(id): Path<Uuid>,
    Body(dismissal): Body<Dismissal>,
) -> web::Result<Json<RefusedRecord>> {
    let mut tx = app.db.write_unsynced(&*caller).await?;
    let refused = quarantine::lock(&mut tx, id).await?;
    if refused.status != RefusalStatus::Open {
        let same = refused.word.as_deref() == Some(&dismissal.reason);
        return settled(tx, refused, RefusalStatus::Dismissed, same).await;
    }
    let refused = quarantine::dismiss(&mut tx, &refused, &dismissal.reason).await?;
    tx.commit().await?;
    Ok(Json(refused))
}

/// Settled before: the same again is answered as the first time.
async fn settled(
    tx: Tx<Caller>,
    refused: RefusedRecord,
    status: RefusalStatus,
    same: bool,
) -> web::Result<Json<RefusedRecord>> {
    tx.commit().await?;
    if same && refused.status == status {
        Ok(Json(refused))
    } else {
        Err(Error::Conflict(Conflict::AlreadyRecorded).into())
    }
}

/// Writes what a refused record is accepted as.
async fn write(
    tx: &mut Tx<Caller>,
    caller: &Caller,
    refused: &RefusedRecord,
    how: &Acceptance,
) -> web::Result<(&'static Table, Action)> {
    let table = schema::table(&refused.table)
        .ok_or(Error::Conflict(Conflict::Final("There is no such table here. Dismiss it.")))?;
    let id = id_of(refused, how)?;
    let wanted = (!refused.is_deletion() || how.record.is_some())
        .then(|| accept::wanted(id, &refused.record, how.record.as_ref()));
    if wanted.is_some() && how.record.is_none() && !refused.record.is_object() {
        return Err(vec![Fault::body("/record", "is needed: what came is no record")].into());
    }
    let stored = sync_push::state_of(tx, table.name, id).await?.map(|state| state.stored).unwrap_or_default();
    let context = context(tx, table, wanted.as_ref(), &stored, how).await?;
    let actor = Actor { user_id: refused.author(), agency_id: caller.agency_id, role: caller.role };
    let now = Timestamp::now();
    let action = match &wanted {
        Some(record) => accept::accept(table, record, how.record.is_some(), &stored, (&actor, &context), now),
        None => accept::accept_deletion(table, &stored, &actor, &context),
    }?;
    if let Some(reason) = &how.reason {
        stored_visits::give_reason(tx, reason).await?;
    }
    let rows = match &action {
        Action::Insert(row) => Rows::Insert(std::slice::from_ref(row)),
        Action::Update(row) => Rows::Update(std::slice::from_ref(row)),
        Action::Delete => Rows::Delete(std::slice::from_ref(&id)),
        Action::Keep | Action::Refuse(_) => return Ok((table, action)),
    };
    Batch { table, rows }.write(tx).await.map_err(|error| match withdrawn(error.rule()) {
        None if error.is_about_the_data() => {
            vec![Fault::body("/record", format!("the database refused it: {}", error.rule()))].into()
        }
        _ => Error::from(error),
    })?;
    follow_up(tx, table, id, &action, &stored, refused).await?;
    Ok((table, action))
}

/// What follows from a write, as after a push.
async fn follow_up(
    tx: &mut Tx<Caller>,
    table: &'static Table,
    id: Uuid,
    action: &Action,
    stored: &Stored,
    refused: &RefusedRecord,
) -> web::Result<()> {
    if let Some(visit) = action.row().and_then(|row| visits::written(table, row, stored.row.as_ref())) {
        let (client, caregiver) = (visit.facts.client_id, visit.facts.user_id);
        if visit.place_recorded {
            stored_visits::measure(tx, id).await?;
        }
        if matches!(action, Action::Insert(_)) {
            care_team::refresh_scheduled(tx, client, caregiver).await?;
        } else if visit.status_moved && visit.facts.cancelled {
            care_team::shorten_scheduled(tx, client, caregiver).await?;
        } else if visit.status_moved {
            care_team::extend_scheduled(tx, client, caregiver).await?;
        }
    }
    let verb = match action {
        Action::Insert(_) => Verb::Create,
        Action::Delete => Verb::Delete,
        _ => Verb::Update,
    };
    let (done, resource) = verb.action(table.entity);
    let written = sync_push::state_of(tx, table.name, id).await?;
    let client_id = written.and_then(|state| state.client_id).or(refused.client_id);
    tx.audit(AuditEntry::new(done, resource, id, client_id).with(json!({"by": "refusal", "refusal_id": refused.id})));
    Ok(())
}

/// The record's id: as the phone sent it, or, where that is none, as whoever accepts it gives one.
fn id_of(refused: &RefusedRecord, how: &Acceptance) -> web::Result<Uuid> {
    let came = schema::uuid_of(&refused.record_id);
    let given = how.record.as_ref().and_then(|record| record.get("id"));
    let given = given.map(|id| id.as_str().and_then(schema::uuid_of));
    match (came, given) {
        (Some(came), None) => Ok(came),
        (Some(came), Some(Some(given))) if came == given => Ok(came),
        (None, Some(Some(given))) => Ok(given),
        (Some(_), Some(_)) => Err(vec![Fault::body("/record/id", "must be the id that the phone sent")].into()),
        (None, _) => Err(vec![Fault::body("/record/id", "must be a UUID in lower case, with hyphens")].into()),
    }
}

/// What the rules need to know beside the record: the client and the visit that it names, or belongs to.
async fn context(
    tx: &Tx<Caller>,
    table: &'static Table,
    wanted: Option<&PushedRecord>,
    stored: &Stored,
    how: &Acceptance,
) -> web::Result<Context> {
    let mut context = Context { now: Timestamp::now(), has_reason: how.reason.is_some(), ..Context::default() };
    for column in table.columns {
        let Some(parent) = column.references else { continue };
        let named = wanted.and_then(|record| record.named(column.name));
        let named = named.into_iter().chain(stored.row.as_ref().and_then(|row| id_in(row, column.name)));
        for id in named {
            let state = sync_push::state_of(tx, parent.table().name, id).await?;
            let Some(row) = state.as_ref().and_then(|state| state.stored.present()) else { continue };
            match parent {
                Entity::Client => drop(context.clients.insert(id)),
                Entity::Visit => drop(visits::facts(row).map(|facts| context.visits.insert(id, facts))),
                _ => {}
            }
        }
    }
    Ok(context)
}

fn id_in(row: &Row, column: &str) -> Option<Uuid> {
    value_of(row, column).as_str().and_then(|id| id.parse().ok())
}
