//! Services that fail: a 503, nothing half-done, and work that goes on by itself once they are back.

use jiff::Timestamp;
use serde_json::json;

use crate::harness::{
    Answer, Client, TestApp,
    fixtures::{ALMA, COORDINATOR, NURSE, NURSES_VISIT},
    tcp_proxy::TcpProxy,
    until,
};

#[track_caller]
fn must_be_unavailable(answer: &Answer) {
    assert_eq!(answer.problem(503), "unavailable");
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds > 0);
    assert!(!String::from_utf8_lossy(&answer.body).contains("database"), "the cause was told: {answer:?}");
}

#[tokio::test]
async fn a_database_that_dies_mid_request_is_a_503_and_is_forgiven() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let check_in = format!("/v1/visits/{NURSES_VISIT}/check-in");
    let body = json!({"at": Timestamp::from_second(Timestamp::now().as_second()).unwrap()});

    // Somebody else holds the agency's counter, so that the request waits in the middle of its transaction.
    let mut holder = app.database.superuser().await;
    let held = holder.transaction().await.unwrap();
    held.batch_execute(&format!("select from agency_counters where agency_id = '{}' for update", NURSE.agency))
        .await
        .unwrap();
    let watcher = app.database.superuser().await;
    let waiting = "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let killed = async {
        until("the request's wait", async || !watcher.query_typed(waiting, &[]).await.unwrap().is_empty()).await;
        let kill = format!("select pg_terminate_backend(pid) from ({waiting}) w");
        watcher.query_typed(&kill, &[]).await.unwrap();
    };
    let (answer, ()) = tokio::join!(nurse.post(&check_in, &body), killed);
    must_be_unavailable(&answer);
    held.rollback().await.unwrap();

    // Nothing was half-done, and the next request works by itself.
    let visit = nurse.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    assert_eq!(visit["status"], "scheduled");
    assert_eq!(nurse.post(&check_in, &body).await.expect(200)["status"], "in_progress");
}

#[tokio::test]
async fn a_read_reconnects_after_a_lost_connection() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let path = format!("/v1/clients/{ALMA}");
    nurse.get(&path).await.expect(200);
    for _ in 0..3 {
        let killed = "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()) k";
        assert!(app.database.count(killed).await > 0);
        nurse.get(&path).await.expect(200);
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_a_503_until_it_is_back() {
    let app = TestApp::new().await;
    let (host, port) = app.database.host_and_port();
    let proxy = TcpProxy::to(host, port).await;
    let url = format!("postgres://127.0.0.1:{}/{}?sslmode=disable", proxy.port, app.database.name);
    let functions = app.with_database(url);
    let nurse = Client::sign_in(functions, &NURSE).await;
    let reads = ["/v1/auth/me".to_owned(), format!("/v1/clients/{ALMA}"), "/v1/visits".to_owned()];
    for path in &reads {
        nurse.get(path).await.expect(200);
    }
    let check_in = format!("/v1/visits/{NURSES_VISIT}/check-in");
    let body = json!({"at": Timestamp::from_second(Timestamp::now().as_second()).unwrap()});

    for _ in 0..2 {
        proxy.cut();
        for path in &reads {
            must_be_unavailable(&nurse.get(path).await);
        }
        must_be_unavailable(&nurse.post(&check_in, &body).await);
        must_be_unavailable(&nurse.login(COORDINATOR.email, "whatever it is").await);
        let health = nurse.get("/v1/health").await;
        assert_eq!(health.status, 503);
        let report = health.json();
        assert_eq!(
            (&report["ok"], &report["postgresql"]["ok"], &report["dynamodb"]["ok"]),
            (&json!(false), &json!(false), &json!(true))
        );
        proxy.restore();
        for path in &reads {
            nurse.get(path).await.expect(200);
        }
        nurse.get("/v1/health").await.expect(200);
    }
    nurse.post(&check_in, &body).await.expect(200);
}

#[tokio::test]
async fn without_dynamodb_nobody_signs_in_and_everybody_works_on() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let cut = nurse.through(app.without_table().await);
    must_be_unavailable(&cut.login(NURSE.email, "whatever it is").await);
    let refresh = json!({"refresh_token": nurse.refresh_token, "device_id": nurse.device_id});
    must_be_unavailable(&cut.post("/v1/auth/refresh", &refresh).await);
    cut.get("/v1/auth/me").await.expect(200);
    // What was refused used nothing up.
    nurse.post("/v1/auth/refresh", &refresh).await.expect(200);
}

#[tokio::test]
async fn a_write_that_waits_too_long_for_a_lock_is_503() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let owner = app.database.superuser().await;
    owner
        .batch_execute(&format!("alter role berthcare_app in database {} set lock_timeout = '50ms'", app.database.name))
        .await
        .unwrap();
    let mut holder = app.database.superuser().await;
    let held = holder.transaction().await.unwrap();
    held.batch_execute("select from agency_counters for update").await.unwrap();
    let fresh = nurse.through(app.another_environment());
    let body = json!({"at": Timestamp::now()});
    must_be_unavailable(&fresh.post(&format!("/v1/visits/{NURSES_VISIT}/check-in"), &body).await);
    held.rollback().await.unwrap();
    fresh.post(&format!("/v1/visits/{NURSES_VISIT}/check-in"), &body).await.expect(200);
}

#[tokio::test]
async fn an_abandoned_request_leaves_no_transaction_behind() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let mut holder = app.database.superuser().await;
    let held = holder.transaction().await.unwrap();
    held.batch_execute("select from agency_counters for update").await.unwrap();
    let body = json!({"at": Timestamp::from_second(Timestamp::now().as_second()).unwrap()});
    let check_in = format!("/v1/visits/{NURSES_VISIT}/check-in");
    {
        let request = nurse.post(&check_in, &body);
        let watcher = app.database.superuser().await;
        let waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        tokio::select! {
            answer = request => panic!("it should have waited: {answer:?}"),
            () = until("the wait", async || !watcher.query_typed(waiting, &[]).await.unwrap().is_empty()) => {}
        }
        // Here the request is dropped, in the middle of its transaction.
    }
    held.rollback().await.unwrap();
    nurse.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    assert_eq!(nurse.post(&check_in, &body).await.expect(200)["status"], "in_progress");
}
