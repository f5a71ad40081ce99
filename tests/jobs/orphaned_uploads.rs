//! The job that gives up photos of which nothing came. What it calls is tested with the photos.

use jiff::{Timestamp, ToSpan};
use serde_json::json;
use uuid::Uuid;

use crate::harness::{TestApp, fixtures::NURSES_VISIT};

#[tokio::test]
async fn photos_that_never_arrived_are_given_up_after_a_week_and_not_before() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let [late, recent] = [Uuid::now_v7(), Uuid::now_v7()];
    for id in [late, recent] {
        let declared = json!({"id": id, "visit_id": NURSES_VISIT, "kind": "photo", "content_type": "image/jpeg",
            "bytes": 1000, "sha256": "ab".repeat(32)});
        nurse.post("/v1/photos", &declared).await.expect(201);
    }
    let backdate = format!(
        "set session_replication_role = replica;
         update photos set updated_at = now() - interval '8 days' where id = '{late}'"
    );
    app.database.superuser().await.batch_execute(&backdate).await.unwrap();

    // A time to come is not believed; one of two that run at once gives it up.
    let jobs = [app.jobs(), app.jobs()];
    let month_ahead = Timestamp::now() + (24 * 30).hours();
    let (one, other) =
        tokio::join!(jobs[0].at("orphaned-uploads", month_ahead), jobs[1].at("orphaned-uploads", month_ahead));
    assert_eq!(one.report.counts["photos_given_up"] + other.report.counts["photos_given_up"], 1);

    let audited = format!(
        "select count(*) from audit_log where action = 'photo.give_up' and resource_id = '{late}' and actor_id is null"
    );
    assert_eq!(app.database.count(&audited).await, 1);
    let status = async |id| nurse.get(&format!("/v1/photos/{id}")).await.expect(200)["status"].clone();
    assert_eq!((status(late).await, status(recent).await), (json!("rejected"), json!("pending")));
}
