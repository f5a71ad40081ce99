//! Every look and every change of a client's data is on record, in the transaction that made it; or it didn't happen.

use serde_json::{Value, json};
use tokio_postgres::types::Type;

use crate::harness::{
    TestApp,
    fixtures::{ALMA, BERNARD, NURSE, NURSES_VISIT, NURSES_VITALS, consent},
};

/// Action, actor and client of each entry since the fixtures' people signed in, oldest first.
async fn entries(app: &TestApp) -> Vec<(String, Option<uuid::Uuid>, Option<uuid::Uuid>)> {
    let client = app.database.superuser().await;
    let rows = client
        .query_typed(
            "select action, actor_id, client_id from audit_log where actor_id is not null and action not like 'auth.%'
               and action not like 'access.%'
             order by at, id",
            &[],
        )
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[tokio::test]
async fn each_read_and_each_change_is_audited() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let visit = format!("/v1/visits/{NURSES_VISIT}");
    let client = format!("/v1/clients/{ALMA}");
    nurse.get("/v1/clients").await.expect(200);
    nurse.get(&client).await.expect(200);
    nurse.get(&format!("{client}/care-plan")).await.expect(200);
    nurse.get(&visit).await.expect(200);
    nurse.get("/v1/visits").await.expect(200);
    nurse.get(&format!("{visit}/tasks")).await.expect(200);
    nurse.post(&format!("{visit}/check-in"), &json!({"at": "2026-11-20T14:00:00Z"})).await.expect(200);
    nurse.patch(&format!("{visit}/tasks/{NURSES_VITALS}"), &json!({"completed": true})).await.expect(200);
    coordinator.patch(&client, &json!({"risks": []})).await.expect(200);
    let entries = entries(&app).await;
    let count = |action: &str| entries.iter().filter(|(found, ..)| found == action).count();
    for (action, times) in [
        ("client.list", 1),
        ("client.read", 1),
        ("care_plan.read", 1),
        ("visit.read", 1),
        // The nurse's visit and the aide's, both to Alma.
        ("visit.list", 2),
        ("visit_task.list", 2),
        ("visit.check_in", 1),
        ("visit_task.update", 1),
        ("client.update", 1),
    ] {
        assert_eq!(count(action), times, "{action}: {entries:?}");
    }
    assert!(entries.iter().all(|(_, _, client)| *client == Some(ALMA)), "{entries:?}");
    let by_nurse = entries.iter().filter(|(_, actor, _)| *actor == Some(NURSE.id)).count();
    assert_eq!(by_nurse, entries.len() - 1);
}

#[tokio::test]
async fn an_entry_names_the_request_and_where_it_came_from() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let answer = nurse.get(&format!("/v1/clients/{ALMA}")).await;
    let request_id = answer.header("x-request-id").unwrap();
    let client = app.database.superuser().await;
    let rows = client
        .query_typed(
            "select host(source_ip), device_id, resource_id from audit_log where request_id = $1",
            &[(&request_id, Type::TEXT)],
        )
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, String>(0), "192.0.2.1");
    assert_eq!(rows[0].get::<_, uuid::Uuid>(1), nurse.device_id);
    assert_eq!(rows[0].get::<_, uuid::Uuid>(2), ALMA);
}

#[tokio::test]
async fn a_row_filtered_out_is_not_audited_as_read() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    nurse.get(&format!("/v1/clients/{BERNARD}")).await.expect(404);
    nurse.get("/v1/clients?name=Bernard").await.expect(200);
    assert_eq!(entries(&app).await, []);
}

#[tokio::test]
async fn without_an_audit_row_there_is_no_read_and_no_change() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let database = app.database.superuser().await;
    database
        .batch_execute(
            "create function app.full() returns trigger language plpgsql as
               'begin raise exception ''the audit log is full''; end';
             create trigger full_up before insert on audit_log for each row execute function app.full()",
        )
        .await
        .unwrap();
    let client = format!("/v1/clients/{ALMA}");
    let visit = format!("/v1/visits/{NURSES_VISIT}");
    let refused = [
        nurse.get(&client).await,
        nurse.get("/v1/visits").await,
        nurse.post(&format!("{visit}/check-in"), &json!({"at": "2026-11-20T14:00:00Z"})).await,
        nurse.patch(&format!("{visit}/tasks/{NURSES_VITALS}"), &json!({"completed": true})).await,
        coordinator.patch(&client, &json!({"risks": ["cat"]})).await,
        coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &consent("photos", true)).await,
    ];
    for answer in refused {
        assert_eq!(answer.problem(500), "internal");
        assert!(!String::from_utf8_lossy(&answer.body).contains("audit"), "the cause was told: {answer:?}");
    }
    database.batch_execute("drop trigger full_up on audit_log").await.unwrap();
    assert_eq!(nurse.get(&visit).await.expect(200)["status"], "scheduled");
    assert_eq!(nurse.get(&client).await.expect(200)["risks"], json!(["dog"]));
    let consents = coordinator.get(&format!("{client}/consents")).await.expect(200);
    assert_eq!(consents["items"].as_array().map(Vec::len), Some(2), "{consents}");
}

