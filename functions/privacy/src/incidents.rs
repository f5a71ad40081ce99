//! The register of breaches.

use app::App;
use axum::{Json, extract::State, http::StatusCode};
use domain::{
    Fault,
    error::{Error, Reference},
    identity::PrivacyManage,
};
use serde::Deserialize;
use store::tables::{
    idempotency::{self, Creation},
    privacy_incidents::{self, IncidentProgressFields, IncidentState, PrivacyIncident, PrivacyIncidentFields},
};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{Created, IfMatch, List, New, Page, PageQuery, Patch, Path, ReferenceExt, Reply, Require};

use crate::requests::no_user;

type NewPrivacyIncident = New<PrivacyIncidentFields>;
type IncidentProgressPatch = Patch<IncidentProgressFields>;
type PrivacyIncidentPage = Page<PrivacyIncident>;

/// Which breaches to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IncidentQuery {
    /// Only those in this state.
    #[param(inline)]
    state: Option<IncidentState>,
}

/// List breaches, newest first.
#[utoipa::path(get, path = "/privacy/incidents", tag = "privacy", operation_id = "list_privacy_incidents",
    params(IncidentQuery, PageQuery),
    responses((status = 200, description = "A page of the register.", body = PrivacyIncidentPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    list: List<PrivacyManage, IncidentQuery>,
) -> web::Result<Json<PrivacyIncidentPage>> {
    let incidents =
        privacy_incidents::list(&app.db, &*list.caller, list.filter.state, list.after()?, list.rows()).await?;
    list.page(incidents, |incident| (incident.found_at, incident.id))
}

/// Record a breach.
///
/// Every breach is recorded, also one that harms nobody, and kept for two years at least after it was closed. The
/// agency's admins are reminded a day before its risk is to be assessed, and then: 72 hours after it was found unless
/// told otherwise.
#[utoipa::path(post, path = "/privacy/incidents", tag = "privacy", operation_id = "record_privacy_incident",
    request_body = NewPrivacyIncident,
    responses((status = 201, description = "The new record.", body = PrivacyIncident),
        (status = 409, description = "The id is taken.")))]
pub(crate) async fn record(
    State(app): State<App>,
    caller: Require<PrivacyManage>,
    New { id, fields }: NewPrivacyIncident,
) -> web::Result<Created<PrivacyIncident>> {
    let mut tx = app.db.write_unsynced(&*caller).await?;
    if idempotency::claim(&mut tx, "privacy_incidents", id, &fields).await? == Creation::Fresh {
        privacy_incidents::insert(&mut tx, id, &fields)
            .await
            .on_reference(Reference::Device, no_device)
            .on_reference(Reference::User, no_user)?;
    }
    let incident = privacy_incidents::lock(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Created(id, incident))
}

/// Read a breach.
#[utoipa::path(get, path = "/privacy/incidents/{id}", tag = "privacy", operation_id = "read_privacy_incident",
    params(("id" = Uuid, Path, description = "The incident.")),
    responses((status = 200, description = "The incident.", body = PrivacyIncident)))]
pub(crate) async fn read(
    State(app): State<App>,
    caller: Require<PrivacyManage>,
    Path(id): Path<Uuid>,
) -> web::Result<Reply<PrivacyIncident>> {
    let incident = privacy_incidents::find(&app.db, &*caller, id).await?.ok_or(Error::NotFound)?;
    Ok(Reply(StatusCode::OK, incident))
}

/// Say what is known of a breach, how likely harm is, and who was told.
///
/// It is closed once its risk is assessed, and where that is significant, once the commissioner and whoever is affected
/// were told.
#[utoipa::path(patch, path = "/privacy/incidents/{id}", tag = "privacy", operation_id = "change_privacy_incident",
    params(("id" = Uuid, Path, description = "The incident.")), request_body = IncidentProgressPatch,
    responses((status = 200, description = "The record after the change.", body = PrivacyIncident),
        (status = 409, description = "The state can't follow."),
        (status = 412, description = "The record has changed since it was read.")))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Require<PrivacyManage>,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
    patch: IncidentProgressPatch,
) -> web::Result<Reply<PrivacyIncident>> {
    let mut tx = app.db.write_unsynced(&*caller).await?;
    let before = privacy_incidents::lock(&mut tx, id).await?;
    if_match.check(&before)?;
    let wanted = patch.apply(&(&before).into())?;
    privacy_incidents::update(&mut tx, &before, &wanted)
        .await
        .on_reference(Reference::Device, no_device)
        .on_reference(Reference::User, no_user)?;
    let after = privacy_incidents::lock(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Reply(StatusCode::OK, after))
}

fn no_device() -> Fault {
    Fault::body("/device_id", "must be a device of this agency")
}
