//! Asking for help over REST and by a phone's push: one alert, one chain of calls, taken by one person.

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Answer, Client, TestApp,
    fake_lambda::FakeLambda,
    fixtures::{AGENCY_A, ALMA, BERNARD, COORDINATOR, NURSE, NURSES_VISIT, OTHER_COORDINATOR, OTHER_NURSES_VISIT},
};

const AT_ONCE: usize = 6;

fn body(id: Uuid) -> Value {
    json!({"id": id, "client_id": ALMA, "visit_id": NURSES_VISIT, "severity": "high", "reason": "fall",
        "message": "She is on the floor."})
}

/// An alert of the nurse's for Alma.
async fn raised(nurse: &Client) -> Uuid {
    let id = Uuid::now_v7();
    nurse.post("/v1/alerts", &body(id)).await.expect(201);
    id
}

async fn act(client: &Client, id: Uuid, what: &str) -> Answer {
    client.send("POST", &format!("/v1/alerts/{id}/{what}"), None, &[]).await
}

/// How many messages an alert has in this status.
async fn messages(app: &TestApp, id: Uuid, status: &str) -> i64 {
    app.database.count(&format!("select count(*) from messages where alert_id = '{id}' and status = '{status}'")).await
}

/// Whether the alert's chain still has a step to take.
async fn goes_on(app: &TestApp, id: Uuid) -> bool {
    let sql = format!(
        "select count(*) from escalations e join alerts a on a.escalation_id = e.id
         where a.id = '{id}' and e.due_at is not null"
    );
    app.database.count(&sql).await == 1
}

#[tokio::test]
async fn an_alert_raised_again_is_one_alert_and_one_chain() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let id = Uuid::now_v7();
    let first = nurse.post("/v1/alerts", &body(id)).await.expect(201);
    assert_eq!(first["status"], "open");
    assert_eq!(first["raised_by"], NURSE.id.to_string());
    assert_eq!(nurse.post("/v1/alerts", &body(id)).await.expect(201), first);
    let mut other = body(id);
    other["severity"] = json!("low");
    assert_eq!(nurse.post("/v1/alerts", &other).await.problem(409), "id-taken");
    assert_eq!(app.database.count("select count(*) from alerts").await, 1);
    assert_eq!(app.database.count("select count(*) from escalations").await, 1);

    // Two runs at once, and one more: one call.
    let (one, other) = (app.jobs(), app.jobs());
    let now = Timestamp::now();
    let (one, other) = tokio::join!(one.at("escalate", now), other.at("escalate", now));
    assert_eq!(one.report.counts["called"] + other.report.counts["called"], 1);
    app.jobs().at("escalate", now).await;
    assert_eq!(app.database.count("select count(*) from messages where channel = 'voice'").await, 1);
    let alert = nurse.get(&format!("/v1/alerts/{id}")).await.expect(200);
    assert_eq!((&alert["status"], &alert["escalation_level"]), (&json!("calling"), &json!(1)));
}

#[tokio::test]
async fn every_fault_of_an_alert_is_named() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let wrong =
        json!({"client_id": ALMA, "severity": "awful", "reason": "", "message": "x".repeat(2001), "status": "open"});
    assert_eq!(nurse.post("/v1/alerts", &wrong).await.faults(), ["#/message", "#/reason", "#/severity", "#/status"]);
    let strangers = json!({"client_id": BERNARD, "visit_id": OTHER_NURSES_VISIT, "severity": "low", "reason": "fall"});
    assert_eq!(nurse.post("/v1/alerts", &strangers).await.faults(), ["#/client_id", "#/visit_id"]);
    let mixed = json!({"client_id": ALMA, "visit_id": OTHER_NURSES_VISIT, "severity": "low", "reason": "fall"});
    assert_eq!(app.coordinator().await.post("/v1/alerts", &mixed).await.faults(), ["#/visit_id"]);
    assert_eq!(app.database.count("select count(*) from alerts").await, 0);
    assert_eq!(app.database.count("select count(*) from escalations").await, 0);
}

