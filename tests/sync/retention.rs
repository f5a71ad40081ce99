//! The log of changes is kept for 180 days; a phone that was away for longer starts again, and loses nothing unsent.

use jiff::{Timestamp, ToSpan};
use serde_json::json;

use crate::harness::{
    TestApp,
    fixtures::{AGENCY_B, ALMA, NURSES_MEALS, NURSES_VISIT},
    phone::{Phone, edited, ids, row, updated},
};

/// Lets so much time pass that a whole month is 180 days past, and what was logged in it is forgotten.
async fn let_half_a_year_pass(app: &TestApp) {
    app.age_changes(220).await;
    app.forget_at(Timestamp::now()).await;
}

async fn logged(app: &TestApp) -> i64 {
    app.database.count("select count(*) from sync_log").await
}

#[tokio::test]
async fn changes_are_forgotten_after_180_days_and_not_before() {
    let app = TestApp::new().await;
    let all = logged(&app).await;
    assert_eq!(app.forget_at(Timestamp::now()).await, 0);
    app.age_changes(220).await;
    // A newer change in the middle of the numbers stays, whatever its number.
    let newer =
        "set session_replication_role = replica; update sync_log set synced_at = now() where (agency_id, number) in (
        select agency_id, max(number) from sync_log group by agency_id)";
    app.database.superuser().await.batch_execute(newer).await.unwrap();
    // At an earlier time it was not old.
    assert_eq!(app.forget_at(Timestamp::now() - (24 * 50).hours()).await, 0);
    assert_eq!(logged(&app).await, all);

    // Announced, and not dropped within the hour: who asks meanwhile is told what the counters said before.
    let (one, other) = (app.jobs(), app.jobs());
    let now = Timestamp::now();
    let (first, second) = tokio::join!(one.at("clean-up", now), other.at("clean-up", now));
    assert_eq!(first.report.counts["partitions_forgotten"] + second.report.counts["partitions_forgotten"], 0);
    assert_eq!(logged(&app).await, all);
    let raised = "select count(*) from agency_counters where tombstones_from = 0";
    assert_eq!(app.database.count(raised).await, 0);
    let hour = "update partitions.forgotten set announced_at = announced_at - interval '61 minutes'";
    app.database.superuser().await.batch_execute(hour).await.unwrap();
    let (first, second) = tokio::join!(one.at("clean-up", now), other.at("clean-up", now));
    assert_eq!(first.report.counts["partitions_forgotten"] + second.report.counts["partitions_forgotten"], 1);
    assert_eq!(logged(&app).await, 2, "one of each agency stays");
    let from = format!(
        "select c.tombstones_from - (select min(number) from sync_log l where l.agency_id = c.agency_id)
         from agency_counters c where agency_id = '{AGENCY_B}'"
    );
    assert!(app.database.count(&from).await < 0, "what is kept is above what is remembered as forgotten");
    assert_eq!(app.forget_at(now).await, 0);
}

#[tokio::test]
async fn a_phone_away_for_longer_pushes_first_and_is_replaced() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let first = phone.pull(Some(0)).await;
    let cursor = phone.cursor;
    let task = format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_MEALS}");
    assert_eq!(coordinator.delete(&task).await.status, 204);
    coordinator.patch(&format!("/v1/visits/{NURSES_VISIT}"), &json!({"notes": "From the office"})).await.expect(200);
    let_half_a_year_pass(&app).await;

    let answer = phone.pull(Some(1)).await;
    assert_eq!((phone.cursor, &answer["has_more"]), (cursor, &json!(true)));
    for table in ["clients", "visits", "visit_tasks", "photos", "alerts"] {
        for list in ["created", "updated", "deleted"] {
            assert_eq!(ids(&answer, table, list), [""; 0]);
        }
    }
    // What others wrote since is not on the log any more; what she writes over it is a conflict all the same.
    let note = edited(
        row(&first, "visits", NURSES_VISIT),
        &[("notes", json!("From the bedside")), ("family_note", json!("Unsent"))],
    );
    let told = phone.push(updated("visits", &[note])).await.expect(200);
    assert_eq!((&told["applied"], &told["rejected"]), (&json!(1), &json!([])), "{told}");
    let kept = "select count(*) from sync_conflicts where server_value = '\"From the office\"'
                and device_value = '\"From the bedside\"'";
    assert_eq!(app.database.count(kept).await, 1);

    let answer = phone.pull(Some(0)).await;
    assert_eq!(answer["experimentalStrategy"], "replacement");
    assert!(!ids(&answer, "visit_tasks", "updated").contains(&NURSES_MEALS.to_string()), "what was deleted stays away");
    assert_eq!(row(&answer, "visits", NURSES_VISIT)["family_note"], "Unsent");
    assert_eq!(ids(&answer, "clients", "updated"), [ALMA.to_string()]);
    let after = phone.pull(Some(0)).await;
    assert_eq!((after.get("experimentalStrategy"), after.get("has_more")), (None, None));
}

#[tokio::test]
async fn a_phone_that_has_every_tombstone_goes_on() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    phone.pull(Some(0)).await;
    let visit = format!("/v1/visits/{NURSES_VISIT}");
    for notes in ["one", "two"] {
        coordinator.patch(&visit, &json!({"notes": notes})).await.expect(200);
        // Twice: by presenting a cursor with nothing waiting it says what has arrived.
        phone.pull(Some(0)).await;
        phone.pull(Some(0)).await;
    }
    let_half_a_year_pass(&app).await;
    coordinator.patch(&visit, &json!({"notes": "three"})).await.expect(200);
    let answer = phone.pull(Some(0)).await;
    assert_eq!(answer.get("experimentalStrategy"), None);
    assert_eq!(row(&answer, "visits", NURSES_VISIT)["notes"], "three");
}

/// A first sync's pages go by numbers that are older than the log, and nothing of it was ever deleted on this phone.
#[tokio::test]
async fn a_first_sync_in_pages_goes_on_though_the_log_has_been_forgotten() {
    const VISITS: usize = 2_500;
    let app = TestApp::new().await;
    app.add_visits(VISITS, ("notes", "repeat('A good day. ', 166)")).await;
    let_half_a_year_pass(&app).await;
    let mut phone = Phone::of(app.nurse().await);
    let mut answer = phone.pull(Some(0)).await;
    let mut seen = ids(&answer, "visits", "created").len();
    assert_eq!(answer["has_more"], true);
    let mut pages = 1;
    while answer.get("has_more").is_some() {
        pages += 1;
        assert!(pages < 20, "a first sync of {VISITS} visits has no last page");
        answer = phone.pull(Some(0)).await;
        assert_eq!(answer.get("experimentalStrategy"), None);
        seen += ids(&answer, "visits", "updated").len();
    }
    assert_eq!(seen, VISITS + 2);
}
