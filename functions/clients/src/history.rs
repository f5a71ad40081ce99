//! What was charted on a client: every version of every note and task.

use app::App;
use axum::{Json, extract::State};
use domain::identity::ClientsRead;
use store::{
    reads::chart_history::{self, ChartVersion},
    tables::clients,
};
use uuid::Uuid;
use web::{List, NoFilter, Page, PageQuery, Path};

type ChartVersionPage = Page<ChartVersion>;

/// Read every version of a client's notes and tasks, newest first: who wrote it, when, and why it was corrected.
///
/// Of what was changed or deleted since, too.
#[utoipa::path(get, path = "/clients/{id}/history", tag = "clients", operation_id = "read_history",
    params(("id" = Uuid, Path, description = "The client."), PageQuery),
    responses((status = 200, description = "A page of the versions.", body = ChartVersionPage)))]
pub(crate) async fn read(
    State(app): State<App>,
    list: List<ClientsRead, NoFilter>,
    Path(id): Path<Uuid>,
) -> web::Result<Json<ChartVersionPage>> {
    let after = list.after()?;
    let versions = chart_history::of_client(&app.db, &*list.caller, id, after, list.rows()).await?;
    if versions.is_empty() {
        clients::must_be_visible(&app.db, &*list.caller, id).await?;
    }
    list.page(versions, ChartVersion::place)
}
