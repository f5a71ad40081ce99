//! What families write back by SMS, for coordinators to read.

use app::App;
use axum::{Json, extract::State};
use domain::identity::AlertsAnswer;
use serde::Deserialize;
use store::tables::inbound_messages::{self, Intent, Reply, ReplyFilter};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{List, Page, PageQuery};

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
}

/// List what families wrote back by SMS, newest first.
#[utoipa::path(get, path = "/replies", tag = "alerts", operation_id = "list_replies", params(ReplyQuery, PageQuery),
    responses((status = 200, description = "A page of replies.", body = ReplyPage)))]
pub(crate) async fn list(State(app): State<App>, list: List<AlertsAnswer, ReplyQuery>) -> web::Result<Json<ReplyPage>> {
    let ReplyQuery { client_id, intent } = list.filter;
    let filter = ReplyFilter { client_id, intent, before: list.after()?, limit: list.rows() };
    let replies = inbound_messages::list(&app.db, &*list.caller, filter).await?;
    list.page(replies, |reply| (reply.received_at, reply.id))
}
