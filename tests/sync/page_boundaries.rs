//! Pages and cursors at their exact edges.

use std::collections::BTreeSet;

use domain::limits::PULLED_ROWS;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{AGENCY_A, ALMA, NURSE, NURSES_MEALS, NURSES_VISIT, OTHER_NURSE},
    phone::{Phone, edited, ids, row, updated},
};

/// More than one read of a pull brings.
const VISITS: usize = 25_010;

/// Pulls as a phone that takes compression does, and keeps the cursor.
async fn pull(phone: &mut Phone) -> Value {
    let cursor = phone.cursor.map_or("null".into(), |cursor| cursor.to_string());
    let path = format!("/v1/sync?last_pulled_at={cursor}&schema_version=2&pending=0&migration=null");
    let page = phone.client.send("GET", &path, None, &[("accept-encoding", "gzip")]).await.expect(200);
    phone.cursor = page["timestamp"].as_i64();
    page
}

/// The ids of what is not deleted.
fn present(answer: &Value, table: &str) -> Vec<String> {
    [ids(answer, table, "created"), ids(answer, table, "updated")].concat()
}

/// How many rows and tombstones an answer holds.
fn size(answer: &Value) -> usize {
    let lists = answer["changes"].as_object().unwrap().values().flat_map(|table| table.as_object().unwrap().values());
    lists.map(|list| list.as_array().unwrap().len()).sum()
}

#[tokio::test]
async fn more_rows_than_a_page_come_complete_in_pages_and_at_once_where_a_grant_brings_them() {
    assert!(i64::try_from(VISITS).unwrap() > PULLED_ROWS);
    let app = TestApp::new().await;
    // A minute apart, since phones keep those of 90 days.
    let visits = format!(
        "select app.reserve_change_numbers({VISITS});
         insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end)
         select gen_random_uuid(), '{AGENCY_A}', '{ALMA}', '{}', now() - n * interval '1 minute',
           now() - (n - 1) * interval '1 minute'
         from generate_series(1, {VISITS}) n",
        NURSE.id
    );
    app.database.write(AGENCY_A, &visits).await;
    let mut colleague = Phone::of(app.sign_in(&OTHER_NURSE).await);
    pull(&mut colleague).await;

    let mut phone = Phone::of(app.nurse().await);
    let (mut seen, mut rows, mut pages) = (BTreeSet::new(), 0, 0);
    loop {
        let page = pull(&mut phone).await;
        let visits = present(&page, "visits");
        rows += visits.len();
        seen.extend(visits);
        pages += 1;
        assert!(pages < 20, "a first sync of {VISITS} visits has no last page");
        if page.get("has_more").is_none() {
            break;
        }
    }
    assert_eq!((seen.len(), rows), (VISITS + 2, VISITS + 2), "each comes, and none twice");
    assert!(pages > 1);

    // All of a client who is granted goes by one number, which no page splits.
    let member = json!({"user_id": OTHER_NURSE.id, "relation": "nurse", "starts_on": "2026-01-01"});
    let team = format!("/v1/clients/{ALMA}/care-team");
    app.coordinator().await.post(&team, &member).await.expect(201);
    let answer = pull(&mut colleague).await;
    assert_eq!(present(&answer, "visits").into_iter().collect::<BTreeSet<_>>(), seen);
    assert_eq!(ids(&answer, "clients", "updated"), [ALMA.to_string()]);
    assert_eq!(size(&pull(&mut colleague).await), 0);
}

#[tokio::test]
async fn a_cursor_brings_what_has_a_higher_number_and_nothing_twice() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    for client in [app.nurse().await, coordinator.clone()] {
        let mut phone = Phone::of(client);
        phone.pull(Some(0)).await;
        assert_eq!(size(&phone.pull(Some(0)).await), 0, "nothing has happened since");
        let before = phone.cursor;
        let notes = json!({"notes": format!("From {}", phone.client.device_id)});
        coordinator.patch(&format!("/v1/visits/{NURSES_VISIT}"), &notes).await.expect(200);
        for _ in 0..2 {
            // The second time the answer was lost.
            phone.cursor = before;
            let answer = phone.pull(Some(0)).await;
            assert_eq!((size(&answer), ids(&answer, "visits", "updated")), (1, vec![NURSES_VISIT.to_string()]));
        }
        assert_eq!(size(&phone.pull(Some(0)).await), 0, "its number is the cursor's");
    }
}

