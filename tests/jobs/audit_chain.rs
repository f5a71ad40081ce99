//! The audit log's chain: sealed, anchored where nobody can change it, and found out when somebody tampers.

use aws_sdk_s3::types::ObjectLockMode;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::harness::{Scheduler, TestApp, fixtures::NURSES_VISIT};

/// A database in which something happened, all of it sealed.
async fn sealed() -> (TestApp, Scheduler) {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    nurse.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    // Nobody is known: a row of no agency.
    app.anonymous().login("nobody@nowhere.test", "wrong").await;
    let jobs = app.jobs();
    let answer = jobs.at("audit-seal", Timestamp::now()).await;
    let rows = app.database.count("select count(*) from audit_log").await;
    assert_eq!(i64::try_from(answer.report.counts["sealed"]).unwrap(), rows);
    assert!(app.database.count("select count(*) from audit_log where agency_id is null").await > 0);
    (app, jobs)
}

async fn tamper(app: &TestApp, sql: &str) {
    let sql = format!("set session_replication_role = replica; {sql}");
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
}

async fn found_out(jobs: &Scheduler) -> String {
    jobs.run(json!({"job": "audit-verify"})).await.unwrap_err().to_string()
}

#[tokio::test]
async fn each_row_is_sealed_once_whoever_seals_at_once() {
    let (app, jobs) = sealed().await;
    assert_eq!(jobs.at("audit-seal", Timestamp::now()).await.report.counts["sealed"], 0);
    for _ in 0..3 {
        app.nurse().await;
    }
    let other = app.jobs();
    let now = Timestamp::now();
    let (one, two) = tokio::join!(jobs.at("audit-seal", now), other.at("audit-seal", now));
    assert_eq!(one.report.counts["sealed"] + two.report.counts["sealed"], 3);
    // Without gaps, and each row once.
    let whole = "select count(*) - max(number) + count(*) - count(distinct audit_id) from audit_chain";
    assert_eq!(app.database.count(whole).await, 0);
    let answer = jobs.run(json!({"job": "audit-verify"})).await.unwrap();
    let links = app.database.count("select count(*) from audit_chain").await;
    assert_eq!(i64::try_from(answer.report.counts["links"]).unwrap(), links);
}

#[tokio::test]
async fn a_row_that_commits_late_is_sealed_after_the_newer_ones() {
    let (app, jobs) = sealed().await;
    let mut slow = app.database.superuser().await;
    let tx = slow.transaction().await.unwrap();
    tx.batch_execute("insert into audit_log (action, resource) values ('slow.write', 'test')").await.unwrap();
    app.nurse().await;
    assert_eq!(jobs.at("audit-seal", Timestamp::now()).await.report.counts["sealed"], 1);
    tx.commit().await.unwrap();
    assert_eq!(jobs.at("audit-seal", Timestamp::now()).await.report.counts["sealed"], 1);
    jobs.run(json!({"job": "audit-verify"})).await.unwrap();
}

#[tokio::test]
async fn whoever_tampers_is_found_out() {
    for (what, sql, told) in [
        (
            "a row altered",
            "update audit_log set action = 'visit.read' where id = (select audit_id from audit_chain where number = 2)",
            "link 2",
        ),
        (
            "details altered",
            "update audit_log set details = '{\"a\": 1}' where id = (select audit_id from audit_chain
             where number = 1)",
            "link 1",
        ),
        (
            "a row removed",
            "delete from audit_log where id = (select audit_id from audit_chain where number = 2)",
            "link 2",
        ),
        (
            "row and link removed",
            "delete from audit_log where id = (select audit_id from audit_chain where number = 2);
             delete from audit_chain where number = 2",
            "link 2",
        ),
        ("a link altered", "update audit_chain set hash = sha256('x') where number = 1", "link 1"),
        (
            "a row slipped in",
            "insert into audit_log (id, at, action, resource)
             values (app.uuid7_from(now() - interval '3 days'), now() - interval '3 days', 'a.b', 'c')",
            "not sealed",
        ),
    ] {
        let (app, jobs) = sealed().await;
        tamper(&app, sql).await;
        let error = found_out(&jobs).await;
        assert!(error.contains(told), "{what}: {error}");
    }
}

