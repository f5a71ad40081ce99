//! What families read. Coordinators may read it too, to know what a family sees.

use app::App;
use axum::{Json, extract::State};
use domain::{error::Error, identity::FamilyRead};
use store::reads::family::{self, FamilyClient, FamilyView};
use uuid::Uuid;
use web::{Path, Require};

/// List the clients whom the caller may follow.
#[utoipa::path(get, path = "/family/clients", tag = "family", operation_id = "list_family_clients",
    responses((status = 200, description = "The clients who consent to sharing.", body = Vec<FamilyClient>)))]
pub(crate) async fn list(State(app): State<App>, caller: Require<FamilyRead>) -> web::Result<Json<Vec<FamilyClient>>> {
    Ok(Json(family::clients(&app.db, &*caller).await?))
}

/// Read along: one client's visits, as their family sees them.
#[utoipa::path(get, path = "/family/clients/{id}", tag = "family", operation_id = "read_family_client",
    params(("id" = Uuid, Path, description = "The client.")),
    responses((status = 200, description = "The visits, with what is shared with families.", body = FamilyView)))]
pub(crate) async fn view(
    State(app): State<App>,
    caller: Require<FamilyRead>,
    Path(id): Path<Uuid>,
) -> web::Result<Json<FamilyView>> {
    family::view(&app.db, &*caller, id).await?.map(Json).ok_or(Error::NotFound.into())
}
