//! How these tests ask the database about itself.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{AGENCY_A, ALMA},
};

/// What phones hold, and what decides who may hold it.
pub const SYNCED: [&str; 6] = ["alerts", "care_team", "clients", "photos", "visit_tasks", "visits"];

/// Columns whose change alone is no change of the record.
pub const BOOKKEEPING: &str =
    "'{created_at,created_by,updated_at,updated_by,change_number,search_name,sort_name}'::text[]";
/// Logs: each row says itself when and by whom, and is never changed.
pub const LOGS: [&str; 8] = [
    "audit_chain",
    "audit_checks",
    "audit_log",
    "chart_revisions",
    "erasures",
    "retention_reports",
    "sync_log",
    "sync_receipts",
];
/// What triggers keep of other tables, so that it is found at once: no record of anybody's.
pub const DERIVED: [&str; 1] = ["client_marks"];
/// What `migrate` has applied.
pub const HISTORY: [&str; 2] = ["applied_code", "refinery_schema_history"];
pub const NO_PRIVILEGE: &str = "42501";
/// As whom functions sign in; what `berthcare_app` may, all but `berthcare_health` may.
pub const FUNCTION_ROLES: [&str; 7] = [
    "berthcare_app",
    "berthcare_auth",
    "berthcare_health",
    "berthcare_jobs",
    "berthcare_photos",
    "berthcare_privacy",
    "berthcare_webhooks",
];

pub async fn texts(client: &Client, sql: &str) -> BTreeSet<String> {
    client.query_typed(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

pub fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(ToOwned::to_owned).into()
}

pub async fn tables(client: &Client) -> BTreeSet<String> {
    texts(client, "select tablename::text from pg_tables where schemaname = 'public'").await
}

/// The code of the error that a statement ends in, and the transaction that it was in.
pub async fn code(client: &Client, sql: &str) -> Option<String> {
    let error = client.batch_execute(sql).await.err().map(|error| error.code().unwrap().code().to_owned());
    client.batch_execute("rollback").await.unwrap();
    error
}

/// How a transaction begins that writes what phones hold.
pub fn as_job(agency: Uuid, numbers: u32) -> String {
    format!("begin; select app.act_as_job('{agency}'); select app.reserve_change_numbers({numbers})")
}

pub async fn json_of(client: &Client, sql: &str) -> Value {
    client.query_typed(sql, &[]).await.unwrap()[0].get(0)
}

pub async fn number(client: &Client, sql: &str) -> i64 {
    client.query_typed(sql, &[]).await.unwrap()[0].get(0)
}

/// Gives every synced table a row of agency A.
pub async fn with_photo_and_alert(app: &TestApp) {
    let sql = format!(
        "insert into photos (id, agency_id, client_id, kind, content_type, bytes, sha256)
         values (gen_random_uuid(), '{AGENCY_A}', '{ALMA}', 'photo', 'image/jpeg', 1, decode(repeat('00', 32), 'hex'));
         insert into alerts (id, agency_id, client_id, severity, reason)
         values (gen_random_uuid(), '{AGENCY_A}', '{ALMA}', 'high', 'a fall')"
    );
    app.database.write(AGENCY_A, &sql).await;
}
