//! What families write back by SMS, for coordinators to read.

use app::App;
use axum::{Json, extract::State};
use domain::identity::AlertsAnswer;
use serde::Deserialize;
use store::tables::inbound_messages::{self, Intent, Reply, ReplyFilter};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{Page, PageCursor, PageSize, Query, Require};

type ReplyPage = Page<Reply>;

/// Which replies to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReplyQuery {
    /// Only alerts or replies about this client.
    client_id: Option<Uuid>,
    /// Only those that ask for this; `note` are those that no machine understood.
    #[param(inline)]
    intent: Option<Intent>,
    /// How many at most; 50 unless told.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: PageSize,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<String>, max_length = 1000)]
    cursor: Option<PageCursor>,
}

/// List what families wrote back by SMS, newest first.
#[utoipa::path(get, path = "/replies", tag = "alerts", operation_id = "list_replies", params(ReplyQuery),
    responses((status = 200, description = "A page of replies.", body = ReplyPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Require<AlertsAnswer>,
    Query(query): Query<ReplyQuery>,
) -> web::Result<Json<ReplyPage>> {
    let filter = ReplyFilter {
        client_id: query.client_id,
        intent: query.intent,
        before: query.cursor.as_ref().map(PageCursor::read).transpose()?,
        limit: query.limit.and_one(),
    };
    let replies = inbound_messages::list(&app.db, &*caller, filter).await?;
    Ok(Json(Page::new(replies, query.limit, |reply| (reply.received_at, reply.id))))
}
