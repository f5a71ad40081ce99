//! Whether the services that BerthCare depends on answer.

use std::time::Instant;

use axum::{Json, extract::State, http::StatusCode};
use domain::error::Error;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Health;

/// Whether one dependency works.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"ok": true, "latency_ms": 1.3}))]
pub struct Dependency {
    /// Whether it works.
    ok: bool,
    /// How long the answer, or the failure, took.
    latency_ms: f64,
}

/// The health of the API and of what it depends on.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"version": "0.1.0", "ok": true, "postgresql": {"ok": true, "latency_ms": 1.3},
    "dynamodb": {"ok": true, "latency_ms": 3.1}, "s3": {"ok": true, "latency_ms": 4.8}}))]
pub struct HealthReport {
    /// The release's version.
    version: &'static str,
    /// Whether all dependencies work.
    ok: bool,
    /// The database, which holds all records.
    postgresql: Dependency,
    /// The table of sessions, codes and rate limits.
    dynamodb: Dependency,
    /// The bucket of photos and documents.
    s3: Dependency,
}

/// Check the health of the API.
///
/// The rules of time zones are the database's alone: there is no second copy that could differ.
#[utoipa::path(get, path = "/health", tag = "health", operation_id = "health", security(()),
    responses((status = 200, description = "All dependencies work.", body = HealthReport),
        (status = 503, description = "A dependency does not work.", body = HealthReport)))]
pub(crate) async fn health(State(health): State<Health>) -> (StatusCode, Json<HealthReport>) {
    let (postgresql, dynamodb, s3) = tokio::join!(
        ask(async { health.db.reach().await.map_err(Error::from) }),
        ask(health.ephemeral.reach()),
        ask(health.photos.reach()),
    );
    let ok = postgresql.ok && dynamodb.ok && s3.ok;
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(HealthReport { version: env!("CARGO_PKG_VERSION"), ok, postgresql, dynamodb, s3 }))
}

async fn ask(question: impl Future<Output = Result<(), Error>>) -> Dependency {
    let started = Instant::now();
    let answer = question.await;
    if let Err(error) = &answer {
        tracing::warn!(%error, "a dependency does not work");
    }
    Dependency { ok: answer.is_ok(), latency_ms: started.elapsed().as_secs_f64() * 1000.0 }
}
