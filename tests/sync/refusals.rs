//! What phones sent and the server couldn't take: a coordinator sees it, takes it over or dismisses it, and the phone
//! comes to rest.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Client, TestApp,
    fixtures::{ADMIN_B, AIDE, ALMA, BERNARD, COORDINATOR, NURSE, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS, consent},
    phone::{Phone, edited, row, updated},
};

const FAST: &str = r#"{"heart_rate": {"value": 720, "unit": "bpm"}}"#;
const RIGHT: &str = r#"{"heart_rate": {"value": 72, "unit": "bpm"}}"#;

/// The nurse's phone, after it has pushed a heart rate that nobody has; with what it pushed.
async fn refused(app: &TestApp) -> (Phone, Value) {
    let mut phone = Phone::of(app.nurse().await);
    let pulled = phone.pull(Some(0)).await;
    let vitals = edited(row(&pulled, "visit_tasks", NURSES_VITALS), &[("data", json!(FAST))]);
    let told = phone.push(updated("visit_tasks", std::slice::from_ref(&vitals))).await.expect(200);
    assert_eq!(told["experimentalRejectedIds"], json!({"visit_tasks": [NURSES_VITALS]}), "{told}");
    (phone, vitals)
}

async fn listed(client: &Client, query: &str) -> Vec<Value> {
    client.get(&format!("/v1/refusals{query}")).await.expect(200)["items"].as_array().unwrap().clone()
}

/// The one open refusal.
async fn only(client: &Client) -> Value {
    let all = listed(client, "").await;
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

fn path(refusal: &Value, what: &str) -> String {
    format!("/v1/refusals/{}{what}", refusal["id"].as_str().unwrap())
}

async fn audited(app: &TestApp, action: &str, client: Uuid) -> i64 {
    let sql = format!(
        "select count(*) from audit_log where action = '{action}' and client_id = '{client}'
           and actor_id = '{}'",
        COORDINATOR.id
    );
    app.database.count(&sql).await
}

#[tokio::test]
async fn refused_records_are_listed_by_caregiver_phone_client_and_status() {
    let app = TestApp::new().await;
    let (phone, vitals) = refused(&app).await;
    let aides = Phone::of(app.aide().await);
    let alert = json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "client_id": BERNARD,
        "severity": "low", "reason": "fall"});
    aides.push(json!({"alerts": {"created": [alert], "updated": [], "deleted": []}})).await.expect(200);
    let coordinator = app.coordinator().await;

    let all = listed(&coordinator, "").await;
    assert_eq!(all.len(), 2, "{all:?}");
    let first = &all[0];
    assert_eq!((&first["user_id"], &first["device_id"]), (&json!(NURSE.id), &json!(phone.client.device_id)), "{first}");
    assert_eq!((&first["table"], &first["record_id"]), (&json!("visit_tasks"), &json!(NURSES_VITALS)));
    assert_eq!((&first["client_id"], &first["status"]), (&json!(ALMA), &json!("open")));
    assert_eq!(first["record"], vitals, "as it came");
    assert!(first["reason"].as_str().unwrap().starts_with("data/heart_rate/value must be"), "{first}");
    assert_eq!(audited(&app, "refusal.list", ALMA).await, 1);
    for (query, ids) in [
        (format!("?user_id={}", AIDE.id), vec![&all[1]]),
        (format!("?device_id={}", phone.client.device_id), vec![first]),
        (format!("?client_id={ALMA}"), vec![first]),
        (format!("?client_id={BERNARD}"), vec![&all[1]]),
        (format!("?client_id={ALMA}&user_id={}", AIDE.id), vec![]),
        ("?status=dismissed".into(), vec![]),
        ("?limit=1".into(), vec![first]),
    ] {
        assert_eq!(listed(&coordinator, &query).await.iter().collect::<Vec<_>>(), ids, "{query}");
    }
    assert_eq!(coordinator.all_pages("/v1/refusals?limit=1").await, all);
    assert!(listed(&app.sign_in(&ADMIN_B).await, "").await.is_empty());
}

