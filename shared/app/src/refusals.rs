//! Puts on record who asks for what they may not have.

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use runtime::request::current;
use store::{Db, tables::refusals};
use uuid::Uuid;

use crate::App;

impl App {
    /// A function's router with what all functions that know their callers have in common.
    pub fn service(&self, router: Router, name: &'static str) -> Router {
        web::service(router.layer(from_fn_with_state(self.db.clone(), record)), name)
    }
}

/// After the answer is made, so that nothing that is permitted waits for it. A refusal stays one where it can't be put
/// on record.
async fn record(State(db): State<Db>, request: Request, next: Next) -> Response {
    let ids: Vec<Uuid> = request.uri().path().split('/').filter_map(|part| part.parse().ok()).collect();
    let response = next.run(request).await;
    let status = response.status();
    if matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
        && let Some(info) = current()
        && let Some((user_id, _)) = info.caller()
        && let Err(error) = refusals::record(&db, user_id, status.as_u16(), ids, &info).await
    {
        tracing::warn!(%error, "a refusal is not on record");
    }
    response
}
