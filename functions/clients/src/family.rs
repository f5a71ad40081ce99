//! What families read. Coordinators may read it too, to know what a family sees.

use app::App;
use axum::{Json, extract::State};
use domain::{error::Error, identity::FamilyRead};
use store::reads::family::{self, FamilyClient, FamilyView};
use uuid::Uuid;
use web::{Page, PageQuery, Path, Query, Require};

type FamilyClientPage = Page<FamilyClient>;

/// List the clients whom the caller may follow.
#[utoipa::path(get, path = "/family/clients", tag = "family", operation_id = "list_family_clients", params(PageQuery),
    responses((status = 200, description = "A page of the clients who consent to sharing.", body = FamilyClientPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Require<FamilyRead>,
    Query(query): Query<PageQuery>,
) -> web::Result<Json<FamilyClientPage>> {
    let clients = family::clients(&app.db, &*caller, query.after()?, query.rows()).await?;
    query.page(clients, |client| (client.first_name.clone(), client.id))
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
    let view = family::view(&app.db, &*caller, id).await?.ok_or(Error::NotFound)?;
    Ok(Json(view.as_much_as_fits()?))
}
