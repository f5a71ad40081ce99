//! Any write, sent twice, with whatever timing, has one effect and gets the same answer.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{AIDE, ALMA, BERNARD, CHLOE, NURSE, NURSES_MEALS, NURSES_VISIT, OTHER_NURSE, VISIT_B, consent},
};

/// How many changes there were in all: none may come of a replay.
const CHANGES: &str = "select count(*) from sync_log";

#[tokio::test]
async fn a_repeated_create_creates_nothing() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let client = json!({"id": Uuid::now_v7(), "first_name": "Dana", "last_name": "Roy", "date_of_birth": "1950-05-05",
        "address": {"street": "2 Main", "city": "Toronto", "province": "ON", "postal_code": "M5V 2T6"}});
    let visit = json!({"id": Uuid::now_v7(), "client_id": CHLOE, "user_id": NURSE.id,
        "scheduled_start": "2026-12-01T10:00:00Z", "scheduled_end": "2026-12-01T11:00:00Z"});
    let task = json!({"id": Uuid::now_v7(), "task_type": "vitals", "title": "Pulse"});
    let member =
        json!({"id": Uuid::now_v7(), "user_id": OTHER_NURSE.id, "relation": "nurse", "starts_on": "2026-11-01"});
    let mut consent = consent("photos", true);
    consent["id"] = json!(Uuid::now_v7());
    let user = json!({"id": Uuid::now_v7(), "email": "new@a.test", "phone": "+14165550888", "first_name": "New",
        "last_name": "Nurse", "role": "nurse"});
    for (path, body, altered) in [
        ("/v1/clients".to_owned(), client, "first_name"),
        ("/v1/visits".to_owned(), visit, "notes"),
        (format!("/v1/visits/{NURSES_VISIT}/tasks"), task, "title"),
        (format!("/v1/clients/{ALMA}/care-team"), member, "ends_on"),
        (format!("/v1/clients/{ALMA}/consents"), consent, "method"),
        ("/v1/users".to_owned(), user, "first_name"),
    ] {
        let first = coordinator.post(&path, &body).await.expect(201);
        let changes = app.database.count(CHANGES).await;
        let messages = app.database.count("select count(*) from messages").await;
        let again = coordinator.post(&path, &body).await.expect(201);
        assert_eq!(first, again, "{path}");
        assert_eq!(app.database.count(CHANGES).await, changes, "{path}");
        assert_eq!(app.database.count("select count(*) from messages").await, messages, "{path}");

        let mut other = body.clone();
        other[altered] = json!("2027-01-01");
        assert_eq!(coordinator.post(&path, &other).await.problem(409), "id-taken", "{path}");
        assert_eq!(app.database.count(CHANGES).await, changes, "{path}");
    }
}

#[tokio::test]
async fn a_create_that_comes_from_a_second_device_with_the_same_body_creates_nothing() {
    let app = TestApp::new().await;
    let (phone, tablet) = (app.nurse().await, app.nurse().await);
    let path = format!("/v1/visits/{NURSES_VISIT}/tasks");
    let task = json!({"id": Uuid::now_v7(), "task_type": "vitals", "title": "Pulse"});
    let first = phone.post(&path, &task).await.expect(201);
    let changes = app.database.count(CHANGES).await;
    assert_eq!(tablet.post(&path, &task).await.expect(201), first);
    assert_eq!(app.database.count(CHANGES).await, changes);
}

#[tokio::test]
async fn a_repeated_create_after_a_change_undoes_nothing() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let id = Uuid::now_v7();
    let body = json!({"id": id, "client_id": CHLOE, "user_id": NURSE.id,
        "scheduled_start": "2026-12-01T10:00:00Z", "scheduled_end": "2026-12-01T11:00:00Z"});
    coordinator.post("/v1/visits", &body).await.expect(201);
    let path = format!("/v1/visits/{id}");
    coordinator.patch(&path, &json!({"notes": "bring the kit"})).await.expect(200);
    let again = coordinator.post("/v1/visits", &body).await.expect(201);
    assert_eq!(again["notes"], "bring the kit");
    // A body that says the same in other words is the same.
    let reworded = json!({"scheduled_end": "2026-12-01T06:00:00-05:00", "notes": null, "user_id": NURSE.id, "id": id,
        "client_id": CHLOE, "scheduled_start": "2026-12-01T10:00:00.000Z", "allow_overlap": false});
    coordinator.post("/v1/visits", &reworded).await.expect(201);
}

#[tokio::test]
async fn an_id_used_by_another_kind_or_agency_is_refused() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let body = |id: Uuid| {
        json!({"id": id, "client_id": CHLOE, "user_id": NURSE.id,
        "scheduled_start": "2026-12-01T10:00:00Z", "scheduled_end": "2026-12-01T11:00:00Z"})
    };
    for id in [VISIT_B, NURSES_VISIT] {
        assert_eq!(coordinator.post("/v1/visits", &body(id)).await.problem(409), "id-taken", "{id}");
    }
    let id = Uuid::now_v7();
    coordinator.post("/v1/visits", &body(id)).await.expect(201);
    let task = json!({"id": id, "task_type": "meals", "title": "Lunch"});
    let answer = coordinator.post(&format!("/v1/visits/{NURSES_VISIT}/tasks"), &task).await;
    assert_eq!(answer.problem(409), "id-taken");
}

