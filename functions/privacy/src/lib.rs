//! `privacy`: what a privacy officer works with. Registers of requests, breaches and holds.

mod holds;
mod incidents;
mod requests;

use app::App;
use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

fn routes() -> OpenApiRouter<App> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(requests::list, requests::record))
        .routes(routes!(requests::read, requests::change))
        .routes(routes!(incidents::list, incidents::record))
        .routes(routes!(incidents::read, incidents::change))
        .routes(routes!(holds::list, holds::place))
        .routes(routes!(holds::read))
        .routes(routes!(holds::lift));
    OpenApiRouter::new().nest("/v1", v1)
}

/// The function's HTTP interface.
pub fn router(app: App) -> Router {
    let common = app.clone();
    let (router, _) = routes().with_state(app).split_for_parts();
    common.service(router, "privacy")
}

/// The OpenAPI document of the routes.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}