#[tokio::test]
async fn alerts_are_listed_newest_first_in_pages_by_client_and_status() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(raised(&nurse).await.to_string());
    }
    ids.reverse();
    let of_bernard = json!({"client_id": BERNARD, "severity": "low", "reason": "question"});
    coordinator.post("/v1/alerts", &of_bernard).await.expect(201);
    act(&coordinator, ids[1].parse().unwrap(), "resolve").await.expect(200);

    let listed = coordinator.all_pages(&format!("/v1/alerts?client_id={ALMA}&limit=2")).await;
    assert_eq!(listed.iter().map(|alert| alert["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    let resolved = nurse.get("/v1/alerts?status=resolved").await.expect(200);
    assert_eq!(resolved["items"].as_array().unwrap().len(), 1);
    assert_eq!(nurse.get("/v1/alerts").await.expect(200)["items"].as_array().unwrap().len(), 5, "Bernard isn't hers");
    assert_eq!(nurse.get("/v1/alerts?status=gone&limit=0&cursor=x").await.faults(), ["limit", "status"]);
}

#[tokio::test]
async fn taking_an_alert_stops_its_calls_and_nobody_else_can_take_it() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let id = raised(&nurse).await;
    app.jobs().at("escalate", Timestamp::now()).await;
    assert_eq!(messages(&app, id, "pending").await, 1);

    let taken = act(&coordinator, id, "acknowledge").await.expect(200);
    assert_eq!(taken["status"], "acknowledged");
    assert_eq!(taken["acknowledged_by"], COORDINATOR.id.to_string());
    assert!(taken["acknowledged_at"].is_string());
    assert_eq!(act(&coordinator, id, "acknowledge").await.expect(200), taken);
    assert_eq!(messages(&app, id, "cancelled").await, 1);
    assert!(!goes_on(&app, id).await);
    let other = app.sign_in(&OTHER_COORDINATOR).await;
    assert_eq!(act(&other, id, "acknowledge").await.problem(409), "alert-taken");

    let resolved = act(&nurse, id, "resolve").await.expect(200);
    assert_eq!(resolved["status"], "resolved");
    assert_eq!(act(&nurse, id, "resolve").await.expect(200), resolved);
    assert_eq!(act(&coordinator, id, "acknowledge").await.problem(409), "alert-status");
    assert_eq!(act(&coordinator, Uuid::now_v7(), "acknowledge").await.problem(404), "not-found");
}

#[tokio::test]
async fn whoever_raised_an_alert_may_take_it_back_and_then_nobody_is_called() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let id = raised(&nurse).await;
    act(&app.aide().await, id, "resolve").await.expect(403);
    act(&nurse, id, "resolve").await.expect(200);
    assert!(!goes_on(&app, id).await);
    app.jobs().at("escalate", Timestamp::now()).await;
    assert_eq!(app.database.count("select count(*) from messages").await, 0);
}

#[tokio::test]
async fn an_alert_from_a_phones_push_starts_the_same_chain() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let pulled = nurse.get("/v1/sync?last_pulled_at=0&schema_version=2").await.expect(200);
    let id = Uuid::now_v7();
    let alert = json!({"id": id, "_status": "created", "_changed": "", "client_id": ALMA, "visit_id": null,
        "severity": "critical", "reason": "fall", "message": null, "status": "resolved", "escalation_level": 9});
    let push = json!({"changes": {"alerts": {"created": [alert], "updated": [], "deleted": []}}});
    let path = format!("/v1/sync?last_pulled_at={}", pulled["timestamp"]);
    for _ in 0..2 {
        assert_eq!(nurse.post(&path, &push).await.expect(200)["rejected"], json!([]));
    }
    assert!(goes_on(&app, id).await);
    app.jobs().at("escalate", Timestamp::now()).await;
    assert_eq!(messages(&app, id, "pending").await, 1);
    // What came of it is on the phone with the next pull.
    let path = format!("/v1/sync?last_pulled_at={}&schema_version=2", pulled["timestamp"]);
    let alerts = &nurse.get(&path).await.expect(200)["changes"]["alerts"]["updated"];
    assert_eq!((&alerts[0]["status"], &alerts[0]["escalation_level"]), (&json!("calling"), &json!(1)));
    // Deleted, whoever does that, it stops.
    let deletion = format!("update alerts set deleted_at = now() where id = '{id}'");
    app.database.write(AGENCY_A, &deletion).await;
    assert!(!goes_on(&app, id).await);
    assert_eq!(messages(&app, id, "cancelled").await, 1);
}