#[tokio::test]
async fn whoever_reads_a_refusal_has_looked_at_it_and_what_nobody_has_is_kept() {
    let app = TestApp::new().await;
    refused(&app).await;
    let coordinator = app.coordinator().await;
    let refusal = only(&coordinator).await;
    assert_eq!((&refusal["seen_by"], &refusal["seen_at"]), (&json!(null), &json!(null)), "a list is no look");
    app.sign_in(&ADMIN_B).await.get(&path(&refusal, "")).await.expect(404);
    let long_ago = "set session_replication_role = replica;
        update sync_quarantine set created_at = now() - interval '200 days', seen_at = seen_at - interval '91 days'";
    let age = async || app.database.superuser().await.batch_execute(long_ago).await.unwrap();
    let left = async || app.database.count("select count(*) from sync_quarantine").await;
    let jobs = app.jobs();
    age().await;
    jobs.at("clean-up", Timestamp::now()).await;
    assert_eq!(left().await, 1, "nobody has looked at it");

    let read = coordinator.get(&path(&refusal, "")).await.expect(200);
    assert_eq!((&read["seen_by"], &read["record"]), (&json!(COORDINATOR.id), &refusal["record"]));
    let again = app.admin().await.get(&path(&refusal, "")).await.expect(200);
    assert_eq!((&again["seen_by"], &again["seen_at"]), (&read["seen_by"], &read["seen_at"]), "the first look counts");
    assert_eq!(audited(&app, "refusal.read", ALMA).await, 1);
    jobs.at("clean-up", Timestamp::now()).await;
    assert_eq!(left().await, 1, "somebody looked at it just now");
    age().await;
    jobs.at("clean-up", Timestamp::now()).await;
    assert_eq!(left().await, 0);
}

#[tokio::test]
async fn a_refused_record_is_accepted_as_corrected_by_the_rules_of_every_write() {
    let app = TestApp::new().await;
    let (mut phone, vitals) = refused(&app).await;
    let coordinator = app.coordinator().await;
    let refusal = only(&coordinator).await;
    let accept = path(&refusal, "/accept");
    for (record, pointers) in [
        (json!(null), vec!["#/record/data/heart_rate/value"]),
        (json!({"data": "{"}), vec!["#/record/data"]),
        (
            json!({"data": RIGHT, "completed": 1, "title": "", "mood": "x"}),
            vec!["#/record/completed", "#/record/mood", "#/record/title"],
        ),
        (json!({"visit_id": Uuid::now_v7()}), vec!["#/record"]),
        (json!({"id": Uuid::now_v7(), "data": RIGHT}), vec!["#/record/id"]),
    ] {
        let answer = coordinator.post(&accept, &json!({"record": record})).await.expect(422);
        let faults: Vec<_> = answer["errors"].as_array().unwrap().iter().map(|fault| &fault["pointer"]).collect();
        assert_eq!(faults, pointers, "{answer}");
    }
    assert_eq!(only(&coordinator).await["status"], "open");

    let mut corrected = vitals.clone();
    corrected["data"] = json!(RIGHT);
    let how = json!({"record": corrected, "reason": "One digit too many"});
    let accepted = coordinator.post(&accept, &how).await.expect(200);
    assert_eq!((&accepted["status"], &accepted["word"]), (&json!("accepted"), &how["reason"]), "{accepted}");
    assert_eq!((&accepted["settled_by"], &accepted["seen_by"]), (&json!(COORDINATOR.id), &json!(COORDINATOR.id)));
    let task = async || {
        let visit = coordinator.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
        let tasks = visit["tasks"].as_array().unwrap().clone();
        tasks.into_iter().find(|task| task["id"] == NURSES_VITALS.to_string()).unwrap()
    };
    assert_eq!(task().await["data"], serde_json::from_str::<Value>(RIGHT).unwrap());
    assert_eq!(coordinator.post(&accept, &how).await.expect(200), accepted);
    assert_eq!(coordinator.post(&accept, &json!({})).await.problem(409), "already-recorded");
    coordinator.post(&path(&refusal, "/dismiss"), &json!({"reason": "x"})).await.expect(409);
    assert_eq!(audited(&app, "refusal.accept", ALMA).await, 1);
    assert_eq!(audited(&app, "visit_task.update", ALMA).await, 1);

    // The phone sends it once more, as it must; that is known, and it gets what was made of it.
    let told = phone.push(updated("visit_tasks", &[vitals])).await.expect(200);
    assert_eq!((&told["unchanged"], &told["experimentalRejectedIds"]), (&json!(1), &json!({})), "{told}");
    let pulled = phone.pull(Some(0)).await;
    let data: Value =
        serde_json::from_str(row(&pulled, "visit_tasks", NURSES_VITALS)["data"].as_str().unwrap()).unwrap();
    assert_eq!(data["heart_rate"]["value"], 72, "{pulled}");
    let status = phone.client.get("/v1/sync/status").await.expect(200);
    let [one] = &status["refused"].as_array().unwrap()[..] else { panic!("{status}") };
    assert_eq!((&one["status"], &one["word"]), (&json!("accepted"), &how["reason"]), "{one}");
}

