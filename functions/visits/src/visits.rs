//! Planning visits: list, create, read, change, delete.

use app::App;
use axum::{Json, extract::State, http::StatusCode};
use domain::{
    care_team::NOT_ON_TEAM_THEN,
    chart::adds_to,
    error::{Conflict, Error, Fault, Reference},
    identity::{Caller, VisitsDelete, VisitsRead, VisitsWrite},
    validation::Faults,
};
use jiff::Timestamp;
use serde::Deserialize;
use store::{
    Identity, Tx,
    tables::{
        care_team, clients,
        idempotency::{self, Creation},
        users,
        visits::{self, Visit, VisitFields, VisitFilter, VisitStatus},
    },
};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{Created, IfMatch, List, New, Page, PageQuery, Patch, Path, ReferenceExt, Reply, Require};

use crate::charting::{admit, charting_of, no_reason_yet};

type NewVisit = New<VisitFields>;
type VisitPatch = Patch<VisitFields>;
type VisitPage = Page<Visit>;

/// Which visits to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VisitQuery {
    /// Beginning then or later.
    from: Option<Timestamp>,
    /// Beginning before then.
    to: Option<Timestamp>,
    /// Only visits to this client.
    client_id: Option<Uuid>,
    /// Only visits of this caregiver.
    user_id: Option<Uuid>,
    /// Only the caller's own visits.
    #[serde(default)]
    #[param(value_type = Option<bool>)]
    mine: bool,
    /// Only records in this status.
    #[param(inline)]
    status: Option<VisitStatus>,
}

/// List visits by their planned start.
#[utoipa::path(get, path = "/visits", tag = "visits", operation_id = "list_visits", params(VisitQuery, PageQuery),
    responses((status = 200, description = "A page of the visits that the caller may see.", body = VisitPage)))]
pub(crate) async fn list(State(app): State<App>, list: List<VisitsRead, VisitQuery>) -> web::Result<Json<VisitPage>> {
    let user_id = if list.filter.mine { Some(list.caller.user_id) } else { list.filter.user_id };
    if list.filter.user_id.is_some_and(|of| user_id != Some(of)) {
        return Err(vec![Fault::parameter("mine", "can't be true for visits of others: leave user_id out")].into());
    }
    let filter = VisitFilter {
        from: list.filter.from,
        to: list.filter.to,
        client_id: list.filter.client_id,
        user_id,
        status: list.filter.status,
        after: list.after()?,
        limit: list.rows(),
    };
    let visits = match filter {
        // A nurse's day, which is asked most.
        VisitFilter {
            from: Some(from),
            to: Some(to),
            user_id: Some(of),
            client_id: None,
            status: None,
            after: None,
            limit,
        } => visits::day(&app.db, &list.caller, of, (from, to), limit).await?,
        filter => visits::list(&app.db, &*list.caller, filter).await?,
    };
    list.page(visits, |visit| (visit.scheduled_start, visit.id))
}

/// Plan a visit.
///
/// Scheduled by a coordinator or admin, it puts its caregiver on the client's care team until 14 days after their last
/// visit there. Caregivers plan visits of their own only, for days on which they are on the client's care team; these
/// prolong nothing.
#[utoipa::path(post, path = "/visits", tag = "visits", operation_id = "create_visit", request_body = NewVisit,
    responses((status = 201, description = "The new visit.", body = Visit),
        (status = 409, description = "The caregiver has another visit at that time, the client has withdrawn the \
            consent to charting and there are notes, or the id is taken.")))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Require<VisitsWrite>,
    New { id, fields }: NewVisit,
) -> web::Result<Created<Visit>> {
    only_own(&caller, fields.user_id)?;
    no_reason_yet(fields.reason.as_deref())?;
    let mut tx = app.db.write(&*caller).await?;
    if idempotency::claim(&mut tx, "visits", id, &fields).await? == Creation::Fresh {
        must_exist(&mut tx, &fields).await?;
        if !caller.role.sees_agency() {
            must_be_covered(&mut tx, &fields).await?;
        }
        if !fields.allow_overlap {
            visits::refuse_overlap(&mut tx, id, &fields).await?;
        }
        visits::insert(&mut tx, id, &fields)
            .await
            .on_reference(Reference::Client, || Fault::body("/client_id", "must be a client of this agency"))?;
        if caller.role.sees_agency() {
            care_team::refresh_scheduled(&mut tx, fields.client_id, fields.user_id).await?;
        }
    }
    let visit = visits::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Created(id, visit))
}

/// Read a visit.
#[utoipa::path(get, path = "/visits/{id}", tag = "visits", operation_id = "read_visit",
    params(("id" = Uuid, Path, description = "The visit.")),
    responses((status = 200, description = "The visit with its tasks.", body = Visit)))]
pub(crate) async fn read(
    State(app): State<App>,
    caller: Require<VisitsRead>,
    Path(id): Path<Uuid>,
) -> web::Result<Reply<Visit>> {
    let visit = visits::find(&app.db, &caller, id).await?.ok_or(Error::NotFound)?;
    Ok(Reply(StatusCode::OK, visit))
}

