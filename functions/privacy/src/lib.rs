//! `privacy`: what a privacy officer works with. Exports of what is held on a client; registers of requests, breaches
//! and holds; who saw what, and the proof that the record of it is untouched.

mod access_log;
mod affected;
mod audit;
mod export;
mod fhir;
mod holds;
mod incidents;
mod requests;
mod retention;

use app::App;
use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use export::{Bundle, ClientExport};

fn routes() -> OpenApiRouter<App> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(export::read))
        .routes(routes!(requests::list, requests::record))
        .routes(routes!(requests::read, requests::change))
        .routes(routes!(incidents::list, incidents::record))
        .routes(routes!(incidents::read, incidents::change))
        .routes(routes!(affected::list))
        .routes(routes!(affected::notice))
        .routes(routes!(holds::list, holds::place))
        .routes(routes!(holds::read))
        .routes(routes!(holds::lift))
        .routes(routes!(retention::plan))
        .routes(routes!(retention::reports))
        .routes(routes!(access_log::read))
        .routes(routes!(access_log::read_along))
        .routes(routes!(audit::search))
        .routes(routes!(audit::chain));
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
