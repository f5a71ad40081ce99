//! What a pull brings, and when it brings it.

use serde_json::json;
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{AIDES_VISIT, ALMA, BERNARD, NURSE, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS, OTHER_NURSES_VISIT},
    phone::{Phone, edited, ids, row, updated},
};

#[tokio::test]
async fn a_first_sync_brings_what_the_nurse_may_see_and_nothing_else() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let answer = phone.pull(None).await;
    assert_eq!(ids(&answer, "clients", "created"), [ALMA.to_string()]);
    assert_eq!(ids(&answer, "visits", "created"), [NURSES_VISIT.to_string(), AIDES_VISIT.to_string()]);
    assert_eq!(ids(&answer, "visit_tasks", "created").len(), 4);
    for table in ["clients", "visits", "visit_tasks", "photos", "alerts"] {
        assert_eq!(ids(&answer, table, "updated"), [""; 0]);
        assert_eq!(ids(&answer, table, "deleted"), [""; 0]);
    }
    let client = row(&answer, "clients", ALMA);
    assert_eq!(client["date_of_birth"], "1940-02-29");
    assert_eq!(client["risks"], "[\"dog\"]");
    assert!(client["address"].is_string() && client["created_at"].is_i64());
    let visit = row(&answer, "visits", NURSES_VISIT);
    assert!(visit["scheduled_start"].is_i64() && visit["notes"].is_null());
    assert_eq!(row(&answer, "visit_tasks", NURSES_VITALS)["completed"], false);

    let again = phone.pull(Some(0)).await;
    for table in ["clients", "visits", "visit_tasks", "photos", "alerts"] {
        for list in ["created", "updated", "deleted"] {
            assert_eq!(ids(&again, table, list), [""; 0], "{again}");
        }
    }
    let mut aide = Phone::of(app.aide().await);
    let seen = row(&aide.pull(None).await, "clients", ALMA);
    assert_eq!((&seen["care_plan"], &seen["date_of_birth"]), (&json!(null), &json!(null)));
    app.family().await.get("/v1/sync").await.expect(403);
}

#[tokio::test]
async fn access_comes_whole_and_goes_only_after_the_work_has_come() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(None).await;
    let team = format!("/v1/clients/{BERNARD}/care-team");
    let member = json!({"user_id": NURSE.id, "relation": "nurse", "starts_on": "2026-01-01"});
    coordinator.post(&team, &member).await.expect(201);
    let answer = phone.pull(Some(0)).await;
    assert_eq!(ids(&answer, "clients", "updated"), [BERNARD.to_string()]);
    assert_eq!(ids(&answer, "visits", "updated"), [OTHER_NURSES_VISIT.to_string()]);
    assert_eq!(ids(&answer, "visit_tasks", "updated").len(), 1);

    // Alma is taken away while the nurse has unsent work on her.
    let alma = format!("/v1/clients/{ALMA}/care-team");
    let grants = coordinator.get(&alma).await.expect(200);
    coordinator.post(&format!("/v1/visits/{NURSES_VISIT}/cancel"), &json!({"reason": "Other nurse"})).await.expect(200);
    for grant in grants["items"].as_array().unwrap().iter().filter(|m| m["user_id"] == NURSE.id.to_string()) {
        let status = coordinator.delete(&format!("{alma}/{}", grant["id"].as_str().unwrap())).await.status;
        assert!([200, 404].contains(&status));
    }
    phone.client.get(&format!("/v1/clients/{ALMA}")).await.expect(404);
    for _ in 0..2 {
        let answer = phone.pull(Some(1)).await;
        assert_eq!(ids(&answer, "clients", "deleted"), [""; 0], "work is still on the phone: {answer}");
    }
    let visit = edited(row(&first, "visits", NURSES_VISIT), &[("notes", json!("Last words"))]);
    let told = phone.push(updated("visits", &[visit])).await.expect(200);
    assert_eq!((&told["applied"], &told["rejected"]), (&json!(1), &json!([])), "{told}");
    let seen = coordinator.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    assert_eq!(seen["notes"], "Last words");

    let before = phone.cursor;
    let answer = phone.pull(Some(0)).await;
    assert_eq!(ids(&answer, "clients", "deleted"), [ALMA.to_string()]);
    assert_eq!(ids(&answer, "visits", "deleted"), [NURSES_VISIT.to_string(), AIDES_VISIT.to_string()]);
    assert_eq!(ids(&answer, "visit_tasks", "deleted").len(), 4);
    // That answer was lost: the phone asks again with the same cursor, and gets them again.
    phone.cursor = before;
    let answer = phone.pull(Some(0)).await;
    assert_eq!(ids(&answer, "clients", "deleted"), [ALMA.to_string()]);

    // Told, and it said that it heard, the phone has no more say.
    phone.pull(Some(0)).await;
    let late = edited(row(&first, "visits", NURSES_VISIT), &[("notes", json!("Too late"))]);
    let told = phone.push(updated("visits", &[late])).await.expect(200);
    let reason = told["rejected"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("your access to this client ended"), "{told}");
}

