//! What families read. Planners may read it too, to know what a family sees.

use axum::{Json, extract::State};
use shared::{
    app::App,
    error::Error,
    http::Path,
    identity::{FamilyRead, May},
    models::family::{self, FamilyClient, FamilyView},
};
use uuid::Uuid;

/// List the clients whom the caller may follow.
#[utoipa::path(get, path = "/family/clients", tag = "family", operation_id = "list_family_clients",
    responses((status = 200, description = "The clients, while they consent to sharing.", body = Vec<FamilyClient>)))]
pub(crate) async fn list(State(app): State<App>, caller: May<FamilyRead>) -> Result<Json<Vec<FamilyClient>>, Error> {
    Ok(Json(family::clients(&app.db, &*caller).await?))
}

/// Read along: one client's visits, as their family sees them.
#[utoipa::path(get, path = "/family/clients/{id}", tag = "family", operation_id = "read_family_client",
    params(("id" = Uuid, Path, description = "The client.")),
    responses((status = 200, description = "What is meant for families, and nothing else.", body = FamilyView)))]
pub(crate) async fn view(
    State(app): State<App>,
    caller: May<FamilyRead>,
    Path(id): Path<Uuid>,
) -> Result<Json<FamilyView>, Error> {
    family::view(&app.db, &*caller, id).await?.map(Json).ok_or(Error::NotFound)
}