#[tokio::test]
async fn what_came_too_late_is_accepted_as_it_came_in_the_name_of_whoever_wrote_it() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(Some(0)).await;
    let ended = format!(
        "set session_replication_role = replica;
         update care_team set deleted_at = now() - interval '8 days' where client_id = '{ALMA}' and user_id = '{}'",
        NURSE.id
    );
    app.database.superuser().await.batch_execute(&ended).await.unwrap();
    let id = Uuid::now_v7();
    let start = Timestamp::now() - (9 * 24).hours();
    let came = json!({"id": id, "_status": "created", "_changed": "", "client_id": ALMA, "user_id": NURSE.id,
        "scheduled_start": start.as_millisecond(), "scheduled_end": (start + 30.minutes()).as_millisecond(),
        "actual_start": start.as_millisecond(), "actual_end": (start + 20.minutes()).as_millisecond(),
        "check_in_latitude": 43.6426, "check_in_longitude": -79.3871, "status": "completed", "notes": "Was well"});
    let told = phone.push(json!({"visits": {"created": [came], "updated": [], "deleted": []}})).await.expect(200);
    assert_eq!(told["rejected"].as_array().unwrap().len(), 1, "{told}");
    let coordinator = app.coordinator().await;
    let refusal = only(&coordinator).await;
    assert_eq!(refusal["client_id"], json!(ALMA));
    coordinator.post(&path(&refusal, "/accept"), &json!({})).await.expect(200);
    let visit = coordinator.get(&format!("/v1/visits/{id}")).await.expect(200);
    let told = (&visit["user_id"], &visit["status"], &visit["notes"]);
    assert_eq!(told, (&json!(NURSE.id), &json!("completed"), &json!("Was well")), "{visit}");
    assert!(visit["check_in"]["distance_m"].is_number(), "{visit}");
    assert_eq!(audited(&app, "visit.create", ALMA).await, 1);
}

#[tokio::test]
async fn a_chart_that_is_closed_is_corrected_with_a_reason_alone() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let pulled = phone.pull(Some(0)).await;
    let write = format!("/v1/visits/{NURSES_VISIT}");
    let at = |hours: i64| json!({"at": Timestamp::now() - hours.hours()});
    phone.client.post(&format!("{write}/check-in"), &at(3)).await.expect(200);
    phone.client.patch(&write, &json!({"notes": "Slept"})).await.expect(200);
    phone.client.post(&format!("{write}/check-out"), &at(2)).await.expect(200);
    let old = "set session_replication_role = replica;
        update visits set check_out_received_at = now() - interval '25 hours', actual_end = now() - interval '25 hours',
          actual_start = now() - interval '26 hours' where status = 'completed'";
    app.database.superuser().await.batch_execute(old).await.unwrap();
    let changed = edited(row(&pulled, "visits", NURSES_VISIT), &[("notes", json!("Did not sleep"))]);
    phone.push(updated("visits", &[changed])).await.expect(200);
    let coordinator = app.coordinator().await;
    let refusal = only(&coordinator).await;
    let answer = coordinator.post(&path(&refusal, "/accept"), &json!({})).await.expect(422);
    assert_eq!(answer["errors"][0]["pointer"], "#/reason", "{answer}");
    coordinator.post(&path(&refusal, "/accept"), &json!({"reason": "Mixed up"})).await.expect(200);
    assert_eq!(coordinator.get(&write).await.expect(200)["notes"], "Did not sleep");
    let history = coordinator.get(&format!("/v1/clients/{ALMA}/history")).await.expect(200);
    assert!(history.to_string().contains("Mixed up"), "{history}");
}

