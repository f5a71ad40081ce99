//! What families and caregivers write back by SMS, for coordinators to read, answer and close.

use app::{App, AppWithJobs};
use axum::{Json, extract::State};
use domain::{
    error::{Conflict, Error, Fault},
    identity::AlertsAnswer,
    messages::Template,
};
use serde::Deserialize;
use store::tables::{
    inbound_messages::{self, Addressee, Intent, Reply, ReplyAnswer, ReplyFilter, ReplyStatus},
    messages::{Channel, Message},
};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{Json as Body, List, Page, PageQuery, Path, Require};

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
    /// Only those in this status.
    #[param(inline)]
    status: Option<ReplyStatus>,
}

/// List what was written back by SMS: what somebody is to see to first, then the newest.
#[utoipa::path(get, path = "/replies", tag = "alerts", operation_id = "list_replies", params(ReplyQuery, PageQuery),
    responses((status = 200, description = "A page of replies.", body = ReplyPage)))]
pub(crate) async fn list(State(app): State<App>, list: List<AlertsAnswer, ReplyQuery>) -> web::Result<Json<ReplyPage>> {
    let ReplyQuery { client_id, intent, status } = list.filter;
    let filter = ReplyFilter { client_id, intent, status, after: list.after()?, limit: list.rows() };
    let replies = inbound_messages::list(&app.db, &*list.caller, filter).await?;
    list.page(replies, |reply| (reply.status, reply.received_at, reply.id))
}

/// Answer a reply by SMS, once.
///
/// Not where whoever wrote it, or the client, wants no SMS. The reply stays open until it is closed.
#[utoipa::path(post, path = "/replies/{id}/answer", tag = "alerts", operation_id = "answer_reply",
    params(("id" = Uuid, Path, description = "The reply.")), request_body = ReplyAnswer,
    responses((status = 200, description = "The reply with its answer.", body = Reply),
        (status = 409, description = "It was answered with other words, or its sender can't be reached or wants no \
            SMS.")))]
pub(crate) async fn answer(
    State(AppWithJobs { app, jobs }): State<AppWithJobs>,
    caller: Require<AlertsAnswer>,
    Path(id): Path<Uuid>,
    Body(answer): Body<ReplyAnswer>,
) -> web::Result<Json<Reply>> {
    let mut tx = app.db.write_unsynced(&*caller).await?;
    let reply = inbound_messages::lock(&mut tx, id).await?;
    match &reply.answer {
        Some(before) if *before == answer.text => {
            tx.commit().await?;
            return Ok(Json(reply));
        }
        Some(_) => return Err(Error::Conflict(Conflict::AlreadyRecorded).into()),
        None => {}
    }
    let addressee = inbound_messages::addressee(&mut tx, &reply, &answer.text).await?;
    let (Some(recipient_id), Some(addressee)) = (reply.user_id, addressee) else {
        return Err(Error::Conflict(Conflict::Final("Nobody has the number that this came from any more.")).into());
    };
    may_be_sent(&addressee)?;
    let message = Message {
        recipient_id,
        address: reply.sender.clone(),
        channel: Channel::Sms,
        locale: addressee.locale,
        template: Template::ReplyAnswer { text: answer.text.clone() },
        dedupe_key: format!("reply-answer {id}"),
        alert_id: None,
        visit_id: None,
        client_id: reply.client_id,
        occasion: None,
    };
    message.enqueue(&mut tx).await?;
    let reply = inbound_messages::answer(&mut tx, &reply, &answer.text).await?;
    tx.commit().await?;
    jobs.dispatch().await;
    Ok(Json(reply))
}

/// Close a reply: nothing more is to be done about it.
#[utoipa::path(post, path = "/replies/{id}/close", tag = "alerts", operation_id = "close_reply",
    params(("id" = Uuid, Path, description = "The reply.")),
    responses((status = 200, description = "The reply, now closed.", body = Reply)))]
pub(crate) async fn close(
    State(app): State<App>,
    caller: Require<AlertsAnswer>,
    Path(id): Path<Uuid>,
) -> web::Result<Json<Reply>> {
    let mut tx = app.db.write_unsynced(&*caller).await?;
    let mut reply = inbound_messages::lock(&mut tx, id).await?;
    if reply.status == ReplyStatus::Open {
        reply = inbound_messages::close(&mut tx, &reply).await?;
    }
    tx.commit().await?;
    Ok(Json(reply))
}

/// Refuses what isn't wanted, and words that tell the network who the client is.
fn may_be_sent(addressee: &Addressee) -> web::Result<()> {
    if addressee.opted_out {
        return Err(Error::Conflict(Conflict::Final("No SMS is wanted at this number. Call instead.")).into());
    }
    if addressee.names_client {
        return Err(vec![Fault::body("/text", "must not have the client's family name in it")].into());
    }
    Ok(())
}
