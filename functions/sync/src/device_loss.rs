//! What a phone that was cut off took with it.

use app::App;
use axum::{Json, extract::State};
use domain::{error::Error, identity::UsersRead};
use store::reads::device_loss::{self, DeviceLoss};
use uuid::Uuid;
use web::{Path, Require};

/// What a phone has not brought back: when it was last heard of, what it said it had not sent, and which visits since
/// lack their chart.
#[utoipa::path(get, path = "/devices/{id}/loss", tag = "sync", operation_id = "read_device_loss",
    params(("id" = Uuid, Path, description = "The device.")),
    responses((status = 200, description = "What is known of it.", body = DeviceLoss)))]
pub(crate) async fn read(
    State(app): State<App>,
    caller: Require<UsersRead>,
    Path(id): Path<Uuid>,
) -> web::Result<Json<DeviceLoss>> {
    Ok(Json(device_loss::of_device(&app.db, &*caller, id).await?.ok_or(Error::NotFound)?))
}