/// Change a visit.
///
/// Coordinators move visits that have not begun; caregivers write notes on their own, during the visit and after it.
/// Once it is completed coordinators need a `reason`; 24 hours after the check-out caregivers only add to the notes,
/// with one.
#[utoipa::path(patch, path = "/visits/{id}", tag = "visits", operation_id = "change_visit",
    params(("id" = Uuid, Path, description = "The visit.")), request_body = VisitPatch,
    responses((status = 200, description = "The record after the change.", body = Visit),
        (status = 409, description = "The caregiver has another visit at that time, the visit has begun, or its notes \
            can only be added to, or not at all since the client has withdrawn the consent to charting."),
        (status = 412, description = "The record has changed since it was read.")))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Require<VisitsWrite>,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
    patch: VisitPatch,
) -> web::Result<Reply<Visit>> {
    let mut tx = app.db.write(&*caller).await?;
    let before = visits::get(&mut tx, id).await?;
    only_own(&caller, before.user_id)?;
    if_match.check(&before)?;
    let wanted = patch.apply(&(&before).into())?;
    if wanted.client_id != before.client_id {
        return Err(vec![Fault::body("/client_id", "can't be changed; plan another visit")].into());
    }
    let moved = (wanted.user_id, wanted.scheduled_start, wanted.scheduled_end)
        != (before.user_id, before.scheduled_start, before.scheduled_end);
    if moved {
        if !caller.role.sees_agency() {
            return Err(Error::Forbidden.into());
        }
        if !matches!(before.status, VisitStatus::Scheduled | VisitStatus::Missed) {
            return Err(Error::Conflict(Conflict::Final("This visit has begun or was cancelled. Plan another.")).into());
        }
        must_exist(&mut tx, &wanted).await?;
        if !wanted.allow_overlap {
            visits::refuse_overlap(&mut tx, id, &wanted).await?;
        }
    }
    if (&wanted.notes, &wanted.family_note) != (&before.notes, &before.family_note) {
        let only_adds = adds_to(before.notes.as_deref(), wanted.notes.as_deref())
            && adds_to(before.family_note.as_deref(), wanted.family_note.as_deref());
        admit(&tx, charting_of(&caller, &before), only_adds, wanted.reason.as_deref()).await?;
    }
    visits::update(&mut tx, id, &wanted).await?;
    if moved {
        if wanted.user_id != before.user_id {
            care_team::shorten_scheduled(&mut tx, before.client_id, before.user_id).await?;
        }
        care_team::refresh_scheduled(&mut tx, before.client_id, wanted.user_id).await?;
    }
    let after = visits::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Reply(StatusCode::OK, after))
}

/// Remove a visit that was planned by mistake.
///
/// A visit that took place stays on record; to call one off, cancel it.
#[utoipa::path(delete, path = "/visits/{id}", tag = "visits", operation_id = "delete_visit",
    params(("id" = Uuid, Path, description = "The visit.")),
    responses((status = 204, description = "The record is removed."),
        (status = 409, description = "The visit took place.")))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Require<VisitsDelete>,
    Path(id): Path<Uuid>,
) -> web::Result<StatusCode> {
    let mut tx = app.db.write(&*caller).await?;
    let visit = visits::get(&mut tx, id).await?;
    if matches!(visit.status, VisitStatus::InProgress | VisitStatus::Completed) {
        return Err(Error::Conflict(Conflict::Final("This visit took place and stays on record.")).into());
    }
    visits::delete(&mut tx, &visit).await?;
    care_team::shorten_scheduled(&mut tx, visit.client_id, visit.user_id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Caregivers write their own visits. Another's visit to a client of theirs is one they see, so this is no secret.
pub(crate) fn only_own(caller: &Caller, user_id: Uuid) -> web::Result<()> {
    if caller.role.sees_agency() || caller.user_id == user_id { Ok(()) } else { Err(Error::Forbidden.into()) }
}

/// The client and the caregiver must be ones that the caller may plan for.
async fn must_exist<I: Identity>(tx: &mut Tx<I>, visit: &VisitFields) -> web::Result<()> {
    let mut faults = Faults::default();
    faults.unless(clients::exists(tx, visit.client_id).await?, "/client_id", "must be a client whom you may see");
    users::must_give_care(users::role_of(tx, visit.user_id).await?, "/user_id", &mut faults);
    Ok(faults.into_result()?)
}

/// Caregivers plan visits for themselves within the access that they have.
async fn must_be_covered<I: Identity>(tx: &mut Tx<I>, visit: &VisitFields) -> web::Result<()> {
    let grants = care_team::own_grants(tx, visit.client_id).await?;
    if grants.cover(visit.client_id, visit.scheduled_start, visit.scheduled_end) {
        return Ok(());
    }
    Err(vec![Fault::body("/scheduled_start", NOT_ON_TEAM_THEN)].into())
}
