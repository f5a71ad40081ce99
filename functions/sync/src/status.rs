//! What the server has of a device's work, so that a nurse can see that her shift is in the chart.

use app::App;
use axum::{Json, extract::State};
use domain::{error::Fault, identity::SyncUse};
use jiff::Timestamp;
use serde::Deserialize;
use store::reads::sync_status::{self, SyncStatus};
use utoipa::IntoParams;
use web::{Query, Require};

/// From when on to count what was received.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatusQuery {
    /// Milliseconds since the epoch; 24 hours ago where absent.
    #[param(minimum = 0, maximum = 253_402_300_799_000_i64)]
    since: Option<i64>,
}

/// What has arrived from this device?
#[utoipa::path(get, path = "/sync/status", tag = "sync", operation_id = "sync_status", params(StatusQuery),
    responses((status = 200, description = "What was received and refused, and which conflicts are open.",
        body = SyncStatus)))]
pub(crate) async fn status(
    State(app): State<App>,
    caller: Require<SyncUse>,
    Query(query): Query<StatusQuery>,
) -> web::Result<Json<SyncStatus>> {
    let since = match query.since {
        Some(since) => Timestamp::from_millisecond(since)
            .map_err(|_| vec![Fault::parameter("since", "must be a time in milliseconds")])?,
        None => Timestamp::now() - jiff::SignedDuration::from_hours(24),
    };
    Ok(Json(sync_status::of_device(&app.db, &*caller, since).await?))
}