#[tokio::test]
async fn a_deletion_waits_for_unsent_notes() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let first = phone.pull(None).await;
    let task = format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_MEALS}");
    assert_eq!(coordinator.delete(&task).await.status, 204);
    let answer = phone.pull(Some(1)).await;
    assert_eq!(ids(&answer, "visit_tasks", "deleted"), [""; 0]);
    let note = edited(row(&first, "visit_tasks", NURSES_MEALS), &[("outcome", json!("Ate half"))]);
    let told = phone.push(updated("visit_tasks", &[note])).await.expect(200);
    assert_eq!((&told["conflicts"], &told["rejected"]), (&json!(1), &json!([])), "{told}");
    let kept = "select count(*) from sync_conflicts where device_value = '\"Ate half\"' and status = 'needs_review'";
    assert_eq!(app.database.count(kept).await, 1);
    let answer = phone.pull(Some(0)).await;
    assert_eq!(ids(&answer, "visit_tasks", "deleted"), [NURSES_MEALS.to_string()]);
    // Deleting what is deleted, or was never there, is fine.
    let told = phone
        .push(json!({"visit_tasks": {"created": [], "updated": [], "deleted": [NURSES_MEALS, Uuid::now_v7()]}}))
        .await
        .expect(200);
    assert_eq!(told["rejected"], json!([]));
}

#[tokio::test]
async fn a_cursor_of_another_epoch_starts_again_after_a_push() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(None).await;
    let before = phone.cursor;
    app.database.superuser().await.batch_execute("update agency_counters set epoch = epoch + 1").await.unwrap();
    let answer = phone.pull(Some(1)).await;
    assert_eq!(phone.cursor, before, "the cursor stays until the phone has pushed");
    assert_eq!(ids(&answer, "visits", "updated"), [""; 0]);
    assert!(answer.get("experimentalStrategy").is_none());
    assert_eq!(answer["has_more"], true, "the rest need not wait for the next synchronisation");
    let note = edited(row(&first, "visit_tasks", NURSES_MEALS), &[("outcome", json!("Written before the restore"))]);
    let told = phone.push(updated("visit_tasks", &[note])).await.expect(200);
    assert_eq!(told["applied"], 1, "{told}");
    let answer = phone.pull(Some(0)).await;
    assert_eq!(answer["experimentalStrategy"], "replacement");
    assert_eq!(ids(&answer, "visits", "updated").len(), 2);
    assert_eq!(row(&answer, "visit_tasks", NURSES_MEALS)["outcome"], "Written before the restore");
    let after = phone.pull(Some(0)).await;
    assert!(after.get("experimentalStrategy").is_none());
}

#[tokio::test]
async fn what_commits_while_a_pull_runs_is_in_that_pull_or_the_next() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(None).await;
    // A transaction that took its numbers, and stays open.
    let mut writer = app.database.superuser().await;
    let open = writer.transaction().await.unwrap();
    open.batch_execute(&format!(
        "select app.act_as_job('{}'); select app.reserve_change_numbers(5);
         update visits set notes = 'slow' where id = '{NURSES_VISIT}'",
        NURSE.agency
    ))
    .await
    .unwrap();
    let answer = phone.pull(Some(0)).await;
    assert_eq!(ids(&answer, "visits", "updated"), [""; 0]);
    open.commit().await.unwrap();
    let answer = phone.pull(Some(0)).await;
    assert_eq!(ids(&answer, "visits", "updated"), [NURSES_VISIT.to_string()]);
}

