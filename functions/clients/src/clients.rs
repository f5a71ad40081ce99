//! Clients: list, create, read, change, delete.

use app::App;
use axum::{extract::State, http::StatusCode};
use domain::{
    consent::ConsentState,
    error::{Conflict, Error, Fault, Reference},
    identity::{ClientsDelete, ClientsRead, ClientsWrite},
};
use serde::Deserialize;
use store::{
    Identity, Tx,
    tables::{
        clients::{self, Client, ClientFields, ClientFilter, ClientSummary, EnteredClient},
        idempotency::{self, Creation},
        users,
    },
};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{Created, IfMatch, List, New, Page, PageQuery, Patch, Path, ReferenceExt, Reply, Require};

type NewClient = New<ClientFields>;
type ClientPatch = Patch<ClientFields>;
type ClientSummaryPage = Page<ClientSummary>;

/// Which clients to list.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ClientQuery {
    /// Words of the name or parts of them, in any order; case, accents, apostrophes and hyphens don't matter.
    #[param(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Only those that this coordinator plans for.
    coordinator_id: Option<Uuid>,
    /// Only those whose consent to keeping care records stands so: `not_recorded` are those who are still to be asked.
    #[param(inline)]
    data_collection_consent: Option<ConsentState>,
}

/// List clients by name, or search them.
#[utoipa::path(get, path = "/clients", tag = "clients", operation_id = "list_clients", params(ClientQuery, PageQuery),
    responses((status = 200, description = "A page of the clients that the caller may see.",
        body = ClientSummaryPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    list: List<ClientsRead, ClientQuery>,
) -> web::Result<axum::Json<ClientSummaryPage>> {
    let ClientQuery { name, coordinator_id, data_collection_consent } = list.filter.clone();
    let (after, limit) = (list.after()?, list.rows());
    let filter = ClientFilter { name, coordinator_id, data_collection_consent, after, limit };
    let clients = clients::list(&app.db, &*list.caller, filter).await?;
    list.page(clients, |c| (c.sort_name.clone(), c.id))
}

/// Enter a client.
#[utoipa::path(post, path = "/clients", tag = "clients", operation_id = "create_client", request_body = NewClient,
    responses((status = 201, description = "The new client, and which others they may be.", body = EnteredClient),
        (status = 409, description = "The id is taken.")))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Require<ClientsWrite>,
    New { id, fields }: NewClient,
) -> web::Result<Created<EnteredClient>> {
    let mut tx = app.db.write(&*caller).await?;
    if idempotency::claim(&mut tx, "clients", id, &fields).await? == Creation::Fresh {
        must_be_coordinator(&mut tx, fields.coordinator_id).await?;
        clients::insert(&mut tx, id, &fields).await.on_reference(Reference::Coordinator, no_coordinator)?;
    }
    let client = clients::lock(&mut tx, id).await?.shown_to(caller.role);
    let possible_duplicates = clients::possible_duplicates(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Created(id, EnteredClient { client, possible_duplicates }))
}

/// Read a client.
#[utoipa::path(get, path = "/clients/{id}", tag = "clients", operation_id = "read_client",
    params(("id" = Uuid, Path, description = "The client.")),
    responses((status = 200, description = "The client, as far as the caller's role may read.", body = Client)))]
pub(crate) async fn read(
    State(app): State<App>,
    caller: Require<ClientsRead>,
    Path(id): Path<Uuid>,
) -> web::Result<Reply<Client>> {
    let client = clients::find(&app.db, &*caller, id).await?.ok_or(Error::NotFound)?;
    Ok(Reply(StatusCode::OK, client.shown_to(caller.role)))
}

/// Change a client.
#[utoipa::path(patch, path = "/clients/{id}", tag = "clients", operation_id = "change_client",
    params(("id" = Uuid, Path, description = "The client.")), request_body = ClientPatch,
    responses((status = 200, description = "The record after the change.", body = Client),
        (status = 412, description = "The record has changed since it was read.")))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Require<ClientsWrite>,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
    patch: ClientPatch,
) -> web::Result<Reply<Client>> {
    let mut tx = app.db.write(&*caller).await?;
    let before = clients::lock(&mut tx, id).await?;
    if_match.check(&before)?;
    let wanted = patch.apply(&before.fields)?;
    if wanted.coordinator_id != before.fields.coordinator_id {
        must_be_coordinator(&mut tx, wanted.coordinator_id).await?;
    }
    let after = clients::update(&mut tx, id, &wanted).await.on_reference(Reference::Coordinator, no_coordinator)?;
    tx.commit().await?;
    Ok(Reply(StatusCode::OK, after.shown_to(caller.role)))
}

/// Remove a client.
///
/// What was documented stays. Visits to come must be cancelled first.
#[utoipa::path(delete, path = "/clients/{id}", tag = "clients", operation_id = "delete_client",
    params(("id" = Uuid, Path, description = "The client.")),
    responses((status = 204, description = "The record is removed."),
        (status = 409, description = "Visits are still to come.")))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Require<ClientsDelete>,
    Path(id): Path<Uuid>,
) -> web::Result<StatusCode> {
    let mut tx = app.db.write(&*caller).await?;
    clients::lock(&mut tx, id).await?;
    if clients::has_open_visits(&mut tx, id).await? {
        return Err(
            Error::Conflict(Conflict::Final("Visits to this client are still to come. Cancel them first.")).into()
        );
    }
    clients::delete(&mut tx, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn must_be_coordinator<I: Identity>(tx: &mut Tx<I>, user_id: Option<Uuid>) -> web::Result<()> {
    let Some(user_id) = user_id else { return Ok(()) };
    match users::role_of(tx, user_id).await? {
        Some(role) if role.sees_agency() => Ok(()),
        _ => Err(vec![no_coordinator()].into()),
    }
}

fn no_coordinator() -> Fault {
    Fault::body("/coordinator_id", "must be a coordinator of this agency")
}
