//! The audit log, proven from a copy of the database and the anchors alone.

use jiff::{SignedDuration, Timestamp};
use local::audit_proof::{Anchor, Proof, anchors, prove};
use serde_json::json;

use crate::harness::{TestApp, fixtures::NURSES_VISIT};

/// A database whose log is sealed and anchored, and its anchors as files.
async fn anchored() -> (TestApp, Vec<Anchor>) {
    let app = TestApp::new().await;
    app.nurse().await.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    app.jobs().at("audit-anchor", Timestamp::now()).await;
    let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&app.aws).force_path_style(true).build());
    let bucket = &app.config.anchors_bucket;
    let folder = std::env::temp_dir().join(bucket);
    for object in s3.list_objects_v2().bucket(bucket).send().await.unwrap().contents.unwrap() {
        let file = folder.join(object.key().unwrap());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let body = s3.get_object().bucket(bucket).key(object.key().unwrap()).send().await.unwrap().body;
        std::fs::write(file, body.collect().await.unwrap().into_bytes()).unwrap();
    }
    let found = anchors(&folder).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    (app, found)
}

async fn proof(app: &TestApp, anchors: &[Anchor]) -> Proof {
    // Whoever keeps a copy reads it as a backup does.
    prove(&app.database.connect_as("berthcare_backup").await, anchors, Timestamp::now()).await.unwrap()
}

async fn tamper(app: &TestApp, sql: &str) {
    let sql = format!("set session_replication_role = replica; {sql}");
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn a_copy_of_the_database_and_the_anchors_prove_the_log() {
    let (app, anchors) = anchored().await;
    let links = app.database.count("select count(*) from audit_chain").await;
    let untouched = proof(&app, &anchors).await;
    assert_eq!(untouched, Proof { links, anchors: 1, ..Proof::default() });
    let row = "(select audit_id from audit_chain where number = 2)";
    // Whoever changed the functions as well fools the database, and not this.
    let fooled = format!(
        "create or replace function app.audit_text(entry audit_log) returns text language sql stable parallel safe
           return coalesce((select details ->> 'was' from audit_log x where x.id = entry.id), '');
         update audit_log set action = 'a.b' where id = {row}"
    );
    tamper(&app, &fooled).await;
    assert_eq!(
        proof(&app, &anchors).await.faults,
        [
            "link 2 doesn't hold: its row was altered, or is gone".to_owned(),
            format!("link {links} is anchored, and not in the chain"),
        ]
    );
}

#[tokio::test]
async fn a_chain_made_anew_a_stale_anchor_and_a_row_slipped_in_are_told() {
    let (app, anchors) = anchored().await;
    tamper(&app, "update audit_log set action = 'a.b'; truncate audit_chain; select app.seal_audit(1000)").await;
    let faults = proof(&app, &anchors).await.faults;
    assert!(faults.len() == 1 && faults[0].ends_with("differs from its anchor"), "{faults:?}");
    tamper(&app, "truncate audit_chain; update audit_log set at = now() - interval '2 days'").await;
    let faults = proof(&app, &[]).await.faults;
    assert!(faults.len() == 1 && faults[0].contains("are in no link"), "{faults:?}");
    tamper(&app, "select app.seal_audit(1000); update audit_chain set sealed_at = now() - interval '3 days'").await;
    let faults = proof(&app, &[]).await.faults;
    assert!(faults.len() == 1 && faults[0].contains("anchors are stale"), "{faults:?}");
}

#[tokio::test]
async fn days_without_an_anchor_are_counted() {
    let (app, mut anchors) = anchored().await;
    let mut earlier = anchors[0].clone();
    earlier.anchored_at -= SignedDuration::from_hours(72);
    anchors.push(earlier);
    assert_eq!(proof(&app, &anchors).await.days_without_anchor, 2);
    let folder = std::env::temp_dir().join(format!("not-an-anchor-{}", app.config.anchors_bucket));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("x.json"), json!({"number": "one"}).to_string()).unwrap();
    assert!(local::audit_proof::anchors(&folder).unwrap_err().to_string().contains("is no anchor"));
    std::fs::remove_dir_all(&folder).unwrap();
}
