//! Moves of a visit's status: check-in, check-out, cancellation.

use app::App;
use axum::{extract::State, http::StatusCode};
use domain::{
    error::{Conflict, Error, Fault},
    identity::{Caller, VisitsWrite},
    transitions::Transitions,
};
use store::tables::{
    care_team,
    check_in::{self, Attendance, CheckIn},
    visits::{self, Cancellation, Visit, VisitStatus},
};
use uuid::Uuid;
use web::{Json, Path, Reply, Require};

use crate::visits::only_own;

fn cannot(visit: &Visit, to: VisitStatus) -> Error {
    Error::Conflict(Conflict::VisitStatus { from: visit.status.into(), to: to.into() })
}

/// How often a check-in or check-out is decided anew because the visit changed meanwhile.
const ATTEMPTS: usize = 5;

/// Check in: the caregiver has arrived.
///
/// Never refused for being far from the client's home; that is flagged. A visit that counted as missed is in progress
/// after all.
#[utoipa::path(post, path = "/visits/{id}/check-in", tag = "visits", operation_id = "check_in",
    params(("id" = Uuid, Path, description = "The visit.")), request_body = CheckIn,
    responses((status = 200, description = "The visit, now in progress.", body = Visit),
        (status = 409, description = "The visit is cancelled, or was checked in to with other values.")))]
pub(crate) async fn check_in(
    State(app): State<App>,
    caller: Require<VisitsWrite>,
    Path(id): Path<Uuid>,
    Json(reported): Json<CheckIn>,
) -> web::Result<Reply<Visit>> {
    attend(&app, &caller, id, Attendance::CheckIn, &reported).await
}

/// Check out: the caregiver has left.
#[utoipa::path(post, path = "/visits/{id}/check-out", tag = "visits", operation_id = "check_out",
    params(("id" = Uuid, Path, description = "The visit.")), request_body = CheckIn,
    responses((status = 200, description = "The visit, now completed.", body = Visit),
        (status = 409, description = "The visit is not in progress, or was checked out of with other values.")))]
pub(crate) async fn check_out(
    State(app): State<App>,
    caller: Require<VisitsWrite>,
    Path(id): Path<Uuid>,
    Json(reported): Json<CheckIn>,
) -> web::Result<Reply<Visit>> {
    attend(&app, &caller, id, Attendance::CheckOut, &reported).await
}

/// Decides on the visit as it is and records what was decided, anew where somebody has changed it in between. No lock
/// is held while it is decided.
async fn attend(
    app: &App,
    caller: &Caller,
    id: Uuid,
    attendance: Attendance,
    reported: &CheckIn,
) -> web::Result<Reply<Visit>> {
    let mut attempt = 1;
    loop {
        let attended = check_in::look(&app.db, caller, id, reported).await?;
        only_own(caller, attended.visit.user_id)?;
        let decision = match attendance {
            Attendance::CheckIn => decide_check_in(&attended.visit, reported)?,
            Attendance::CheckOut => decide_check_out(&attended.visit, reported)?,
        };
        if decision == Decision::IsRecorded {
            return Ok(Reply(StatusCode::OK, attended.visit));
        }
        match check_in::record(&app.db, caller, attendance, &attended, reported).await {
            Err(error) if error.is_stale() && attempt < ATTEMPTS => attempt += 1,
            recorded => return Ok(Reply(StatusCode::OK, recorded?.ok_or(Error::NotFound)?)),
        }
    }
}

/// What becomes of a check-in or check-out.
#[derive(PartialEq, Eq)]
enum Decision {
    /// It is recorded now.
    Record,
    /// It was recorded before: the same again.
    IsRecorded,
}

fn decide_check_in(visit: &Visit, reported: &CheckIn) -> Result<Decision, Error> {
    match visit.status {
        VisitStatus::InProgress | VisitStatus::Completed if visit.was_checked_in_by(reported) => {
            Ok(Decision::IsRecorded)
        }
        VisitStatus::InProgress | VisitStatus::Completed => Err(Error::Conflict(Conflict::AlreadyRecorded)),
        from if from.may_become(VisitStatus::InProgress) => Ok(Decision::Record),
        _ => Err(cannot(visit, VisitStatus::InProgress)),
    }
}

fn decide_check_out(visit: &Visit, reported: &CheckIn) -> Result<Decision, Error> {
    match (visit.status, visit.earliest_start()) {
        (VisitStatus::Completed, _) if visit.was_checked_out_by(reported) => Ok(Decision::IsRecorded),
        (VisitStatus::Completed, _) => Err(Error::Conflict(Conflict::AlreadyRecorded)),
        (from, Some(start)) if from.may_become(VisitStatus::Completed) => {
            if reported.at < start {
                return Err(vec![Fault::body("/at", "must not be before the check-in")].into());
            }
            Ok(Decision::Record)
        }
        // Without a check-in there is nothing to check out of.
        _ => Err(cannot(visit, VisitStatus::Completed)),
    }
}

/// Cancel a visit.
#[utoipa::path(post, path = "/visits/{id}/cancel", tag = "visits", operation_id = "cancel_visit",
    params(("id" = Uuid, Path, description = "The visit.")), request_body = Cancellation,
    responses((status = 200, description = "The visit, now cancelled.", body = Visit),
        (status = 409, description = "The visit has begun, or was cancelled for another reason.")))]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Require<VisitsWrite>,
    Path(id): Path<Uuid>,
    Json(cancellation): Json<Cancellation>,
) -> web::Result<Reply<Visit>> {
    let mut tx = app.db.write(&*caller).await?;
    let visit = visits::get(&mut tx, id).await?;
    only_own(&caller, visit.user_id)?;
    match visit.status {
        VisitStatus::Cancelled if visit.cancel_reason.as_deref() == Some(&cancellation.reason) => {}
        VisitStatus::Cancelled => return Err(Error::Conflict(Conflict::AlreadyRecorded).into()),
        from if from.may_become(VisitStatus::Cancelled) => {
            visits::cancel(&mut tx, &visit, &cancellation.reason).await?;
            care_team::shorten_scheduled(&mut tx, visit.client_id, visit.user_id).await?;
        }
        _ => return Err(cannot(&visit, VisitStatus::Cancelled).into()),
    }
    // Who cancels their last visit to a client may no longer see them, but does see what they have just done.
    let visit = visits::get(&mut tx, id).await.or_else(|error| match error {
        Error::NotFound => Ok(visit.cancelled(&cancellation)),
        other => Err(other),
    })?;
    tx.commit().await?;
    Ok(Reply(StatusCode::OK, visit))
}
