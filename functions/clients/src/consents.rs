//! What a client consents to.

use app::App;
use axum::{Json, extract::State, http::StatusCode};
use domain::{
    error::Fault,
    identity::{ClientsRead, ClientsWrite},
};
use store::tables::{
    clients,
    consents::{self, Consent, ConsentFields},
    idempotency::{self, Creation},
    users,
};
use uuid::Uuid;
use web::{New, Page, PageQuery, Path, Query, Require};

type NewConsent = New<ConsentFields>;
type ConsentPage = Page<Consent>;

/// List all consents and withdrawals, newest first.
#[utoipa::path(get, path = "/clients/{id}/consents", tag = "clients", operation_id = "list_consents",
    params(("id" = Uuid, Path, description = "The client."), PageQuery),
    responses((status = 200, description = "A page of the recorded consents; the newest of each kind is in force.",
        body = ConsentPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Require<ClientsRead>,
    Path(id): Path<Uuid>,
    Query(query): Query<PageQuery>,
) -> web::Result<Json<ConsentPage>> {
    let consents = consents::of_client(&app.db, &*caller, id, query.after()?, query.rows()).await?;
    if consents.is_empty() {
        clients::must_be_visible(&app.db, &*caller, id).await?;
    }
    query.page(consents, |consent| (consent.recorded_at, consent.id))
}

/// Record a consent, or its withdrawal.
#[utoipa::path(post, path = "/clients/{id}/consents", tag = "clients", operation_id = "record_consent",
    params(("id" = Uuid, Path, description = "The client.")), request_body = NewConsent,
    responses((status = 201, description = "The recorded consent.", body = Consent),
        (status = 409, description = "The id is taken.")))]
pub(crate) async fn record(
    State(app): State<App>,
    caller: Require<ClientsWrite>,
    Path(client_id): Path<Uuid>,
    New { id, fields }: NewConsent,
) -> web::Result<(StatusCode, Json<Consent>)> {
    let mut tx = app.db.write(&*caller).await?;
    clients::lock(&mut tx, client_id).await?;
    if idempotency::claim(&mut tx, "consents", id, &(client_id, &fields)).await? == Creation::Fresh {
        if let Some(user_id) = fields.user_id
            && users::role_of(&mut tx, user_id).await?.is_none()
        {
            return Err(vec![Fault::body("/user_id", "must be a user of this agency who is not suspended")].into());
        }
        consents::insert(&mut tx, client_id, id, &fields).await?;
    }
    let consent = consents::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(consent)))
}
