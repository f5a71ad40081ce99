//! A client's timeline: visits, tasks, photos and alerts in one list.

use app::App;
use axum::{Json, extract::State};
use domain::identity::ClientsRead;
use serde::Deserialize;
use store::{
    reads::timeline::{self, TimelineEvent},
    tables::clients,
};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{Page, PageCursor, PageSize, Path, Query, Require};

type TimelineEventPage = Page<TimelineEvent>;

/// Which part of the timeline.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// How many at most; 50 unless told.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: PageSize,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<String>, max_length = 1000)]
    cursor: Option<PageCursor>,
}

/// Read a client's timeline: visits, tasks done, photos and alerts, newest first.
#[utoipa::path(get, path = "/clients/{id}/timeline", tag = "clients", operation_id = "read_timeline",
    params(("id" = Uuid, Path, description = "The client."), TimelineQuery),
    responses((status = 200, description = "A page of the timeline.", body = TimelineEventPage)))]
pub(crate) async fn read(
    State(app): State<App>,
    caller: Require<ClientsRead>,
    Path(id): Path<Uuid>,
    Query(query): Query<TimelineQuery>,
) -> web::Result<Json<TimelineEventPage>> {
    let after = query.cursor.as_ref().map(PageCursor::read).transpose()?;
    let events = timeline::of_client(&app.db, &*caller, id, after, query.limit.and_one()).await?;
    if events.is_empty() {
        clients::must_be_visible(&app.db, &*caller, id).await?;
    }
    Ok(Json(Page::new(events, query.limit, |event| (event.at, event.id))))
}
