//! What is kept for a while only: removed when it is old, and never before.

use jiff::{Timestamp, ToSpan};

use crate::harness::{
    TestApp,
    fixtures::{AGENCY_A, AGENCY_B, NURSE, NURSE_B},
};

/// Refused pushes of both agencies, one a day old for every 30 days back to 300.
async fn old_rows(app: &TestApp) {
    for (agency, person) in [(AGENCY_A, &NURSE), (AGENCY_B, &NURSE_B)] {
        let device = app.sign_in(person).await.device_id;
        let sql = format!(
            "set session_replication_role = replica;
             insert into sync_quarantine
               (agency_id, device_id, user_id, table_name, record_id, body, body_sha256, reason, created_at, seen_at)
             select '{agency}', '{device}', '{user}', 'visits', n::text, '{{}}', sha256(''), 'test',
               now() - n * interval '30 days' - interval '1 day', now() - n * interval '30 days' - interval '1 day'
             from generate_series(0, 10) n",
            user = person.id
        );
        app.database.superuser().await.batch_execute(&sql).await.unwrap();
    }
}

async fn left(app: &TestApp) -> i64 {
    app.database.count("select count(*) from sync_quarantine").await
}

#[tokio::test]
async fn expired_rows_are_removed_and_others_kept() {
    let app = TestApp::new().await;
    old_rows(&app).await;
    assert_eq!(left(&app).await, 22);
    let jobs = app.jobs();

    // At an earlier time less was old.
    let answer = jobs.at("clean-up", Timestamp::now() - (24 * 180).hours()).await;
    assert_eq!(answer.report.counts["sync_quarantine"], 4);
    assert_eq!(left(&app).await, 18);

    // Now: 90 days, in both agencies.
    jobs.run(serde_json::json!({"job": "clean-up"})).await.unwrap();
    assert_eq!(left(&app).await, 6);

    // A time to come is not believed.
    let answer = jobs.at("clean-up", Timestamp::now() + (24 * 3650).hours()).await;
    assert_eq!(answer.report.counts["sync_quarantine"], 0);
    assert_eq!(left(&app).await, 6);
}

#[tokio::test]
async fn nothing_of_a_held_user_is_removed_by_age() {
    let app = TestApp::new().await;
    old_rows(&app).await;
    let admin = app.admin().await;
    let hold = serde_json::json!({"id": uuid::Uuid::now_v7(), "user_id": NURSE.id, "reason": "a proceeding"});
    admin.post("/v1/privacy/holds", &hold).await.expect(201);
    let jobs = app.jobs();
    let removed = async || jobs.at("clean-up", Timestamp::now()).await.report.counts["sync_quarantine"];
    assert_eq!(removed().await, 8, "the other agency's alone");
    let lift = format!("/v1/privacy/holds/{}/lift", hold["id"].as_str().unwrap());
    admin.post(&lift, &serde_json::json!({"reason": "it has ended"})).await.expect(200);
    assert_eq!(removed().await, 8);
}

#[tokio::test]
async fn two_runs_at_once_remove_each_row_once() {
    let app = TestApp::new().await;
    old_rows(&app).await;
    let (one, other) = (app.jobs(), app.jobs());
    let now = Timestamp::now();
    let (one, other) = tokio::join!(one.at("clean-up", now), other.at("clean-up", now));
    assert_eq!(one.report.counts["sync_quarantine"] + other.report.counts["sync_quarantine"], 16);
    assert_eq!(left(&app).await, 6);
}

#[tokio::test]
async fn a_run_cut_off_by_its_deadline_is_continued_by_the_next() {
    let app = TestApp::new().await;
    old_rows(&app).await;
    let jobs = app.jobs();
    // Agency A, and its quarantine; then the time is up.
    let answer = jobs.cut_off_after(2, "clean-up", Timestamp::now()).await;
    assert!(answer.report.cut_off);
    assert_eq!(left(&app).await, 14);
    let answer = jobs.at("clean-up", Timestamp::now()).await;
    assert!(!answer.report.cut_off);
    assert_eq!(left(&app).await, 6);
}

#[tokio::test]
async fn a_session_whose_thirty_days_are_over_ends() {
    let app = TestApp::new().await;
    let (dead, alive) = (app.nurse().await, app.nurse().await);
    let sql = format!(
        "update devices set authenticated_at = now() - interval '30 days 1 minute' where id = '{}';
         update devices set authenticated_at = now() - interval '29 days 23 hours' where id = '{}'",
        dead.device_id, alive.device_id
    );
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
    let answer = app.jobs().at("clean-up", Timestamp::now()).await;
    assert_eq!(answer.report.counts["sessions"], 1);
    alive.get("/v1/auth/me").await.expect(200);
    let ended = format!("select count(*) from devices where session_id is null and id = '{}'", dead.device_id);
    assert_eq!(app.database.count(&ended).await, 1);
}

#[tokio::test]
async fn a_session_with_an_expired_refresh_token_ends() {
    let app = TestApp::new().await;
    let (dead, alive) = (app.nurse().await, app.nurse().await);
    let sql = format!(
        "update devices set push_token = 'token';
         update devices set last_seen_at = now() - interval '7 days 1 minute' where id = '{}';
         update devices set last_seen_at = now() - interval '6 days 23 hours' where id = '{}'",
        dead.device_id, alive.device_id
    );
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
    let answer = app.jobs().at("clean-up", Timestamp::now() + (24 * 30).hours()).await;
    assert_eq!(answer.report.counts["sessions"], 1);
    let ended = format!(
        "select count(*) from devices where (session_id is null and push_token is null) = (id = '{}')",
        dead.device_id
    );
    assert_eq!(app.database.count(&ended).await, 2);
    let audited = format!(
        "select count(*) from audit_log where action = 'auth.expire' and resource_id = '{}' and actor_id is null",
        dead.device_id
    );
    assert_eq!(app.database.count(&audited).await, 1);
    alive.get("/v1/auth/me").await.expect(200);
    dead.get("/v1/auth/me").await.expect(401);
}