#[tokio::test]
async fn a_chain_made_anew_differs_from_its_anchors() {
    let (app, jobs) = sealed().await;
    assert_eq!(jobs.at("audit-anchor", Timestamp::now()).await.report.counts["anchored"], 1);
    assert_eq!(jobs.run(json!({"job": "audit-verify"})).await.unwrap().report.counts["anchors"], 1);
    tamper(&app, "update audit_log set action = 'a.b'; truncate audit_chain; select app.seal_audit(1000)").await;
    let error = found_out(&jobs).await;
    assert!(error.contains("differs from its anchor"), "{error}");
    // Cut off at the end: the anchored link is not there at all.
    tamper(&app, "truncate audit_chain, audit_log").await;
    let error = found_out(&jobs).await;
    assert!(error.contains("differs from its anchor"), "{error}");
}

#[tokio::test]
async fn a_days_first_anchor_stands_locked_for_seven_years() {
    let (app, jobs) = sealed().await;
    let now = Timestamp::now();
    assert_eq!(jobs.at("audit-anchor", now).await.report.counts["anchored"], 1);
    app.nurse().await;
    // Again, and as if it were next year: an anchor can't be taken back.
    for at in [now, now + (24 * 400).hours()] {
        let report = jobs.at("audit-anchor", at).await.report;
        assert_eq!((report.counts["sealed"] <= 1, report.counts["anchored"]), (true, 0));
    }
    let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&app.aws).force_path_style(true).build());
    let bucket = &app.config.anchors_bucket;
    let listed = s3.list_objects_v2().bucket(bucket).send().await.unwrap().contents.unwrap();
    let [object] = listed.as_slice() else { panic!("one anchor: {listed:?}") };
    let key = object.key().unwrap();
    assert_eq!(key, format!("audit/{}.json", now.strftime("%F")));
    let stored = s3.get_object().bucket(bucket).key(key).send().await.unwrap();
    assert_eq!(stored.object_lock_mode(), Some(&ObjectLockMode::Compliance));
    let years = (stored.object_lock_retain_until_date().unwrap().secs() - now.as_second()) / (365 * 86_400);
    assert_eq!(years, 7);
    let anchor: Value = serde_json::from_slice(&stored.body.collect().await.unwrap().into_bytes()).unwrap();
    let hash = format!("select encode(hash, 'hex') from audit_chain where number = {}", anchor["number"]);
    let kept: String = app.database.superuser().await.query_typed(&hash, &[]).await.unwrap()[0].get(0);
    assert_eq!(anchor["hash"], kept);
}

#[tokio::test]
async fn sealing_cut_off_by_its_deadline_is_continued_by_the_next_run() {
    let app = TestApp::new().await;
    app.nurse().await;
    let jobs = app.jobs();
    let many = "insert into audit_log (action, resource) select 'a.b', 'c' from generate_series(1, 6000)";
    app.database.superuser().await.batch_execute(many).await.unwrap();
    let answer = jobs.cut_off_after(1, "audit-anchor", Timestamp::now()).await;
    assert!(answer.report.cut_off);
    assert_eq!((answer.report.counts["sealed"], answer.report.counts["anchored"]), (5_000, 0));
    let answer = jobs.at("audit-anchor", Timestamp::now()).await;
    assert!(answer.report.counts["sealed"] > 1_000 && answer.report.counts["anchored"] == 1);
    jobs.run(json!({"job": "audit-verify"})).await.unwrap();
}

#[tokio::test]
async fn missing_and_stale_anchors_are_noticed() {
    let (app, jobs) = sealed().await;
    assert_eq!(jobs.at("audit-anchor", Timestamp::now()).await.report.counts["anchored"], 1);
    app.nurse().await;
    jobs.at("audit-seal", Timestamp::now()).await;
    // What is sealed since waits for tomorrow's anchor.
    jobs.run(json!({"job": "audit-verify"})).await.unwrap();
    tamper(&app, "update audit_chain set sealed_at = sealed_at - interval '3 days'").await;
    let error = found_out(&jobs).await;
    assert!(error.contains("anchors are stale"), "{error}");
    tamper(&app, "update audit_chain set sealed_at = sealed_at + interval '3 days'").await;
    // An anchor that the database remembers, and the bucket doesn't have.
    let forgotten = "insert into audit_checks (kind, number) values ('anchored', 1)";
    app.database.superuser().await.batch_execute(forgotten).await.unwrap();
    let error = found_out(&jobs).await;
    assert!(error.contains("the anchor of link 1 is missing"), "{error}");
}
