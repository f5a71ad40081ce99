//! A client's care plan. Former versions are kept.

use app::App;
use axum::{extract::State, http::StatusCode};
use domain::{
    error::Error,
    identity::{CarePlansRead, ClientsWrite},
};
use store::tables::{
    care_plans::{self, CarePlan, CarePlanVersion},
    clients,
};
use uuid::Uuid;
use web::{IfMatch, Json, Page, PageQuery, Path, Query, Reply, Require};

type CarePlanVersionPage = Page<CarePlanVersion>;

/// Read the plan in force.
#[utoipa::path(get, path = "/clients/{id}/care-plan", tag = "clients", operation_id = "read_care_plan",
    params(("id" = Uuid, Path, description = "The client.")),
    responses((status = 200, description = "The plan in force.", body = CarePlanVersion)))]
pub(crate) async fn read(
    State(app): State<App>,
    caller: Require<CarePlansRead>,
    Path(id): Path<Uuid>,
) -> web::Result<Reply<CarePlanVersion>> {
    let plan = care_plans::current(&app.db, &*caller, id).await?.ok_or(Error::NotFound)?;
    Ok(Reply(StatusCode::OK, plan))
}

/// Put a new plan in force.
///
/// The plan before it is kept. The same plan again changes nothing.
#[utoipa::path(put, path = "/clients/{id}/care-plan", tag = "clients", operation_id = "write_care_plan",
    params(("id" = Uuid, Path, description = "The client.")), request_body = CarePlan,
    responses((status = 200, description = "The plan in force.", body = CarePlanVersion),
        (status = 409, description = "The client has withdrawn the consent to charting."),
        (status = 412, description = "The record has changed since it was read.")))]
pub(crate) async fn write(
    State(app): State<App>,
    caller: Require<ClientsWrite>,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
    Json(plan): Json<CarePlan>,
) -> web::Result<Reply<CarePlanVersion>> {
    let mut tx = app.db.write(&*caller).await?;
    let client = clients::lock(&mut tx, id).await?;
    let before = care_plans::in_force(&mut tx, id).await?;
    if_match.check(&before)?;
    if client.care_plan_version > 0 && client.care_plan == plan {
        tx.commit().await?;
        return Ok(Reply(StatusCode::OK, before));
    }
    care_plans::write(&mut tx, id, client.care_plan_version + 1, &plan).await?;
    let after = care_plans::in_force(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Reply(StatusCode::OK, after))
}

/// List all versions of the plan, newest first.
#[utoipa::path(get, path = "/clients/{id}/care-plan/versions", tag = "clients",
    operation_id = "list_care_plan_versions",
    params(("id" = Uuid, Path, description = "The client."), PageQuery),
    responses((status = 200, description = "A page of the versions.", body = CarePlanVersionPage)))]
pub(crate) async fn versions(
    State(app): State<App>,
    caller: Require<CarePlansRead>,
    Path(id): Path<Uuid>,
    Query(query): Query<PageQuery>,
) -> web::Result<axum::Json<CarePlanVersionPage>> {
    let versions = care_plans::versions(&app.db, &*caller, id, query.after()?, query.rows()).await?;
    if versions.is_empty() {
        clients::must_be_visible(&app.db, &*caller, id).await?;
    }
    query.page(versions, |version| version.version)
}
