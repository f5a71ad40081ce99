//! `alerts`: a caregiver asks for help, and a person answers.

mod alerts;
mod replies;

use app::AppWithJobs;
use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

fn routes() -> OpenApiRouter<AppWithJobs> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(alerts::list, alerts::raise))
        .routes(routes!(alerts::read))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(alerts::resolve))
        .routes(routes!(replies::list))
        .routes(routes!(replies::answer))
        .routes(routes!(replies::close));
    OpenApiRouter::new().nest("/v1", v1)
}

/// The function's HTTP interface.
pub fn router(app: AppWithJobs) -> Router {
    let common = app.app.clone();
    let (router, _) = routes().with_state(app).split_for_parts();
    common.service(router, "alerts")
}

/// The OpenAPI document of the routes.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}
