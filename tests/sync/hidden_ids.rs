//! A push names ids of other records, and of records to change or delete: those that its user doesn't see are told like
//! those that nobody has. (An id to make a record under is the one exception: no two records have one id.)

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{
        TestApp,
        fixtures::{
            BERNARD, CHLOE, CLIENT_B, NURSE, NURSE_B, OTHER_NURSE, OTHER_NURSES_VISIT, OTHER_NURSES_VITALS, VISIT_B,
        },
        phone::Phone,
    },
    roles::names::{ALERT_B, ALERT_OF_BERNARD, PHOTO_B, with_conflicts_and_alerts, with_photos},
};

/// Rows that name one of `hidden`: a table, the column that does, and the row without it.
fn references() -> Vec<(&'static str, &'static str, &'static [Uuid], Value)> {
    const CLIENTS: &[Uuid] = &[BERNARD, CHLOE, CLIENT_B];
    const VISITS: &[Uuid] = &[OTHER_NURSES_VISIT, VISIT_B];
    let visit = json!({"user_id": NURSE.id, "scheduled_start": 1_900_000_000_000_i64, "status": "scheduled",
        "scheduled_end": 1_900_000_600_000_i64});
    let task = json!({"task_type": "meals", "title": "Lunch", "completed": false});
    let photo = json!({"kind": "photo", "content_type": "image/jpeg", "bytes": 9, "sha256": "ab".repeat(32),
        "shared_with_family": false, "status": "pending"});
    let mut profile = photo.clone();
    profile["kind"] = json!("profile");
    let alert = json!({"severity": "low", "reason": "fall"});
    let mut alert_of_visit = alert.clone();
    alert_of_visit["client_id"] = json!(crate::harness::fixtures::ALMA);
    let mut signature = photo.clone();
    signature["kind"] = json!("signature");
    signature["content_type"] = json!("image/png");
    vec![
        ("visits", "client_id", CLIENTS, visit),
        ("visit_tasks", "visit_id", VISITS, task),
        ("photos", "client_id", CLIENTS, photo.clone()),
        ("photos", "visit_id", VISITS, photo),
        ("photos", "visit_id", VISITS, signature),
        ("photos", "user_id", &[OTHER_NURSE.id, NURSE_B.id], profile),
        ("alerts", "client_id", CLIENTS, alert),
        ("alerts", "visit_id", VISITS, alert_of_visit),
    ]
}

/// What a push was told, without ids.
fn told(answer: &Value, ids: &[Uuid]) -> String {
    let told = json!([answer["applied"], answer["unchanged"], answer["rejected"], answer["conflicts"]]);
    ids.iter().fold(told.to_string(), |text, id| text.replace(&id.to_string(), "it"))
}

#[tokio::test]
async fn an_id_of_others_in_a_push_is_told_like_one_that_nobody_has() {
    let app = TestApp::new().await;
    with_conflicts_and_alerts(&app).await;
    with_photos(&app).await;
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(Some(0)).await;
    let refer = async |table: &str, column: &str, row: &Value, to: Uuid| {
        let id = Uuid::now_v7();
        let mut row = row.clone();
        for (name, value) in [("id", json!(id)), (column, json!(to)), ("_status", json!("created"))] {
            row[name] = value;
        }
        row["_changed"] = json!("");
        let changes = json!({table: {"created": [row], "updated": [], "deleted": []}});
        told(&phone.push(changes).await.expect(200), &[id, to])
    };
    for (table, column, hidden, row) in references() {
        let of_nobody = refer(table, column, &row, Uuid::now_v7()).await;
        for id in hidden {
            assert_eq!(refer(table, column, &row, *id).await, of_nobody, "{table}.{column} {id}");
        }
    }

    let change = async |table: &str, column: &str, id: Uuid| {
        let partial = json!({"id": id, "_status": "updated", "_changed": column, column: "new"});
        let update = phone.push(json!({table: {"created": [], "updated": [partial], "deleted": []}})).await;
        let deletion = phone.push(json!({table: {"created": [], "updated": [], "deleted": [id]}})).await;
        [update, deletion].map(|answer| told(&answer.expect(200), &[id]))
    };
    for (table, column, hidden) in [
        ("clients", "phone", [BERNARD, CLIENT_B]),
        ("visits", "notes", [OTHER_NURSES_VISIT, VISIT_B]),
        ("visit_tasks", "title", [OTHER_NURSES_VITALS, OTHER_NURSES_VITALS]),
        ("photos", "caption", [PHOTO_B, PHOTO_B]),
        ("alerts", "message", [ALERT_OF_BERNARD, ALERT_B]),
    ] {
        let of_nobody = change(table, column, Uuid::now_v7()).await;
        for id in hidden {
            assert_eq!(change(table, column, id).await, of_nobody, "{table} {id}");
        }
    }
}
