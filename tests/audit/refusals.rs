//! Who asked for what they may not have is on record, within limits.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{ADMIN, ALMA, BERNARD, CLIENT_B, NURSE, OTHER_NURSES_VISIT},
};

/// The refusals of a user, oldest first: of what, which, whose, and how.
async fn refusals(app: &TestApp, of: Uuid) -> Vec<(String, Option<Uuid>, Option<Uuid>, Value)> {
    let sql = format!(
        "select resource, resource_id, client_id, details from audit_log
         where action = 'access.refuse' and actor_id = '{of}' and request_id is not null and source_ip is not null
         order by at, id"
    );
    let rows = app.database.superuser().await.query_typed(&sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

#[tokio::test]
async fn what_is_refused_or_hidden_is_on_record() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    nurse.get(&format!("/v1/clients/{BERNARD}")).await.expect(404);
    nurse.get(&format!("/v1/visits/{OTHER_NURSES_VISIT}")).await.expect(404);
    nurse.get(&format!("/v1/clients/{CLIENT_B}")).await.expect(404);
    nurse.delete(&format!("/v1/clients/{ALMA}")).await.expect(403);
    nurse.get("/v1/users").await.expect(403);
    let of = |route: &str, status: u16| json!({"route": route, "status": status});
    assert_eq!(
        refusals(&app, NURSE.id).await,
        [
            ("client".into(), Some(BERNARD), Some(BERNARD), of("GET /v1/clients/{id}", 404)),
            ("visit".into(), Some(OTHER_NURSES_VISIT), Some(BERNARD), of("GET /v1/visits/{id}", 404)),
            // Of another agency's client that agency alone may know.
            ("client".into(), Some(CLIENT_B), None, of("GET /v1/clients/{id}", 404)),
            ("client".into(), Some(ALMA), Some(ALMA), of("DELETE /v1/clients/{id}", 403)),
            ("route".into(), None, None, of("GET /v1/users", 403)),
        ]
    );
}

#[tokio::test]
async fn a_slip_of_the_pen_is_no_refusal() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    nurse.get(&format!("/v1/clients/{}", Uuid::now_v7())).await.expect(404);
    nurse.get("/v1/clients/7").await.expect(422);
    nurse.get("/v1/no-such-path").await.expect(404);
    app.anonymous().get(&format!("/v1/clients/{ALMA}")).await.expect(401);
    nurse.get(&format!("/v1/clients/{ALMA}")).await.expect(200);
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'access.refuse'").await, 0);
}

#[tokio::test]
async fn refusals_of_one_caller_fill_no_log() {
    let app = TestApp::new().await;
    let (nurse, admin) = (app.nurse().await, app.admin().await);
    for _ in 0..30 {
        nurse.get(&format!("/v1/clients/{BERNARD}")).await.expect(404);
    }
    assert_eq!(refusals(&app, NURSE.id).await.len(), 20);
    // Another caller's are another count.
    admin.get(&format!("/v1/clients/{CLIENT_B}")).await.expect(404);
    assert_eq!(refusals(&app, ADMIN.id).await.len(), 1);
}
