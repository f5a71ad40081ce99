//! A client's timeline: visits, tasks, photos and alerts in one list.

use app::App;
use axum::{Json, extract::State};
use domain::identity::ClientsRead;
use store::{
    reads::timeline::{self, TimelineEvent},
    tables::clients,
};
use uuid::Uuid;
use web::{List, NoFilter, Page, PageQuery, Path};

type TimelineEventPage = Page<TimelineEvent>;

/// Read a client's timeline: visits, tasks done, photos and alerts, newest first.
#[utoipa::path(get, path = "/clients/{id}/timeline", tag = "clients", operation_id = "read_timeline",
    params(("id" = Uuid, Path, description = "The client."), PageQuery),
    responses((status = 200, description = "A page of the timeline.", body = TimelineEventPage)))]
pub(crate) async fn read(
    State(app): State<App>,
    list: List<ClientsRead, NoFilter>,
    Path(id): Path<Uuid>,
) -> web::Result<Json<TimelineEventPage>> {
    let after = list.after()?;
    let events = timeline::of_client(&app.db, &*list.caller, id, after, list.rows()).await?;
    if events.is_empty() {
        clients::must_be_visible(&app.db, &*list.caller, id).await?;
    }
    list.page(events, |event| (event.at, event.id))
}
