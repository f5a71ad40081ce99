//! Nothing that is held on a client is left out of an export by oversight: each column is exported, or its omission
//! has a reason.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::export::path;
use crate::harness::{TestApp, fixtures::ALMA};

/// Where each table's columns stand in an export.
const KINDS: [(&str, &str); 13] = [
    ("clients", "ExportedClient"),
    ("care_plan_versions", "ExportedCarePlan"),
    ("care_team", "ExportedMember"),
    ("consents", "ExportedConsent"),
    ("visits", "ExportedVisit"),
    ("visit_tasks", "ExportedTask"),
    ("photos", "ExportedPhoto"),
    ("alerts", "ExportedAlert"),
    ("messages", "ExportedMessage"),
    ("inbound_messages", "ExportedReply"),
    ("chart_revisions", "ExportedRevision"),
    ("sync_conflicts", "ExportedConflict"),
    ("audit_log", "ExportedAuditEntry"),
];

/// Columns that say nothing of a client, wherever they are.
const EVERYWHERE: [&str; 4] = ["agency_id", "client_id", "change_number", "updated_by"];

/// Others that are left out, and why.
const LEFT_OUT: &[(&str, &[&str], &str)] = &[
    ("clients", &["search_name", "sort_name"], "made from the names"),
    ("care_plan_versions", &["created_at", "created_by", "updated_at"], "as written_at and written_by"),
    ("alerts", &["escalation_id"], "what its chain of calls waits for"),
    ("care_team", &["in_force"], "what phones were told of the dates"),
    ("consents", &["created_at", "updated_at"], "as recorded_at"),
    (
        "photos",
        &[
            "subject_client_id",
            "user_id",
            "object_key",
            "object_version",
            "thumbnail_key",
            "thumbnail_version",
            "redrawn",
        ],
        "where the bytes are",
    ),
    (
        "messages",
        &[
            "recipient",
            "secret",
            "dedupe_key",
            "urgency",
            "severity",
            "expires_at",
            "provider_sid",
            "previous_provider_ids",
            "next_attempt_at",
            "leased_until",
            "resends",
            "receipt_at",
            "hang_up_at",
            "visit_start",
            "caregiver_id",
            "local_date",
            "created_by",
        ],
        "how the outbox works, and recipients' own numbers",
    ),
    ("inbound_messages", &["provider_sid", "updated_at", "created_by"], "the provider's name for it"),
    ("sync_conflicts", &["updated_at", "created_by"], "as created_at, resolved_at and their users"),
];

/// Tables with a client in them that are left out whole, and why.
const TABLES_LEFT_OUT: [(&str, &str); 7] = [
    ("client_exports", "exports themselves; the audit log, which is exported, says who took one"),
    ("escalations", "what a chain of calls waits for"),
    ("privacy_requests", "the agency's own register, which is the admins'"),
    ("legal_holds", "as privacy_requests"),
    ("sync_log", "what phones are told of the rows that are exported, forgotten after 180 days"),
    ("client_marks", "a number"),
    ("erasures", "that the client is to go, and went"),
];

#[tokio::test]
async fn every_column_on_a_client_is_exported_or_left_out_for_a_reason() {
    let app = TestApp::new().await;
    let document = local::document::whole().unwrap();
    let rows = app
        .database
        .superuser()
        .await
        .query_typed(
            "select c.table_name::text, c.column_name::text from information_schema.columns c
             join pg_class r on r.relname = c.table_name and r.relnamespace = 'public'::regnamespace
             where c.table_schema = 'public' and not r.relispartition",
            &[],
        )
        .await
        .unwrap();
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        tables.entry(row.get(0)).or_default().insert(row.get(1));
    }
    for (table, columns) in &tables {
        let Some((_, kind)) = KINDS.iter().find(|(of, _)| of == table) else {
            let known = TABLES_LEFT_OUT.iter().any(|(of, _)| of == table) || !columns.contains("client_id");
            assert!(known, "{table} holds something on clients and is not exported");
            continue;
        };
        let exported = document["components"]["schemas"][*kind]["properties"].as_object().unwrap();
        let left_out = LEFT_OUT.iter().find(|(of, ..)| of == table).map(|(_, columns, _)| *columns).unwrap_or_default();
        let missing: Vec<_> = columns
            .iter()
            .filter(|column| !exported.contains_key(column.as_str()))
            .filter(|column| !EVERYWHERE.contains(&column.as_str()) && !left_out.contains(&column.as_str()))
            .collect();
        assert!(missing.is_empty(), "{table}: {missing:?} are neither exported nor left out for a reason");
        for column in left_out {
            assert!(columns.contains(*column) && !exported.contains_key(*column), "{table}.{column} is not left out");
        }
    }
}

#[tokio::test]
async fn an_export_names_no_place_of_bytes() {
    let app = TestApp::new().await;
    let answer = app.coordinator().await.get(&path(ALMA)).await.expect(200);
    let text = Value::to_string(&answer);
    assert!(!text.contains("X-Amz-Signature") && !text.contains("object_key"));
}