#[tokio::test]
async fn an_app_that_was_updated_gets_what_it_lacked() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    coordinator.patch(&format!("/v1/visits/{NURSES_VISIT}"), &json!({"family_note": "Hello"})).await.expect(200);
    let nurse = app.nurse().await;
    let old = nurse.get("/v1/sync?last_pulled_at=0&schema_version=1").await.expect(200);
    assert!(old["changes"].get("alerts").is_none());
    assert!(row(&old, "visits", NURSES_VISIT).get("family_note").is_none());
    let migration = "%7B%22from%22%3A1%2C%22tables%22%3A%5B%22alerts%22%5D%2C%22columns%22%3A%5B%7B%22table%22%3A%22\
        visits%22%2C%22columns%22%3A%5B%22family_note%22%5D%7D%5D%7D";
    let path = format!("/v1/sync?last_pulled_at={}&schema_version=2&migration={migration}", old["timestamp"]);
    let new = nurse.get(&path).await.expect(200);
    assert_eq!(ids(&new, "visits", "updated"), [NURSES_VISIT.to_string()]);
    assert_eq!(row(&new, "visits", NURSES_VISIT)["family_note"], "Hello");
    assert!(new["changes"]["alerts"].is_object());
    let future = nurse.get("/v1/sync?last_pulled_at=0&schema_version=99").await.expect(200);
    assert_eq!(future["upgrade_required"], true);
    assert_eq!(nurse.get("/v1/sync?migration=x").await.faults(), ["migration"]);
}

#[tokio::test]
async fn writers_that_race_with_pulls_are_never_missed() {
    const WRITERS: usize = 4;
    const EACH: usize = 8;
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(None).await;
    let coordinator = app.coordinator().await;
    let writers = futures_util::future::join_all((0..WRITERS).map(async |_| {
        let writer = coordinator.through(app.another_environment());
        let mut written = Vec::new();
        for _ in 0..EACH {
            let task = json!({"id": Uuid::now_v7(), "task_type": "meals", "title": "Soup"});
            writer.post(&format!("/v1/visits/{NURSES_VISIT}/tasks"), &task).await.expect(201);
            written.push(task["id"].as_str().unwrap().to_owned());
        }
        written
    }));
    let done = std::cell::Cell::new(false);
    let reading = async {
        let mut seen = Vec::new();
        loop {
            let last = done.get();
            seen.extend(ids(&phone.pull(Some(0)).await, "visit_tasks", "updated"));
            if last {
                return seen;
            }
        }
    };
    let writing = async {
        let written = writers.await.concat();
        done.set(true);
        written
    };
    let (mut written, mut seen) = tokio::join!(writing, reading);
    written.sort();
    seen.sort();
    assert_eq!(seen, written, "each once, none missed");
}

#[tokio::test]
async fn what_is_new_to_an_updated_app_comes_in_pages_where_it_is_more_than_an_answer() {
    const VISITS: usize = 2_500;
    let app = TestApp::new().await;
    // Some 2 KB a note, and 5 MB an answer to a phone that takes no compression.
    app.add_visits(VISITS, ("family_note", "repeat('A good day. ', 166)")).await;
    let nurse = app.nurse().await;
    let old = nurse.get("/v1/sync?last_pulled_at=0&schema_version=1").await.expect(200);
    assert_eq!(ids(&old, "visits", "created").len(), VISITS + 2);
    let migration = "%7B%22from%22%3A1%2C%22tables%22%3A%5B%22alerts%22%5D%2C%22columns%22%3A%5B%7B%22table%22%3A%22\
        visits%22%2C%22columns%22%3A%5B%22family_note%22%5D%7D%5D%7D";
    let first =
        format!("/v1/sync?last_pulled_at={}&schema_version=2&pending=0&migration={migration}", old["timestamp"]);
    let mut answer = nurse.get(&first).await;
    let mut seen = Vec::new();
    let mut pages = 1;
    loop {
        assert!(answer.on_the_wire < 6_291_556, "{} bytes", answer.on_the_wire);
        let page = answer.expect(200);
        for visit in page["changes"]["visits"]["updated"].as_array().unwrap() {
            assert_eq!(visit["family_note"].as_str().map(str::len), Some(1_992));
        }
        seen.extend(ids(&page, "visits", "updated"));
        if page.get("has_more").is_none() {
            break;
        }
        pages += 1;
        assert!(pages < 20, "what is new has no last page");
        // `WatermelonDB` asks for a migration once.
        let next = format!("/v1/sync?last_pulled_at={}&schema_version=2&pending=0&migration=null", page["timestamp"]);
        answer = nurse.get(&next).await;
    }
    assert!(pages > 1);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), VISITS);
    // Touched is not changed: nobody's edit of the same column is a conflict for it.
    let changed = "select count(*) from sync_log where operation = 'update' and cardinality(changed_columns) > 0";
    assert_eq!(app.database.count(changed).await, 0);
}