#[tokio::test]
async fn a_deletion_comes_when_nothing_waits_and_until_the_cursor_moves_on() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(Some(0)).await;
    coordinator.delete(&format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_MEALS}")).await.expect(204);
    assert_eq!(size(&phone.pull(Some(1)).await), 0, "something waits on the phone");
    let answer = phone.pull(Some(0)).await;
    assert_eq!((size(&answer), ids(&answer, "visit_tasks", "deleted")), (1, vec![NURSES_MEALS.to_string()]));
    // It comes again until the cursor moves on, which says that it has arrived.
    coordinator.patch(&format!("/v1/visits/{NURSES_VISIT}"), &json!({"notes": "Since then"})).await.expect(200);
    assert_eq!(size(&phone.pull(Some(0)).await), 2);
    assert_eq!(size(&phone.pull(Some(0)).await), 0);
}

#[tokio::test]
async fn a_tombstone_is_due_to_a_cursor_of_its_own_number_and_to_none_after_it() {
    let app = TestApp::new().await;
    let (coordinator, nurse) = (app.coordinator().await, app.nurse().await);
    coordinator.delete(&format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_MEALS}")).await.expect(204);
    let deletion = format!("select number from sync_log where record_id = '{NURSES_MEALS}' and operation = 'delete'");
    let number = app.database.count(&deletion).await;
    let session = format!("select session_id::text from devices where id = '{}'", nurse.device_id);
    let session: String = app.database.superuser().await.query_typed(&session, &[]).await.unwrap()[0].get(0);
    let act =
        format!("begin; select app.act_as('{}', '{}', '{session}', 'nurse', null, null)", NURSE.id, nurse.device_id);
    let application = app.database.connect_as("berthcare_app").await;
    for (after, upto, due) in [(number - 2, number - 1, 0), (number - 1, number, 1), (number, number + 1, 0)] {
        application.batch_execute(&act).await.unwrap();
        let between = format!("select count(*) from app.tombstones_between({after}, {upto})");
        let found: i64 = application.query_typed(&between, &[]).await.unwrap()[0].get(0);
        assert_eq!(found, due, "{after} to {upto}");
        application.batch_execute("rollback").await.unwrap();
    }
}

#[tokio::test]
async fn what_a_second_device_sends_with_the_same_body_is_taken_once_and_is_no_conflict() {
    let app = TestApp::new().await;
    let (mut first, mut second) = (Phone::of(app.nurse().await), Phone::of(app.nurse().await));
    let rows = first.pull(Some(0)).await;
    second.pull(Some(0)).await;
    let tea = json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "visit_id": NURSES_VISIT,
        "task_type": "companionship", "title": "Tea", "completed": false, "completed_at": null, "outcome": null,
        "data": null, "created_at": 1_795_000_000_000_i64, "updated_at": 1_795_000_000_000_i64});
    let notes = edited(row(&rows, "visits", NURSES_VISIT), &[("notes", json!("Slept well"))]);
    let mut changes = updated("visits", &[notes]);
    changes["visit_tasks"] = json!({"created": [tea], "updated": [], "deleted": []});
    let created = "select count(*) from audit_log where action = 'visit_task.create'";
    let before = app.database.count(created).await;
    for phone in [&first, &second] {
        let told = phone.push(changes.clone()).await.expect(200);
        assert_eq!((&told["conflicts"], &told["rejected"]), (&json!(0), &json!([])), "{told}");
    }
    assert_eq!(app.database.count("select count(*) from visit_tasks where title = 'Tea'").await, 1);
    assert_eq!(app.database.count("select count(*) from sync_conflicts").await, 0);
    assert_eq!(app.database.count(created).await, before + 1);
}
