//! The register of what people ask of their data.

use app::App;
use axum::{Json, extract::State, http::StatusCode};
use domain::{Fault, error::Error, error::Reference, identity::PrivacyManage};
use serde::Deserialize;
use store::tables::{
    idempotency::{self, Creation},
    privacy_requests::{
        self, PrivacyRequest, PrivacyRequestFields, RequestFilter, RequestProgressFields, RequestState,
    },
};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{Created, IfMatch, List, New, Page, PageQuery, Patch, Path, ReferenceExt, Reply, Require};

type NewPrivacyRequest = New<PrivacyRequestFields>;
type RequestProgressPatch = Patch<RequestProgressFields>;
type PrivacyRequestPage = Page<PrivacyRequest>;

/// Which requests to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RequestQuery {
    /// Only those in this state.
    #[param(inline)]
    state: Option<RequestState>,
    /// Only those about this client.
    client_id: Option<Uuid>,
    /// Only those about this user.
    user_id: Option<Uuid>,
}

/// List what people asked of their data, newest first.
#[utoipa::path(get, path = "/privacy/requests", tag = "privacy", operation_id = "list_privacy_requests",
    params(RequestQuery, PageQuery),
    responses((status = 200, description = "A page of the requests.", body = PrivacyRequestPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    list: List<PrivacyManage, RequestQuery>,
) -> web::Result<Json<PrivacyRequestPage>> {
    let RequestQuery { state, client_id, user_id } = list.filter;
    let filter = RequestFilter { state, client_id, user_id, before: list.after()?, limit: list.rows() };
    let requests = privacy_requests::list(&app.db, &*list.caller, filter).await?;
    list.page(requests, |request| (request.received_at, request.id))
}

/// Record what somebody asks of their data.
///
/// It is due 30 days after it was received. The agency's admins are reminded a week before, and when it is due.
#[utoipa::path(post, path = "/privacy/requests", tag = "privacy", operation_id = "record_privacy_request",
    request_body = NewPrivacyRequest,
    responses((status = 201, description = "The new record.", body = PrivacyRequest),
        (status = 409, description = "The id is taken.")))]
pub(crate) async fn record(
    State(app): State<App>,
    caller: Require<PrivacyManage>,
    New { id, fields }: NewPrivacyRequest,
) -> web::Result<Created<PrivacyRequest>> {
    let mut tx = app.db.write_unsynced(&*caller).await?;
    if idempotency::claim(&mut tx, "privacy_requests", id, &fields).await? == Creation::Fresh {
        privacy_requests::insert(&mut tx, id, &fields)
            .await
            .on_reference(Reference::Client, no_client)
            .on_reference(Reference::User, no_user)?;
    }
    let request = privacy_requests::lock(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Created(id, request))
}

/// Read a request.
#[utoipa::path(get, path = "/privacy/requests/{id}", tag = "privacy", operation_id = "read_privacy_request",
    params(("id" = Uuid, Path, description = "The request.")),
    responses((status = 200, description = "The request.", body = PrivacyRequest)))]
pub(crate) async fn read(
    State(app): State<App>,
    caller: Require<PrivacyManage>,
    Path(id): Path<Uuid>,
) -> web::Result<Reply<PrivacyRequest>> {
    let request = privacy_requests::find(&app.db, &*caller, id).await?.ok_or(Error::NotFound)?;
    Ok(Reply(StatusCode::OK, request))
}

/// Say where a request stands, what came of it, or why it takes longer.
#[utoipa::path(patch, path = "/privacy/requests/{id}", tag = "privacy", operation_id = "change_privacy_request",
    params(("id" = Uuid, Path, description = "The request.")), request_body = RequestProgressPatch,
    responses((status = 200, description = "The record after the change.", body = PrivacyRequest),
        (status = 409, description = "The request has ended, or its state can't follow."),
        (status = 412, description = "The record has changed since it was read.")))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Require<PrivacyManage>,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
    patch: RequestProgressPatch,
) -> web::Result<Reply<PrivacyRequest>> {
    let mut tx = app.db.write_unsynced(&*caller).await?;
    let before = privacy_requests::lock(&mut tx, id).await?;
    if_match.check(&before)?;
    let wanted = patch.apply(&(&before).into())?;
    privacy_requests::update(&mut tx, &before, &wanted).await?;
    let after = privacy_requests::lock(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Reply(StatusCode::OK, after))
}

pub(crate) fn no_client() -> Fault {
    Fault::body("/client_id", "must be a client of this agency")
}

pub(crate) fn no_user() -> Fault {
    Fault::body("/user_id", "must be a user of this agency")
}
