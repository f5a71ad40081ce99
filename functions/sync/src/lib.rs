//! `sync`: `WatermelonDB`'s protocol, unchanged. A nurse works all day without signal, and nothing that she wrote is
//! lost or silently overwritten.

mod bisect;
mod device_loss;
mod envelope;
mod page;
mod parse;
mod plan;
mod pull;
mod push;
mod refusals;
mod response;
mod schema;
mod server_state;
mod status;

use std::time::Duration;

use app::AppWithJobs;
use axum::Router;
use domain::{error::Fault, sync::cursor::SyncCursor};
use runtime::{metrics::Measurement, request::current};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

fn routes() -> OpenApiRouter<AppWithJobs> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(pull::pull, push::push))
        .routes(routes!(status::status))
        .routes(routes!(device_loss::read))
        .routes(routes!(refusals::list))
        .routes(routes!(refusals::read))
        .routes(routes!(refusals::accept))
        .routes(routes!(refusals::dismiss))
        .routes(routes!(schema::schema));
    OpenApiRouter::new().nest("/v1", v1)
}

/// The cursor that a phone presents; none at a first sync.
///
/// # Errors
/// Where what stands in its place is none: a new start must be asked for, and doesn't happen by mistake.
fn cursor(last_pulled_at: Option<&str>) -> web::Result<Option<SyncCursor>> {
    SyncCursor::parse(last_pulled_at)
        .map_err(|malformed| vec![Fault::parameter("last_pulled_at", malformed.to_string())].into())
}

/// Reads the body of a push and answers how many records are sound and how many are refused; for fuzzing.
///
/// # Errors
/// Where its outermost shape is not that of a push.
#[doc(hidden)]
pub fn read_body(body: &[u8]) -> web::Result<(usize, usize)> {
    let records = parse::read(body)?;
    Ok((records.sound.len(), records.refused.len()))
}

/// Tells CloudWatch of a pull or push, once it is done.
fn measure(records: usize, conflicts: usize, rejected: usize) {
    let duration = current().map_or(Duration::ZERO, |request| request.elapsed());
    Measurement::Sync { records, conflicts, rejected, duration }.record();
}

/// The function's HTTP interface.
pub fn router(app: AppWithJobs) -> Router {
    let common = app.app.clone();
    let (router, _) = routes().with_state(app).split_for_parts();
    common.service(router, "sync")
}

/// The OpenAPI document of the routes.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}
