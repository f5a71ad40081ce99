//! Legal holds: placed and lifted by an admin who has just given the password.

use app::App;
use axum::{Json, extract::State, http::StatusCode};
use domain::{
    error::{Error, Reference},
    identity::PrivacyManage,
    validation::Check,
};
use serde::Deserialize;
use store::tables::{
    idempotency::{self, Creation},
    legal_holds::{self, HoldFilter, LegalHold, LegalHoldFields},
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::{Created, List, New, Page, PageQuery, Path, ReferenceExt, Reply, Require, SteppedUp};

use crate::requests::{no_client, no_user};

type NewLegalHold = New<LegalHoldFields>;
type LegalHoldPage = Page<LegalHold>;

/// Which holds to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HoldQuery {
    /// Only those that hold still, or only those that were lifted.
    active: Option<bool>,
    /// Only those of this client.
    client_id: Option<Uuid>,
    /// Only those of this user.
    user_id: Option<Uuid>,
}

/// List legal holds, newest first.
#[utoipa::path(get, path = "/privacy/holds", tag = "privacy", operation_id = "list_legal_holds",
    params(HoldQuery, PageQuery),
    responses((status = 200, description = "A page of the holds.", body = LegalHoldPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    list: List<PrivacyManage, HoldQuery>,
) -> web::Result<Json<LegalHoldPage>> {
    let HoldQuery { active, client_id, user_id } = list.filter;
    let filter = HoldFilter { active, client_id, user_id, before: list.after()?, limit: list.rows() };
    let holds = legal_holds::list(&app.db, &*list.caller, filter).await?;
    list.page(holds, |hold| (hold.placed_at, hold.id))
}

/// Place a legal hold.
///
/// Nothing of this client or user is removed by age until it is lifted. Asks for the password of the last ten minutes.
#[utoipa::path(post, path = "/privacy/holds", tag = "privacy", operation_id = "place_legal_hold",
    request_body = NewLegalHold,
    responses((status = 201, description = "The new hold.", body = LegalHold),
        (status = 409, description = "The id is taken.")))]
pub(crate) async fn place(
    State(app): State<App>,
    caller: SteppedUp<PrivacyManage>,
    New { id, fields }: NewLegalHold,
) -> web::Result<Created<LegalHold>> {
    let mut tx = app.db.write_unsynced(&*caller).await?;
    if idempotency::claim(&mut tx, "legal_holds", id, &fields).await? == Creation::Fresh {
        legal_holds::insert(&mut tx, id, &fields)
            .await
            .on_reference(Reference::Client, no_client)
            .on_reference(Reference::User, no_user)?;
    }
    let hold = legal_holds::lock(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Created(id, hold))
}

/// Read a legal hold.
#[utoipa::path(get, path = "/privacy/holds/{id}", tag = "privacy", operation_id = "read_legal_hold",
    params(("id" = Uuid, Path, description = "The hold.")),
    responses((status = 200, description = "The hold.", body = LegalHold)))]
pub(crate) async fn read(
    State(app): State<App>,
    caller: Require<PrivacyManage>,
    Path(id): Path<Uuid>,
) -> web::Result<Reply<LegalHold>> {
    let hold = legal_holds::find(&app.db, &*caller, id).await?.ok_or(Error::NotFound)?;
    Ok(Reply(StatusCode::OK, hold))
}

/// Why a hold is lifted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "The proceeding has ended"}))]
pub struct HoldLift {
    /// Why it may be removed by age again, in the admin's words; kept with the hold.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}
impl Check for HoldLift {}

/// Lift a legal hold.
///
/// Its records are removed by age again, unless another hold is on them. Asks for the password of the last ten minutes.
#[utoipa::path(post, path = "/privacy/holds/{id}/lift", tag = "privacy", operation_id = "lift_legal_hold",
    params(("id" = Uuid, Path, description = "The hold.")), request_body = HoldLift,
    responses((status = 200, description = "The hold, lifted.", body = LegalHold),
        (status = 409, description = "It was lifted before, for another reason.")))]
pub(crate) async fn lift(
    State(app): State<App>,
    caller: SteppedUp<PrivacyManage>,
    Path(id): Path<Uuid>,
    web::Json(HoldLift { reason }): web::Json<HoldLift>,
) -> web::Result<Reply<LegalHold>> {
    let mut tx = app.db.write_unsynced(&*caller).await?;
    let hold = legal_holds::lock(&mut tx, id).await?;
    legal_holds::lift(&mut tx, &hold, &reason).await?;
    let hold = legal_holds::lock(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Reply(StatusCode::OK, hold))
}
