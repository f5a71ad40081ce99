//! Conflicts of synchronisation: list them, and settle one.

use app::App;
use axum::{Json, extract::State};
use domain::{
    error::{Conflict, Error, Fault},
    identity::ConflictsSettle,
    sync::choice::CannotChoose,
};
use serde::Deserialize;
use store::tables::sync_conflicts::{self, ConflictStatus, Decision, SyncConflict};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{Json as Body, List, Page, PageQuery, Path, Require};

type SyncConflictPage = Page<SyncConflict>;

/// Which conflicts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConflictQuery {
    /// In this status; those that need a person where absent.
    #[param(inline)]
    status: Option<ConflictStatus>,
}

/// List conflicts, oldest first.
#[utoipa::path(get, path = "/conflicts", tag = "visits", operation_id = "list_conflicts",
    params(ConflictQuery, PageQuery),
    responses((status = 200, description = "A page of conflicts.", body = SyncConflictPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    list: List<ConflictsSettle, ConflictQuery>,
) -> web::Result<Json<SyncConflictPage>> {
    let status = list.filter.status.unwrap_or(ConflictStatus::NeedsReview);
    let after = list.after()?;
    let conflicts = sync_conflicts::list(&app.db, &*list.caller, status, after, list.rows()).await?;
    list.page(conflicts, |conflict| (conflict.created_at, conflict.id))
}

/// Settle a conflict: keep the server's value, the device's, or what the record has by now.
///
/// A value is written only over the other one. Where the record was changed since, or deleted, what it has stays.
/// The caregiver whose value isn't kept is told by push, without content, and reads the decision and the word in
/// `GET /v1/sync/status`.
#[utoipa::path(post, path = "/conflicts/{id}/resolve", tag = "visits", operation_id = "resolve_conflict",
    params(("id" = Uuid, Path, description = "The conflict.")), request_body = Decision,
    responses((status = 200, description = "The conflict, now resolved.", body = SyncConflict),
        (status = 409, description = "It was resolved with another value or word, or the record has neither value \
            any more.")))]
pub(crate) async fn resolve(
    State(app): State<App>,
    caller: Require<ConflictsSettle>,
    Path(id): Path<Uuid>,
    Body(decision): Body<Decision>,
) -> web::Result<Json<SyncConflict>> {
    let mut tx = app.db.write(&*caller).await?;
    let conflict = sync_conflicts::lock(&mut tx, id).await?;
    if conflict.status == ConflictStatus::Resolved {
        tx.commit().await?;
        return match conflict.kept {
            kept if kept == Some(decision.keep) && conflict.word == decision.word => Ok(Json(conflict)),
            _ => Err(Error::Conflict(Conflict::AlreadyRecorded).into()),
        };
    }
    sync_conflicts::apply(&mut tx, &conflict, decision.keep).await?.map_err(refusal)?;
    let settled = sync_conflicts::resolve(&mut tx, &conflict, &decision).await?;
    tx.commit().await?;
    Ok(Json(settled))
}

/// Why the value can't be kept, as the answer says it.
fn refusal(why: CannotChoose) -> Error {
    Error::Conflict(match why {
        CannotChoose::Deleted => Conflict::Final(
            "The record was deleted, and this value is kept here. Choose `current` to leave it deleted.",
        ),
        CannotChoose::NotAnyMore => {
            Conflict::Final("The record can't have this value any more. Choose `current` to leave it as it is.")
        }
        CannotChoose::Overwritten => Conflict::Overwritten,
        CannotChoose::DoesNotFit(reason) => {
            return vec![Fault::body("/keep", format!("doesn't fit the record as it is: {reason}"))].into();
        }
    })
}
