//! `visits`: planning visits, going there, and documenting what was done.

mod charting;
mod conflicts;
mod status;
mod tasks;
mod visits;

use app::App;
use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

fn routes() -> OpenApiRouter<App> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(visits::list, visits::create))
        .routes(routes!(visits::read, visits::change, visits::delete))
        .routes(routes!(status::check_in))
        .routes(routes!(status::check_out))
        .routes(routes!(status::cancel))
        .routes(routes!(tasks::list, tasks::create))
        .routes(routes!(tasks::change, tasks::delete))
        .routes(routes!(conflicts::list))
        .routes(routes!(conflicts::resolve));
    OpenApiRouter::new().nest("/v1", v1)
}

/// The function's HTTP interface.
pub fn router(app: App) -> Router {
    let common = app.clone();
    let (router, _) = routes().with_state(app).split_for_parts();
    common.service(router, "visits")
}

/// The OpenAPI document of the routes.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}
