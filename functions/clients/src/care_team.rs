//! A client's care team.

use app::App;
use axum::{extract::State, http::StatusCode};
use domain::{
    error::Fault,
    identity::{ClientsRead, ClientsWrite},
};
use serde::Serialize;
use store::{
    Identity, Tx,
    tables::{
        care_team::{self, FutureVisit, Member, MemberFields},
        clients,
        idempotency::{self, Creation},
        users,
    },
};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Created, IfMatch, New, Page, PageQuery, Patch, Path, Query, Reply, Require};

type NewMember = New<MemberFields>;
type MemberPatch = Patch<MemberFields>;
type MemberPage = Page<Member>;

/// List a client's care team, former members included.
#[utoipa::path(get, path = "/clients/{id}/care-team", tag = "clients", operation_id = "list_care_team",
    params(("id" = Uuid, Path, description = "The client."), PageQuery),
    responses((status = 200, description = "A page of the team, by first day.", body = MemberPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Require<ClientsRead>,
    Path(id): Path<Uuid>,
    Query(query): Query<PageQuery>,
) -> web::Result<axum::Json<MemberPage>> {
    let team = care_team::of_client(&app.db, &*caller, id, query.after()?, query.rows()).await?;
    if team.is_empty() {
        clients::must_be_visible(&app.db, &*caller, id).await?;
    }
    query.page(team, |member| (member.starts_on, member.id))
}

/// Put somebody on a care team.
#[utoipa::path(post, path = "/clients/{id}/care-team", tag = "clients", operation_id = "add_care_team_member",
    params(("id" = Uuid, Path, description = "The client.")), request_body = NewMember,
    responses((status = 201, description = "The new member.", body = Member),
        (status = 409, description = "On the team already, or there is a primary nurse already, or the id is taken.")))]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Require<ClientsWrite>,
    Path(client_id): Path<Uuid>,
    New { id, fields }: NewMember,
) -> web::Result<Created<Member>> {
    let mut tx = app.db.write(&*caller).await?;
    clients::lock(&mut tx, client_id).await?;
    if idempotency::claim(&mut tx, "care_team", id, &(client_id, &fields)).await? == Creation::Fresh {
        must_suit(&mut tx, &fields).await?;
        care_team::insert(&mut tx, client_id, id, &fields).await?;
    }
    let member = care_team::lock(&mut tx, client_id, id).await?;
    tx.commit().await?;
    Ok(Created(id, member))
}

/// Change a member's relation or days.
#[utoipa::path(patch, path = "/clients/{id}/care-team/{member_id}", tag = "clients",
    operation_id = "change_care_team_member",
    params(("id" = Uuid, Path, description = "The client."),
        ("member_id" = Uuid, Path, description = "The membership.")),
    request_body = MemberPatch,
    responses((status = 200, description = "The record after the change.", body = Member),
        (status = 409, description = "The client has a primary nurse already."),
        (status = 412, description = "The record has changed since it was read.")))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Require<ClientsWrite>,
    Path((client_id, id)): Path<(Uuid, Uuid)>,
    if_match: IfMatch,
    patch: MemberPatch,
) -> web::Result<Reply<Member>> {
    let mut tx = app.db.write(&*caller).await?;
    let before = care_team::lock(&mut tx, client_id, id).await?;
    if_match.check(&before)?;
    let wanted = patch.apply(&(&before).into())?;
    if wanted.user_id != before.user_id {
        return Err(vec![Fault::body("/user_id", "can't be changed; add another member")].into());
    }
    must_suit(&mut tx, &wanted).await?;
    care_team::update(&mut tx, client_id, id, &wanted).await?;
    let after = care_team::lock(&mut tx, client_id, id).await?;
    tx.commit().await?;
    Ok(Reply(StatusCode::OK, after))
}

/// What is left to do when somebody was taken off a care team.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"future_visits": [{"id": "0193a5b0-0000-7000-8000-0000000000f1",
    "scheduled_start": "2026-11-20T14:00:00Z", "scheduled_end": "2026-11-20T14:45:00Z"}]}))]
pub struct RemovedMember {
    /// Their visits to the client that are still planned: to be given to somebody else, or cancelled.
    future_visits: Vec<FutureVisit>,
}

/// Take somebody off a care team.
///
/// Every grant that they have there ends at once: what a coordinator assigned and what visits brought, today's and
/// those to come. Their visits stay planned, and the answer names those to come.
#[utoipa::path(delete, path = "/clients/{id}/care-team/{member_id}", tag = "clients",
    operation_id = "remove_care_team_member",
    params(("id" = Uuid, Path, description = "The client."),
        ("member_id" = Uuid, Path, description = "The membership.")),
    responses((status = 200, description = "The member is removed.", body = RemovedMember)))]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Require<ClientsWrite>,
    Path((client_id, id)): Path<(Uuid, Uuid)>,
) -> web::Result<axum::Json<RemovedMember>> {
    let mut tx = app.db.write(&*caller).await?;
    let member = care_team::lock(&mut tx, client_id, id).await?;
    care_team::end_all(&mut tx, client_id, member.user_id).await?;
    let future_visits = care_team::future_visits(&mut tx, client_id, member.user_id).await?;
    tx.commit().await?;
    Ok(axum::Json(RemovedMember { future_visits }))
}

async fn must_suit<I: Identity>(tx: &mut Tx<I>, member: &MemberFields) -> web::Result<()> {
    match users::role_of(tx, member.user_id).await? {
        None => Err(vec![Fault::body("/user_id", "must be a user of this agency who is not suspended")].into()),
        Some(role) if !member.relation.suits(role) => {
            Err(vec![Fault::body("/relation", format!("is not for the role {role}"))].into())
        }
        Some(_) => Ok(()),
    }
}
