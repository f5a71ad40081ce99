//! What a listener missed, for who was away, and for who doesn't listen but asks.

use axum::{Json, extract::State};
use domain::identity::SignedIn;
use serde::Deserialize;
use store::reads::events;
use utoipa::IntoParams;
use web::{Error, List, Page, PageQuery};

use crate::{Realtime, frames::Frame};

type EventPage = Page<Frame>;

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// The `number` of the newest event that the caller knows.
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    after: i64,
}

/// List what changed, oldest first.
///
/// The same as is told over a WebSocket, one change each: of what the caller may see now. The log reaches back for six
/// months; beyond it, and after a restore from backup, everything has to be loaded anew (410 `start-again`).
#[utoipa::path(get, path = "/events", tag = "realtime", operation_id = "list_events", params(EventQuery, PageQuery),
    responses((status = 200, description = "A page of what changed.", body = EventPage),
        (status = 410, description = "The log does not reach back to that number.")))]
pub(crate) async fn list(
    State(realtime): State<Realtime>,
    list: List<SignedIn, EventQuery>,
) -> web::Result<Json<EventPage>> {
    let after = list.after::<i64>()?.unwrap_or(list.filter.after);
    let limit = i32::try_from(list.rows()).unwrap_or(i32::MAX);
    let changes = events::after(&realtime.app.db, &*list.caller, after, limit).await?;
    if !changes.complete {
        return Err(Error::StartAgain);
    }
    list.page_of(changes.events, |event| event.number, Frame::from)
}
