//! How often a synchronisation crosses the wire to the database and back: what it costs beyond its SQL.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{ALMA, CHLOE, NURSES_MEALS, NURSES_VISIT},
    phone::{Phone, edited, row},
    round_trips::RoundTrips,
};

/// A day's work in every table; `turn` makes it another one each time.
fn work(first: &Value, turn: u32) -> Value {
    let notes = [("notes", json!(format!("Notes {turn}")))];
    let outcome = [("outcome", json!(format!("Ate {turn}")))];
    let photo = json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "client_id": null,
        "visit_id": NURSES_VISIT,
        "user_id": null, "kind": "photo", "shared_with_family": false, "content_type": "image/jpeg", "bytes": 1000,
        "sha256": "00".repeat(32), "taken_at": null, "caption": null});
    let alert = json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "client_id": ALMA,
        "visit_id": NURSES_VISIT,
        "severity": "low", "reason": "supplies", "message": null});
    json!({"visits": {"created": [], "updated": [edited(row(first, "visits", NURSES_VISIT), &notes)], "deleted": []},
        "visit_tasks": {"created": [], "updated": [edited(row(first, "visit_tasks", NURSES_MEALS), &outcome)],
            "deleted": ["x"]},
        "photos": {"created": [photo], "updated": [], "deleted": []},
        "alerts": {"created": [alert], "updated": [], "deleted": []}})
}

#[tokio::test]
async fn a_pull_is_one_round_trip_where_nothing_is_to_be_remembered_and_all_else_two() {
    let app = TestApp::new().await;
    let (round_trips, url) = RoundTrips::before(&app.database).await;
    let mut phone = Phone::of(app.nurse().await.through(app.with_database(url)));
    // Which connects.
    let first = phone.pull(Some(0)).await;

    round_trips.count();
    phone.pull(Some(0)).await;
    assert_eq!(round_trips.count(), 1, "what there is; of that nothing is new");
    app.coordinator().await.patch(&format!("/v1/clients/{CHLOE}"), &json!({"phone": "+14165550123"})).await.expect(200);
    phone.pull(Some(0)).await;
    assert_eq!(round_trips.count(), 1, "what others do to others is nothing new");
    app.coordinator().await.patch(&format!("/v1/clients/{ALMA}"), &json!({"phone": "+14165550124"})).await.expect(200);
    phone.pull(Some(0)).await;
    assert_eq!(round_trips.count(), 2, "what there is, and what is remembered of it");
    let told = phone.push(work(&first, 1)).await.expect(200);
    assert_eq!((&told["applied"], told["rejected"].as_array().map(Vec::len)), (&json!(4), Some(1)), "{told}");
    assert_eq!(round_trips.count(), 2, "what the server has, and all that is written with COMMIT, whatever the tables");
    phone.pull(Some(1)).await;
    assert_eq!(round_trips.count(), 2);
    phone.push(work(&first, 2)).await.expect(200);
    assert_eq!(round_trips.count(), 2);
}