#[tokio::test]
async fn the_record_holds_no_health_data() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let visit = format!("/v1/visits/{NURSES_VISIT}");
    let vitals = json!({"completed": true, "outcome": "SECRET-OUTCOME", "data": {
        "heart_rate": {"value": 177, "unit": "bpm"}}});
    nurse.patch(&format!("{visit}/tasks/{NURSES_VITALS}"), &vitals).await.expect(200);
    nurse.patch(&visit, &json!({"notes": "SECRET-NOTE"})).await.expect(200);
    let client = app.database.superuser().await;
    let rows =
        client.query_typed("select details from audit_log where action = 'visit_task.update'", &[]).await.unwrap();
    assert_eq!(rows[0].get::<_, Value>(0), json!({"abnormal_flags": ["/heart_rate/value"]}));
    let leaked = "select count(*) from audit_log where details::text like '%SECRET%' or details::text like '%177%'";
    assert_eq!(app.database.count(leaked).await, 0);
}

/// How often each action is on record, since the fixtures were made.
async fn counts(app: &TestApp) -> std::collections::BTreeMap<String, i64> {
    let sql = "select action, count(*) from audit_log where actor_id is not null group by 1";
    let rows = app.database.superuser().await.query_typed(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn reads_of_users_and_devices_are_on_record() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    coordinator.get(&format!("/v1/users/{}", NURSE.id)).await.expect(200);
    let users = coordinator.get("/v1/users?limit=200").await.expect(200)["items"].as_array().unwrap().len();
    app.nurse().await.get(&format!("/v1/users/{}/devices", NURSE.id)).await.expect(200);
    let counts = counts(&app).await;
    assert_eq!(counts["user.read"], 1, "{counts:?}");
    assert_eq!(counts["user.list"], i64::try_from(users).unwrap(), "{counts:?}");
    assert_eq!(counts["device.list"], 1, "{counts:?}");
}

#[tokio::test]
async fn a_page_logs_what_it_shows_and_no_row_more() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let nurses_day = format!("user_id={}&from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z", NURSE.id);
    let mut longer = 0;
    for (path, action) in [
        ("/v1/clients?", "client.list"),
        ("/v1/users?", "user.list"),
        ("/v1/visits?", "visit.list"),
        (&format!("/v1/visits?{nurses_day}&"), "visit.list"),
        (&format!("/v1/clients/{ALMA}/timeline?"), "timeline.read"),
        ("/v1/alerts?", "alert.list"),
        ("/v1/replies?", "reply.list"),
        ("/v1/conflicts?", "conflict.list"),
        (&format!("/v1/photos?client_id={ALMA}&"), "photo.list"),
    ] {
        for limit in [1, 2, 200] {
            let before = counts(&app).await.get(action).copied().unwrap_or_default();
            let page = coordinator.get(&format!("{path}limit={limit}")).await.expect(200);
            let logged = counts(&app).await.get(action).copied().unwrap_or_default() - before;
            assert_eq!(page["items"].as_array().map(Vec::len), usize::try_from(logged).ok(), "{path}limit={limit}");
            longer += i32::from(page["next_cursor"].is_string());
        }
    }
    assert!(longer >= 4, "{longer}");
}

#[tokio::test]
async fn a_replay_that_answers_a_record_is_on_record() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let id = uuid::Uuid::now_v7();
    let visit = json!({"id": id, "client_id": ALMA, "user_id": NURSE.id, "scheduled_start": "2026-12-01T10:00:00Z",
        "scheduled_end": "2026-12-01T11:00:00Z"});
    coordinator.post("/v1/visits", &visit).await.expect(201);
    let replays = "select count(*) from audit_log where action = 'record.replay'";
    assert_eq!(app.database.count(replays).await, 0);
    coordinator.post("/v1/visits", &visit).await.expect(201);
    let of_it = format!("{replays} and resource = 'visits' and resource_id = '{id}' and client_id = '{ALMA}'");
    assert_eq!(app.database.count(&of_it).await, 1);
}
