//! `clients`: the people who are cared for, their care plans, care teams and consents, and what their families read.

mod care_plan;
mod care_team;
mod clients;
mod consents;
mod family;
mod history;
mod timeline;
mod who_can_see;

use app::App;
use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

fn routes() -> OpenApiRouter<App> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(clients::list, clients::create))
        .routes(routes!(clients::read, clients::change, clients::delete))
        .routes(routes!(care_plan::read, care_plan::write))
        .routes(routes!(care_plan::versions))
        .routes(routes!(care_team::list, care_team::add))
        .routes(routes!(care_team::change, care_team::remove))
        .routes(routes!(consents::list, consents::record))
        .routes(routes!(who_can_see::list))
        .routes(routes!(timeline::read))
        .routes(routes!(history::read))
        .routes(routes!(family::list))
        .routes(routes!(family::view));
    OpenApiRouter::new().nest("/v1", v1)
}

/// The function's HTTP interface.
pub fn router(app: App) -> Router {
    let common = app.clone();
    let (router, _) = routes().with_state(app).split_for_parts();
    common.service(router, "clients")
}

/// The OpenAPI document of the routes.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}
