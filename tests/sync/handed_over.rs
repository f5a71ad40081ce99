//! A phone that changes hands: another user signs in on it, under a new device id, over the database of the former one.
//! Each row says whose session wrote it, so that nothing counts as the new user's that the former one wrote.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{AIDE, ALMA, BERNARD, NURSE, NURSES_VISIT},
    phone::{Phone, edited, row, updated},
};

const OF_ANOTHER: &str = "another user wrote this on the phone: it waits under both names, and isn't yours";

fn created(mut row: Value, author: Option<Uuid>) -> Value {
    row["id"] = json!(Uuid::now_v7());
    row["_status"] = json!("created");
    row["_changed"] = json!("");
    row["written_by"] = json!(author);
    row
}

/// What anybody who cares for Alma may write: an alert and a photo of her.
fn alert_and_photo(author: Option<Uuid>) -> Value {
    let alert = json!({"client_id": ALMA, "severity": "low", "reason": "fall"});
    let photo = json!({"client_id": ALMA, "kind": "photo", "content_type": "image/jpeg", "bytes": 1000,
        "sha256": "0".repeat(64), "shared_with_family": false});
    json!({"alerts": {"created": [created(alert, author)], "updated": [], "deleted": []},
        "photos": {"created": [created(photo, author)], "updated": [], "deleted": []}})
}

/// The aide's new device, over the database of the nurse's phone.
async fn handed_over(app: &TestApp, cursor: Option<i64>) -> Phone {
    let mut phone = Phone { client: app.aide().await, cursor };
    let asked = phone.pull(Some(2)).await;
    assert_eq!(asked["has_more"], true, "asked to push first: {asked}");
    phone
}

#[tokio::test]
async fn what_the_former_user_wrote_is_quarantined_under_both_names() {
    let app = TestApp::new().await;
    let mut nurse = Phone::of(app.nurse().await);
    nurse.pull(Some(0)).await;
    let unsent = alert_and_photo(Some(NURSE.id));
    let phone = handed_over(&app, nurse.cursor).await;
    for _ in 0..2 {
        let told = phone.push(unsent.clone()).await.expect(200);
        let reasons: Vec<_> = told["rejected"].as_array().unwrap().iter().map(|one| one["reason"].clone()).collect();
        assert_eq!((&told["applied"], reasons), (&json!(0), vec![json!(OF_ANOTHER); 2]), "{told}");
    }
    assert_eq!(app.database.count("select count(*) from alerts").await, 0);
    assert_eq!(app.database.count("select count(*) from photos").await, 0);
    let kept =
        format!("select count(*) from sync_quarantine where user_id = '{}' and written_by = '{}'", AIDE.id, NURSE.id);
    assert_eq!(app.database.count(&kept).await, 2);

    // Both see it.
    for client in [&phone.client, &nurse.client] {
        let status = client.get("/v1/sync/status").await.expect(200);
        let refused = status["refused"].as_array().unwrap();
        assert_eq!(refused.len(), 2, "{status}");
        for one in refused {
            let names = (&one["written_by"], &one["pushed_by"]);
            assert_eq!(names, (&json!(NURSE.id), &json!(AIDE.id)), "{one}");
        }
    }
    assert_eq!(app.coordinator().await.get("/v1/sync/status").await.expect(200)["refused"], json!([]));
}

#[tokio::test]
async fn what_the_new_user_writes_is_taken_and_what_the_server_has_is_no_news() {
    let app = TestApp::new().await;
    let mut nurse = Phone::of(app.nurse().await);
    nurse.pull(Some(0)).await;
    let sent = alert_and_photo(Some(NURSE.id));
    nurse.push(sent.clone()).await.expect(200);
    // Its answer was lost, and the phone changes hands.
    let phone = handed_over(&app, nurse.cursor).await;
    assert_eq!(phone.push(sent).await.expect(200)["unchanged"], 2);
    assert_eq!(phone.push(alert_and_photo(Some(AIDE.id))).await.expect(200)["applied"], 2);
    // An app of an older schema doesn't say who wrote it.
    assert_eq!(phone.push(alert_and_photo(None)).await.expect(200)["applied"], 2);
    let by = |person: Uuid| format!("select count(*) from alerts where raised_by = '{person}'");
    assert_eq!(app.database.count(&by(NURSE.id)).await, 1);
    assert_eq!(app.database.count(&by(AIDE.id)).await, 2);
    assert_eq!(app.database.count("select count(*) from sync_quarantine").await, 0);
}

#[tokio::test]
async fn an_edit_of_the_former_user_is_not_the_new_ones_even_where_both_may_write() {
    let app = TestApp::new().await;
    let mut coordinator = Phone::of(app.coordinator().await);
    let pulled = coordinator.pull(Some(0)).await;
    let visit = edited(
        row(&pulled, "visits", NURSES_VISIT),
        &[("notes", json!("Of the nurse")), ("written_by", json!(NURSE.id))],
    );
    let told = coordinator.push(updated("visits", std::slice::from_ref(&visit))).await.expect(200);
    assert_eq!((&told["applied"], &told["rejected"][0]["reason"]), (&json!(0), &json!(OF_ANOTHER)), "{told}");
    // Whoever it is that the phone names, nobody has to be known by it.
    let mut stranger = visit.clone();
    stranger["written_by"] = json!(Uuid::now_v7());
    assert_eq!(coordinator.push(updated("visits", &[stranger])).await.expect(200)["rejected"][0]["reason"], OF_ANOTHER);
    let mut own = visit;
    own["written_by"] = json!(crate::harness::fixtures::COORDINATOR.id);
    assert_eq!(coordinator.push(updated("visits", &[own])).await.expect(200)["applied"], 1);
    // By the next pull the phone's row is the server's, which names nobody.
    let path = format!("/v1/sync?last_pulled_at={}&schema_version=3&pending=0", coordinator.cursor.unwrap());
    let again = coordinator.client.get(&path).await.expect(200);
    assert_eq!(row(&again, "visits", NURSES_VISIT)["written_by"], Value::Null);
    assert_eq!(row(&again, "visits", NURSES_VISIT)["notes"], "Of the nurse");
}

#[tokio::test]
async fn what_the_new_user_may_not_see_is_refused_as_ever_and_names_its_author() {
    let app = TestApp::new().await;
    let phone = Phone::of(app.aide().await);
    let alert = created(json!({"client_id": BERNARD, "severity": "low", "reason": "fall"}), Some(NURSE.id));
    let told = phone.push(json!({"alerts": {"created": [alert], "updated": [], "deleted": []}})).await.expect(200);
    assert_eq!(told["rejected"][0]["reason"], "you may not change this");
    let kept = format!("select count(*) from sync_quarantine where written_by = '{}'", NURSE.id);
    assert_eq!(app.database.count(&kept).await, 1);
}
