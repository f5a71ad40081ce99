//! The log of changes is kept for 180 days; a phone that was away for longer starts again, and loses nothing unsent.

use jiff::{Timestamp, ToSpan};
use serde_json::json;

use crate::harness::{
    TestApp,
    fixtures::{AGENCY_B, ALMA, NURSES_MEALS, NURSES_VISIT},
    phone::{Phone, edited, ids, row, updated},
};

/// Makes all that was logged until now old enough to be forgotten.
async fn let_half_a_year_pass(app: &TestApp) {
    let age = "set session_replication_role = replica; update sync_log set synced_at = synced_at - interval '181 days'";
    app.database.superuser().await.batch_execute(age).await.unwrap();
}

async fn logged(app: &TestApp) -> i64 {
    app.database.count("select count(*) from sync_log").await
}

#[tokio::test]
async fn changes_are_forgotten_after_180_days_and_not_before() {
    let app = TestApp::new().await;
    let all = logged(&app).await;
    let jobs = app.jobs();
    assert_eq!(jobs.at("clean-up", Timestamp::now()).await.report.counts["sync_log"], 0);
    let_half_a_year_pass(&app).await;
    // A newer change in the middle of the numbers: what comes after it stays, whatever its time.
    let newer =
        "set session_replication_role = replica; update sync_log set synced_at = now() where (agency_id, number) in (
        select agency_id, max(number) from sync_log group by agency_id)";
    app.database.superuser().await.batch_execute(newer).await.unwrap();
    // At an earlier time it was not old.
    assert_eq!(jobs.at("clean-up", Timestamp::now() - (24 * 3).hours()).await.report.counts["sync_log"], 0);
    assert_eq!(logged(&app).await, all);

    let (one, other) = (app.jobs(), app.jobs());
    let now = Timestamp::now();
    let (one, other) = tokio::join!(one.at("clean-up", now), other.at("clean-up", now));
    let forgotten = one.report.counts["sync_log"] + other.report.counts["sync_log"];
    assert_eq!(i64::try_from(forgotten).unwrap(), all - 2, "one of each agency stays");
    let from = format!(
        "select c.tombstones_from - (select min(number) from sync_log l where l.agency_id = c.agency_id)
         from agency_counters c where agency_id = '{AGENCY_B}'"
    );
    assert!(app.database.count(&from).await < 0, "what is kept is above what is remembered as forgotten");
    assert_eq!(jobs.at("clean-up", now).await.report.counts["sync_log"], 0);
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
    app.jobs().at("clean-up", Timestamp::now()).await;

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
    app.jobs().at("clean-up", Timestamp::now()).await;
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
    app.jobs().at("clean-up", Timestamp::now()).await;
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
