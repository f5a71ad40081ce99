//! Devices on which users are signed in; revoking a lost one.

use axum::{extract::State, http::StatusCode};
use domain::{
    error::Error,
    identity::{Caller, Permission, SignedIn, UsersRead, UsersWrite},
};
use store::tables::{
    devices::{self, Device},
    users,
};
use uuid::Uuid;
use web::{Page, PageQuery, Path, Query, Require};

use crate::Auth;

type DevicePage = Page<Device>;

/// A user manages their own devices; those of others are managed by coordinators and admins.
fn own_or<P: Permission>(caller: &Caller, user_id: Uuid) -> web::Result<()> {
    if caller.user_id == user_id || P::ROLES.contains(&caller.role) { Ok(()) } else { Err(Error::NotFound.into()) }
}

/// List a user's devices, newest first.
#[utoipa::path(get, path = "/users/{id}/devices", tag = "users", operation_id = "list_devices",
    params(("id" = Uuid, Path, description = "The user."), PageQuery),
    responses((status = 200, description = "A page of the devices.", body = DevicePage)))]
pub(crate) async fn list(
    State(auth): State<Auth>,
    caller: Require<SignedIn>,
    Path(user_id): Path<Uuid>,
    Query(query): Query<PageQuery>,
) -> web::Result<axum::Json<DevicePage>> {
    own_or::<UsersRead>(&caller, user_id)?;
    let devices = devices::of_user(&auth.app.db, &*caller, user_id, query.after()?, query.rows()).await?;
    if devices.is_empty() {
        users::find(&auth.app.db, &*caller, user_id).await?.ok_or(Error::NotFound)?;
    }
    query.page(devices, |device| (device.created_at, device.id))
}

/// Cut one device off, at once and alone.
#[utoipa::path(delete, path = "/users/{id}/devices/{device_id}", tag = "users", operation_id = "revoke_device",
    params(("id" = Uuid, Path, description = "The user."), ("device_id" = Uuid, Path, description = "The device.")),
    responses((status = 204, description = "The device is revoked and signed out.")))]
pub(crate) async fn revoke(
    State(auth): State<Auth>,
    caller: Require<SignedIn>,
    Path((user_id, id)): Path<(Uuid, Uuid)>,
) -> web::Result<StatusCode> {
    own_or::<UsersWrite>(&caller, user_id)?;
    let mut tx = auth.app.db.write_unsynced(&*caller).await?;
    let user = users::find_in(&mut tx, user_id).await?;
    if user_id != caller.user_id && !caller.role.manages(user.role) {
        return Err(Error::Forbidden.into());
    }
    if !devices::revoke(&mut tx, user_id, id).await? {
        return Err(Error::NotFound.into());
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