#[tokio::test]
async fn whichever_way_an_alert_comes_and_goes_jobs_is_asked_at_once() {
    let app = TestApp::new().await;
    let mut lambda = FakeLambda::start().await;
    let functions = app.with_lambda(&lambda.url).await;
    let nurse = app.nurse().await.through(functions.clone());
    let coordinator = app.coordinator().await.through(functions);
    let id = raised(&nurse).await;
    assert_eq!(lambda.jobs(), [jobs::JobName::Escalate]);
    // A phone that rings for it stops.
    act(&coordinator, id, "acknowledge").await.expect(200);
    assert_eq!(lambda.jobs(), [jobs::JobName::Dispatch]);
    act(&coordinator, id, "resolve").await.expect(200);
    assert_eq!(lambda.jobs(), [jobs::JobName::Dispatch]);

    let pulled = nurse.get("/v1/sync?last_pulled_at=0&schema_version=2").await.expect(200);
    let alert = json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "client_id": ALMA, "visit_id": null,
        "severity": "critical", "reason": "fall", "message": null});
    let path = format!("/v1/sync?last_pulled_at={}", pulled["timestamp"]);
    let push = json!({"changes": {"alerts": {"created": [alert], "updated": [], "deleted": []}}});
    nurse.post(&path, &push).await.expect(200);
    assert_eq!(lambda.jobs(), [jobs::JobName::Escalate]);
    let nothing = json!({"changes": {}});
    nurse.post(&path, &nothing).await.expect(200);
    assert_eq!(lambda.jobs(), []);
}

#[tokio::test]
async fn concurrent_acknowledgements_have_one_winner() {
    let app = TestApp::new().await;
    let id = raised(&app.nurse().await).await;
    let mut clients = Vec::new();
    for n in 0..AT_ONCE {
        let person = if n % 2 == 0 { &COORDINATOR } else { &OTHER_COORDINATOR };
        clients.push(app.sign_in(person).await.through(app.another_environment()));
    }
    join_all(clients.iter().map(|client| client.get("/v1/alerts"))).await;
    let answers = join_all(clients.iter().map(|client| act(client, id, "acknowledge"))).await;
    let taken: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(taken.len(), AT_ONCE / 2, "{answers:?}");
    assert!(taken.windows(2).all(|pair| pair[0].json() == pair[1].json()));
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(refused.problem(409), "alert-taken");
    }
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'alert.acknowledge'").await, 1);
}

#[tokio::test]
async fn an_acknowledged_alert_never_calls_again() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let coordinator = app.coordinator().await;
    let now = Timestamp::now();
    for round in 0..8 {
        let id = raised(&nurse).await;
        let (one, other) = (app.jobs(), app.jobs());
        let steps = async { tokio::join!(one.at("escalate", now), other.at("escalate", now)) };
        let (taken, _) = tokio::join!(act(&coordinator, id, "acknowledge"), steps);
        taken.expect(200);
        app.jobs().at("escalate", now).await;
        assert!(!goes_on(&app, id).await, "round {round}");
        assert_eq!(messages(&app, id, "pending").await, 0, "round {round}");
        assert!(messages(&app, id, "cancelled").await <= 1, "round {round}");
    }
}
