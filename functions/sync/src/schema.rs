//! The schema of what phones hold.

use axum::Json;
use domain::sync::schema::{VERSION, describe};
use serde_json::Value;

/// What phones hold: tables, columns and types, for each schema version.
#[utoipa::path(get, path = "/sync/schema", tag = "sync", operation_id = "sync_schema", security(()),
    responses((status = 200, description = "The newest schema version, and all that are served.", body = Object,
        content_type = "application/json", example = json!({"version": 2, "tables": [], "versions": []}))))]
pub(crate) async fn schema() -> Json<Value> {
    let mut newest = describe(VERSION);
    newest["versions"] = (1..=VERSION).map(describe).collect();
    Json(newest)
}
