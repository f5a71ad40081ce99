//! Where a device takes push messages.

use axum::{extract::State, http::StatusCode};
use domain::{identity::SignedIn, validation::Check};
use serde::Deserialize;
use store::tables::devices;
use utoipa::ToSchema;
use web::{Json, Require};

use crate::Auth;

/// An app's address with the push service.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"push_token": "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]"}))]
pub struct PushToken {
    /// As `getExpoPushTokenAsync` answers it.
    #[schema(pattern = r"^Expo(nent)?PushToken\[[A-Za-z0-9_-]{1,200}\]$", max_length = 255)]
    push_token: String,
}
impl Check for PushToken {}

/// Take push messages on this device.
///
/// Asked at each start of the app: the push service changes its tokens. Another device that had this one loses it.
#[utoipa::path(put, path = "/auth/push-token", tag = "auth", operation_id = "set_push_token", request_body = PushToken,
    responses((status = 204, description = "Received.")))]
pub(crate) async fn set(
    State(auth): State<Auth>,
    caller: Require<SignedIn>,
    Json(body): Json<PushToken>,
) -> web::Result<StatusCode> {
    let mut tx = auth.app.db.write_unsynced(&*caller).await?;
    devices::take_push_token(&mut tx, caller.device_id, &body.push_token).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take no push messages on this device any more.
#[utoipa::path(delete, path = "/auth/push-token", tag = "auth", operation_id = "remove_push_token",
    responses((status = 204, description = "The push token is removed.")))]
pub(crate) async fn remove(State(auth): State<Auth>, caller: Require<SignedIn>) -> web::Result<StatusCode> {
    let mut tx = auth.app.db.write_unsynced(&*caller).await?;
    devices::drop_push_token(&mut tx, caller.device_id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