#[tokio::test]
async fn a_refused_record_is_dismissed_with_a_reason_and_kept() {
    let app = TestApp::new().await;
    let (mut phone, vitals) = refused(&app).await;
    let coordinator = app.coordinator().await;
    let refusal = only(&coordinator).await;
    let dismiss = path(&refusal, "/dismiss");
    coordinator.post(&dismiss, &json!({})).await.expect(422);
    app.sign_in(&ADMIN_B).await.post(&dismiss, &json!({"reason": "x"})).await.expect(404);
    let why = json!({"reason": "Measured by mistake"});
    let dismissed = coordinator.post(&dismiss, &why).await.expect(200);
    assert_eq!((&dismissed["status"], &dismissed["word"]), (&json!("dismissed"), &why["reason"]));
    assert_eq!(coordinator.post(&dismiss, &why).await.expect(200), dismissed);
    coordinator.post(&dismiss, &json!({"reason": "Another"})).await.expect(409);
    coordinator.post(&path(&refusal, "/accept"), &json!({})).await.expect(409);
    assert!(listed(&coordinator, "").await.is_empty());
    assert_eq!(listed(&coordinator, "?status=dismissed").await, [dismissed]);
    assert_eq!(audited(&app, "refusal.dismiss", ALMA).await, 1);

    // The phone comes to rest with what the server has.
    let told = phone.push(updated("visit_tasks", &[vitals])).await.expect(200);
    assert_eq!((&told["unchanged"], &told["experimentalRejectedIds"]), (&json!(1), &json!({})), "{told}");
    let pulled = phone.pull(Some(0)).await;
    assert_eq!(row(&pulled, "visit_tasks", NURSES_VITALS)["data"], json!(null));
    let status = phone.client.get("/v1/sync/status").await.expect(200);
    assert_eq!((&status["refused"][0]["status"], &status["refused"][0]["word"]), (&json!("dismissed"), &why["reason"]));
}

#[tokio::test]
async fn a_deletion_and_an_id_that_is_none_are_accepted_too() {
    let app = TestApp::new().await;
    let of_other = app.coordinator().await;
    let mut phone = Phone::of(app.aide().await);
    phone.pull(Some(0)).await;
    phone.push(json!({"visit_tasks": {"created": [], "updated": [], "deleted": [NURSES_MEALS]}})).await.expect(200);
    let deletion = only(&of_other).await;
    assert_eq!(deletion["record"], json!(NURSES_MEALS));
    of_other.post(&path(&deletion, "/accept"), &json!({})).await.expect(200);
    assert_eq!(audited(&app, "visit_task.delete", ALMA).await, 1);

    let start = Timestamp::now() + 24.hours();
    let nameless = json!({"id": "a1b2", "_status": "created", "_changed": "", "client_id": ALMA, "user_id": AIDE.id,
        "scheduled_start": start.as_millisecond(), "scheduled_end": (start + 30.minutes()).as_millisecond(),
        "status": "scheduled"});
    phone.push(json!({"visits": {"created": [nameless.clone()], "updated": [], "deleted": []}})).await.expect(200);
    let refusal = only(&of_other).await;
    of_other.post(&path(&refusal, "/accept"), &json!({})).await.expect(422);
    let id = Uuid::now_v7();
    let mut named = nameless;
    named["id"] = json!(id);
    of_other.post(&path(&refusal, "/accept"), &json!({"record": named})).await.expect(200);
    let made = of_other.get(&format!("/v1/visits/{id}")).await.expect(200);
    assert_eq!((&made["user_id"], &made["status"]), (&json!(AIDE.id), &json!("scheduled")));
    let unknown = json!({"moods": {"created": [{"id": id, "mood": "x"}], "updated": [], "deleted": []}});
    phone.push(unknown).await.expect(200);
    of_other.post(&path(&only(&of_other).await, "/accept"), &json!({})).await.expect(409);
}

#[tokio::test]
async fn what_its_client_no_longer_consents_to_is_not_accepted_either() {
    let app = TestApp::new().await;
    refused(&app).await;
    let coordinator = app.coordinator().await;
    let refusal = only(&coordinator).await;
    let withdrawn = consent("data_collection", false);
    coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &withdrawn).await.expect(201);
    let how = json!({"record": {"data": RIGHT}});
    coordinator.post(&path(&refusal, "/accept"), &how).await.problem(409);
    assert_eq!(only(&coordinator).await["status"], "open");
}