#[tokio::test]
async fn each_step_of_a_visit_sent_again_is_answered_as_the_first_time() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let came =
        json!({"at": at("2026-11-20T14:02:10.123456789Z"), "latitude": 43.65, "longitude": -79.38, "accuracy_m": 7.25});
    let left = json!({"at": at("2026-11-20T14:44:30Z")});
    let check_in = format!("/v1/visits/{NURSES_VISIT}/check-in");
    let check_out = format!("/v1/visits/{NURSES_VISIT}/check-out");

    assert_eq!(nurse.post(&check_out, &left).await.problem(409), "visit-status");
    let first = nurse.post(&check_in, &came).await.expect(200);
    assert_eq!(nurse.post(&check_in, &came).await.expect(200), first);
    let other = json!({"at": at("2026-11-20T14:03:00Z")});
    assert_eq!(nurse.post(&check_in, &other).await.problem(409), "already-recorded");

    let early = json!({"at": at("2026-11-20T14:00:00Z")});
    assert_eq!(nurse.post(&check_out, &early).await.faults(), ["#/at"]);
    let first = nurse.post(&check_out, &left).await.expect(200);
    assert_eq!(nurse.post(&check_out, &left).await.expect(200), first);
    assert_eq!(nurse.post(&check_out, &other).await.problem(409), "already-recorded");
    // The check-in whose answer was lost, coming last: in effect already.
    assert_eq!(nurse.post(&check_in, &came).await.expect(200)["status"], "completed");
    let cancel = nurse.post(&format!("/v1/visits/{NURSES_VISIT}/cancel"), &json!({"reason": "ill"})).await;
    assert_eq!(cancel.problem(409), "visit-status");
}

#[tokio::test]
async fn cancel_and_delete_are_idempotent() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let cancel = format!("/v1/visits/{NURSES_VISIT}/cancel");
    let first = coordinator.post(&cancel, &json!({"reason": "In hospital"})).await.expect(200);
    assert_eq!((&first["status"], &first["cancel_reason"]), (&json!("cancelled"), &json!("In hospital")));
    assert_eq!(coordinator.post(&cancel, &json!({"reason": "In hospital"})).await.expect(200), first);
    assert_eq!(coordinator.post(&cancel, &json!({"reason": "Moved"})).await.problem(409), "already-recorded");
    let here = json!({"at": Timestamp::now()});
    let check_in = app.nurse().await.post(&format!("/v1/visits/{NURSES_VISIT}/check-in"), &here).await;
    assert_eq!(check_in.problem(409), "visit-status");
    let task = format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_MEALS}");
    assert_eq!(coordinator.patch(&task, &json!({"completed": true})).await.problem(409), "final");
}

#[tokio::test]
async fn a_patch_that_changes_nothing_is_no_change() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let path = format!("/v1/clients/{ALMA}");
    let before = coordinator.get(&path).await;
    let changes = app.database.count(CHANGES).await;
    let same = coordinator.patch(&path, &json!({"first_name": "Alma", "risks": ["dog"]})).await;
    assert_eq!(same.expect(200), before.json());
    assert_eq!(same.header("etag"), before.header("etag"));
    assert_eq!(app.database.count(CHANGES).await, changes);

    let plan = json!({"summary": "Steady", "goals": ["Walk"]});
    let care_plan = format!("/v1/clients/{ALMA}/care-plan");
    let first = coordinator.put(&care_plan, &plan).await.expect(200);
    assert_eq!(first["version"], 1);
    assert_eq!(coordinator.put(&care_plan, &plan).await.expect(200), first);
    let second = coordinator.put(&care_plan, &json!({"summary": "Better"})).await.expect(200);
    assert_eq!(second["version"], 2);
    let versions = coordinator.get(&format!("{care_plan}/versions")).await.expect(200);
    let summaries: Vec<&Value> = versions["items"].as_array().unwrap().iter().map(|v| &v["plan"]["summary"]).collect();
    assert_eq!(summaries, [&json!("Better"), &json!("Steady")]);
}

#[tokio::test]
async fn a_team_has_everybody_once_and_one_primary_nurse() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let member = |user: Uuid, relation: &str| json!({"user_id": user, "relation": relation, "starts_on": "2026-11-01"});
    let team = |client: Uuid| format!("/v1/clients/{client}/care-team");
    let answer = coordinator.post(&team(ALMA), &member(NURSE.id, "nurse")).await;
    assert_eq!(answer.problem(409), "already-on-team");
    let answer = coordinator.post(&team(ALMA), &member(OTHER_NURSE.id, "primary_nurse")).await;
    assert_eq!(answer.problem(409), "primary-nurse-taken");
    let answer = coordinator.post(&team(BERNARD), &member(AIDE.id, "nurse")).await;
    assert_eq!(answer.faults(), ["#/relation"]);
    // On again after having been taken off.
    let first = coordinator.post(&team(CHLOE), &member(NURSE.id, "primary_nurse")).await.expect(201);
    let path = format!("{}/{}", team(CHLOE), first["id"].as_str().unwrap());
    assert_eq!(coordinator.delete(&path).await.expect(200)["future_visits"], json!([]));
    coordinator.delete(&path).await.expect(404);
    coordinator.post(&team(CHLOE), &member(NURSE.id, "primary_nurse")).await.expect(201);
}
