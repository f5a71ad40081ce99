//! Every look and every change of a client's data is on record, in the transaction that made it; or it didn't happen.

use serde_json::{Value, json};
use tokio_postgres::types::Type;

use crate::harness::{
    TestApp,
    fixtures::{ALMA, BERNARD, NURSE, NURSES_VISIT, NURSES_VITALS},
};

/// Action, actor and client of each entry since the fixtures' people signed in, oldest first.
async fn entries(app: &TestApp) -> Vec<(String, Option<uuid::Uuid>, Option<uuid::Uuid>)> {
    let client = app.database.superuser().await;
    let rows = client
        .query_typed(
            "select action, actor_id, client_id from audit_log where actor_id is not null and action not like 'auth.%'
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
        coordinator
            .post(&format!("/v1/clients/{ALMA}/consents"), &json!({"kind": "photos", "granted": true, "method": "x"}))
            .await,
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
