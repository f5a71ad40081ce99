//! Nothing charted is ever erased: every version of a note or task stays readable, with who wrote it.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Client, TestApp,
    fixtures::{ALMA, COORDINATOR, NURSE, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS},
    phone::{Phone, edited, row, updated},
};

pub fn vitals_task() -> String {
    format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_VITALS}")
}

pub fn pulse(value: u32) -> Value {
    json!({"heart_rate": {"value": value, "unit": "bpm"}})
}

/// The versions of one record, oldest first.
pub async fn versions(client: &Client, kind: &str, id: Uuid) -> Vec<Value> {
    let all = client.all_pages(&format!("/v1/clients/{ALMA}/history?limit=2")).await;
    let mut of_record: Vec<_> =
        all.into_iter().filter(|version| version["kind"] == kind && version["id"] == id.to_string()).collect();
    of_record.reverse();
    for (place, version) in of_record.iter().enumerate() {
        assert_eq!(version["version"], place + 1);
        assert_eq!(version["current"], place + 1 == of_record.len(), "{version}");
    }
    of_record
}

pub fn of_all(versions: &[Value], field: &str) -> Vec<Value> {
    versions.iter().map(|version| version.pointer(field).cloned().unwrap_or_default()).collect()
}

#[tokio::test]
async fn history_shows_every_version_with_its_author() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let path = format!("/v1/visits/{NURSES_VISIT}");
    let began = Timestamp::now();
    nurse.patch(&path, &json!({"notes": "Pulse high", "family_note": "A good day"})).await.expect(200);
    coordinator.patch(&path, &json!({"notes": "Pulse high; called Dr. Roy"})).await.expect(200);
    // What is written as it was is no version.
    nurse.patch(&path, &json!({"notes": "Pulse high; called Dr. Roy"})).await.expect(200);
    nurse.post(&format!("{path}/check-in"), &json!({"at": Timestamp::now()})).await.expect(200);
    nurse.patch(&path, &json!({"notes": null})).await.expect(200);

    let notes = versions(&coordinator, "visit_note", NURSES_VISIT).await;
    // Planned without one, by the fixtures.
    assert_eq!(
        of_all(&notes, "/content/text"),
        [json!(null), json!("Pulse high"), json!("Pulse high; called Dr. Roy"), json!(null)]
    );
    assert_eq!(of_all(&notes, "/author_id"), [json!(null), json!(NURSE.id), json!(COORDINATOR.id), json!(NURSE.id)]);
    assert_eq!(notes[1]["author"]["last_name"], NURSE.email);
    assert_eq!(notes[2]["device_id"], json!(coordinator.device_id));
    for version in &notes[1..] {
        assert!(version["at"].as_str().unwrap().parse::<Timestamp>().unwrap() >= began, "{version}");
    }
    let family = versions(&coordinator, "family_note", NURSES_VISIT).await;
    assert_eq!(of_all(&family, "/content/text"), [json!(null), json!("A good day")]);
    // What was planned and never touched is a version too.
    let meals = versions(&nurse, "task", NURSES_MEALS).await;
    assert_eq!(of_all(&meals, "/content/title"), ["Do meals"]);
}

#[tokio::test]
async fn a_deleted_tasks_values_stay_readable() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    nurse.patch(&vitals_task(), &json!({"completed": true, "data": pulse(190)})).await.expect(200);
    nurse.delete(&vitals_task()).await.expect(204);
    let gone = versions(&coordinator, "task", NURSES_VITALS).await;
    assert_eq!(of_all(&gone, "/content/data/heart_rate/value"), [json!(null), json!(190), json!(null)]);
    assert_eq!(of_all(&gone, "/content")[2], json!(null));
    assert_eq!(gone[2]["author_id"], json!(NURSE.id));

    // By a visit's deletion and by a phone, too.
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(Some(0)).await;
    let deleted = json!({"visit_tasks": {"created": [], "updated": [], "deleted": [NURSES_MEALS]}});
    assert_eq!(phone.push(deleted).await.expect(200)["applied"], 1);
    let gone = versions(&nurse, "task", NURSES_MEALS).await;
    assert_eq!(of_all(&gone, "/content/title"), [json!("Do meals"), json!(null)]);
    assert_eq!(gone[1]["device_id"], json!(phone.client.device_id));
    coordinator.patch(&format!("/v1/visits/{NURSES_VISIT}"), &json!({"notes": "Bring gloves"})).await.expect(200);
    coordinator.delete(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(204);
    let notes = versions(&coordinator, "visit_note", NURSES_VISIT).await;
    assert_eq!(of_all(&notes, "/content/text"), [json!(null), json!("Bring gloves"), json!(null)]);
}

#[tokio::test]
async fn what_a_phone_changes_is_kept_and_what_it_adds_costs_no_revision() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(Some(0)).await;
    let revisions = "select count(*) from chart_revisions";
    assert_eq!(app.database.count(revisions).await, 0);
    let task = |n: u32| {
        json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "visit_id": NURSES_VISIT,
            "task_type": "meals", "title": format!("Meal {n}"), "completed": true})
    };
    let tasks: Vec<_> = (0..50).map(task).collect();
    let created = json!({"visit_tasks": {"created": tasks, "updated": [], "deleted": []}});
    assert_eq!(phone.push(created).await.expect(200)["applied"], 50);
    assert_eq!(app.database.count(revisions).await, 0);

    let done = edited(row(&first, "visit_tasks", NURSES_MEALS), &[("outcome", json!("Ate half"))]);
    assert_eq!(phone.push(updated("visit_tasks", &[done])).await.expect(200)["applied"], 1);
    assert_eq!(app.database.count(revisions).await, 1);
    let meals = versions(&phone.client, "task", NURSES_MEALS).await;
    assert_eq!(of_all(&meals, "/content/outcome"), [json!(null), json!("Ate half")]);
}

#[tokio::test]
async fn each_look_at_the_history_is_on_record() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    coordinator.get(&format!("/v1/clients/{ALMA}/history")).await.expect(200);
    let looks = format!(
        "select count(*) from audit_log where action = 'history.read' and client_id = '{ALMA}'
        and actor_id = '{}'",
        COORDINATOR.id
    );
    assert_ne!(app.database.count(&looks).await, 0);
}
