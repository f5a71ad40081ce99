//! Who may see a client at this moment, by which rule, and until when.

use app::App;
use axum::{Json, extract::State};
use domain::identity::ClientsWrite;
use store::{
    reads::who_can_see::{self, Viewer},
    tables::clients,
};
use uuid::Uuid;
use web::{Page, PageQuery, Path, Query, Require};

type ViewerPage = Page<Viewer>;

/// List who may see a client, by name.
///
/// Somebody who may by two rules stands there twice.
#[utoipa::path(get, path = "/clients/{id}/who-can-see", tag = "clients", operation_id = "list_who_can_see",
    params(("id" = Uuid, Path, description = "The client."), PageQuery),
    responses((status = 200, description = "A page of people.", body = ViewerPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Require<ClientsWrite>,
    Path(id): Path<Uuid>,
    Query(query): Query<PageQuery>,
) -> web::Result<Json<ViewerPage>> {
    clients::must_be_visible(&app.db, &*caller, id).await?;
    let viewers = who_can_see::of_client(&app.db, &*caller, id, query.after()?, query.rows()).await?;
    query.page(viewers, |viewer| (viewer.sort_name.clone(), viewer.place))
}
