//! Synchronisation as the wire has it. The real client's tests are in `tests/watermelon`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{
        AIDES_VISIT, AIDES_VITALS, ALMA, BERNARD, NURSE, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS, OTHER_NURSES_VISIT,
    },
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
async fn a_days_work_arrives_and_comes_to_others() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let mut other = Phone::of(app.aide().await);
    other.pull(None).await;
    let first = phone.pull(None).await;
    let start = row(&first, "visits", NURSES_VISIT)["scheduled_start"].clone();
    let visit = edited(
        row(&first, "visits", NURSES_VISIT),
        &[
            ("actual_start", start.clone()),
            ("check_in_latitude", json!(43.65)),
            ("check_in_longitude", json!(-79.38)),
            ("actual_end", json!(start.as_i64().unwrap() + 1_800_000)),
            ("status", json!("completed")),
            ("notes", json!("All well")),
        ],
    );
    let vitals = json!({"heart_rate": {"value": 72, "unit": "bpm"}}).to_string();
    let task =
        edited(row(&first, "visit_tasks", NURSES_VITALS), &[("completed", json!(true)), ("data", json!(vitals))]);
    let new = json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "visit_id": NURSES_VISIT,
        "task_type": "companionship", "title": "Tea", "completed": true, "completed_at": start, "outcome": null, "data": null,
        "created_at": start, "updated_at": start});
    let changes = json!({"visits": {"created": [], "updated": [visit], "deleted": []},
        "visit_tasks": {"created": [new], "updated": [task], "deleted": []}});
    let told = phone.push(changes.clone()).await.expect(200);
    assert_eq!((&told["applied"], &told["rejected"], &told["conflicts"]), (&json!(3), &json!([]), &json!(0)), "{told}");

    let seen = app.coordinator().await.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    assert_eq!((&seen["status"], &seen["notes"]), (&json!("completed"), &json!("All well")));
    assert_eq!(seen["check_in"]["distance_m"], json!(0.0));
    assert_eq!(seen["tasks"].as_array().unwrap().len(), 3);
    let answer = other.pull(Some(0)).await;
    assert_eq!(ids(&answer, "visits", "updated"), [NURSES_VISIT.to_string()]);
    assert_eq!(ids(&answer, "visit_tasks", "updated").len(), 2);

    // The answer was lost, and the phone sends it all again: nothing changes, not even a number.
    let logged = app.database.count("select count(*) from sync_log").await;
    let told = phone.push(changes).await.expect(200);
    assert_eq!((&told["applied"], &told["unchanged"]), (&json!(0), &json!(3)), "{told}");
    assert_eq!(app.database.count("select count(*) from sync_log").await, logged);

    let status = phone.client.get("/v1/sync/status").await.expect(200);
    assert_eq!(status["received"][0]["table"], "visit_tasks");
    assert_eq!(status["received"][0]["changes"], 2);
    assert_eq!(status["refused"], json!([]));
}

#[tokio::test]
async fn one_bad_record_never_blocks_the_rest() {
    let app = TestApp::new().await;
    let mut nurse = Phone::of(app.nurse().await);
    let first = nurse.pull(None).await;
    let good = edited(row(&first, "visit_tasks", NURSES_MEALS), &[("outcome", json!("Ate well"))]);
    let bad_vitals = edited(
        row(&first, "visit_tasks", NURSES_VITALS),
        &[("data", json!("{\"heart_rate\": {\"value\": 900, \"unit\": \"bpm\"}}"))],
    );
    let strangers = json!({"id": OTHER_NURSES_VISIT, "_status": "updated", "_changed": "notes", "notes": "x"});
    let colleagues = edited(row(&first, "visits", AIDES_VISIT), &[("notes", json!("x"))]);
    let changes = json!({
        "visits": {"created": [], "updated": [strangers, colleagues], "deleted": [NURSES_VISIT]},
        "visit_tasks": {"created": [{"id": "no-uuid", "title": "nul\u{0}"}, {"title": "no id"}, 7], "updated": [bad_vitals, good], "deleted": ["x"]},
        "clients": {"created": [], "updated": [edited(row(&first, "clients", ALMA), &[("first_name", json!("Alba"))])], "deleted": []},
        "spaceships": {"created": [{"id": Uuid::now_v7()}], "updated": [], "deleted": []}
    });
    let told = nurse.push(changes.clone()).await.expect(200);
    assert_eq!(told["applied"], 1, "{told}");
    let reasons: Vec<_> = told["rejected"].as_array().unwrap().iter().map(|r| r["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons.len(), 10, "{told}");
    assert!(reasons.iter().any(|reason| reason.contains("must be between 20 and 300 bpm")), "{told}");
    assert_eq!(told["experimentalRejectedIds"]["spaceships"].as_array().unwrap().len(), 1);
    let kept = app.database.count("select count(*) from sync_quarantine").await;
    assert_eq!(kept, 10);
    // Again, as the phone does: kept once.
    nurse.push(changes).await.expect(200);
    assert_eq!(app.database.count("select count(*) from sync_quarantine").await, kept);
    let task = app.coordinator().await.get(&format!("/v1/visits/{NURSES_VISIT}/tasks")).await.expect(200);
    assert!(task.as_array().unwrap().iter().any(|task| task["outcome"] == "Ate well"));

    let mut aide = Phone::of(app.aide().await);
    let first = aide.pull(None).await;
    let vitals = edited(row(&first, "visit_tasks", AIDES_VITALS), &[("completed", json!(true))]);
    let told = aide.push(updated("visit_tasks", &[vitals])).await.expect(200);
    assert_eq!(told["rejected"][0]["reason"], "tasks of the type vitals are for nurses");
}

#[tokio::test]
async fn edits_of_different_fields_both_survive_and_of_one_field_the_loser_is_kept() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(Some(0)).await;
    let path = format!("/v1/visits/{NURSES_VISIT}");
    coordinator.patch(&path, &json!({"notes": "From the office", "family_note": "Hello"})).await.expect(200);
    // The nurse, offline, wrote the notes too, and pulls with that unsent.
    phone.pull(Some(1)).await;
    let visit = edited(row(&first, "visits", NURSES_VISIT), &[("notes", json!("From the bedside"))]);
    let told = phone.push(updated("visits", &[visit])).await.expect(200);
    assert_eq!(told["conflicts"], 1, "{told}");
    let seen = coordinator.get(&path).await.expect(200);
    assert_eq!((&seen["notes"], &seen["family_note"]), (&json!("From the bedside"), &json!("Hello")));
    let conflicts = app.database.superuser().await;
    let rows = conflicts
        .query_typed("select server_value, device_value, status::text from sync_conflicts", &[])
        .await
        .unwrap();
    assert_eq!(rows[0].get::<_, Value>(0), json!("From the office"));
    assert_eq!(rows[0].get::<_, Value>(1), json!("From the bedside"));
    assert_eq!(rows[0].get::<_, String>(2), "auto_resolved");

    // Having seen what the other wrote, changing it is no conflict.
    coordinator.patch(&path, &json!({"notes": "Thanks"})).await.expect(200);
    let seen = phone.pull(Some(0)).await;
    phone.pull(Some(1)).await;
    let visit = edited(row(&seen, "visits", NURSES_VISIT), &[("notes", json!("Welcome"))]);
    assert_eq!(phone.push(updated("visits", &[visit])).await.expect(200)["conflicts"], 0);
}

#[tokio::test]
async fn clinical_values_wait_for_a_person() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(Some(0)).await;
    let vitals = |rate: u32| json!({"heart_rate": {"value": rate, "unit": "bpm"}});
    let path = format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_VITALS}");
    let tablet = app.nurse().await;
    tablet.patch(&path, &json!({"data": vitals(70)})).await.expect(200);
    phone.pull(Some(1)).await;
    let task = edited(
        row(&first, "visit_tasks", NURSES_VITALS),
        &[("data", json!(vitals(90).to_string())), ("outcome", json!("Measured twice"))],
    );
    let told = phone.push(updated("visit_tasks", &[task])).await.expect(200);
    assert_eq!((&told["conflicts"], &told["rejected"]), (&json!(1), &json!([])));
    let tasks = tablet.get(&format!("/v1/visits/{NURSES_VISIT}/tasks")).await.expect(200);
    let task = tasks.as_array().unwrap().iter().find(|t| t["id"] == NURSES_VITALS.to_string()).unwrap().clone();
    assert_eq!((&task["data"], &task["outcome"]), (&vitals(70), &json!("Measured twice")));

    let coordinator = app.coordinator().await;
    let open = coordinator.get("/v1/conflicts").await.expect(200);
    let conflict = open["items"][0].clone();
    assert_eq!((&conflict["server_value"], &conflict["device_value"]), (&vitals(70), &vitals(90)));
    let resolve = format!("/v1/conflicts/{}/resolve", conflict["id"].as_str().unwrap());
    phone.client.post(&resolve, &json!({"keep": "device"})).await.expect(403);
    let settled = coordinator.post(&resolve, &json!({"keep": "device"})).await.expect(200);
    assert_eq!((&settled["status"], &settled["kept"]), (&json!("resolved"), &json!("device")));
    assert_eq!(coordinator.post(&resolve, &json!({"keep": "device"})).await.expect(200), settled);
    assert_eq!(coordinator.post(&resolve, &json!({"keep": "server"})).await.problem(409), "already-recorded");
    let answer = phone.pull(Some(0)).await;
    assert_eq!(
        row(&answer, "visit_tasks", NURSES_VITALS)["data"].as_str().map(|d| serde_json::from_str::<Value>(d).unwrap()),
        Some(vitals(90))
    );
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
    for grant in grants.as_array().unwrap().iter().filter(|m| m["user_id"] == NURSE.id.to_string()) {
        let status = coordinator.delete(&format!("{alma}/{}", grant["id"].as_str().unwrap())).await.status;
        assert!([204, 404].contains(&status));
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
    assert_eq!(told["rejected"][0]["reason"], "this is not yours to change");
}

#[tokio::test]
async fn a_deletion_comes_one_pull_late_and_loses_no_note() {
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
    let migration = "%7B%22from%22%3A1%2C%22tables%22%3A%5B%22alerts%22%5D%2C%22columns%22%3A%5B%7B%22table%22%3A%22visits%22%2C%22columns%22%3A%5B%22family_note%22%5D%7D%5D%7D";
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
async fn a_visit_begun_in_a_basement_counts_though_it_was_called_off_meanwhile() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let first = phone.pull(Some(0)).await;
    coordinator.post(&format!("/v1/visits/{NURSES_VISIT}/cancel"), &json!({"reason": "Away"})).await.expect(200);
    let visit = row(&first, "visits", NURSES_VISIT);
    let start = visit["scheduled_start"].clone();
    let visit =
        edited(visit, &[("actual_start", start), ("status", json!("in_progress")), ("notes", json!("I was there"))]);
    let told = phone.push(updated("visits", &[visit])).await.expect(200);
    assert_eq!(told["rejected"], json!([]), "{told}");
    let seen = coordinator.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    assert_eq!((&seen["status"], &seen["notes"]), (&json!("cancelled"), &json!("I was there")));
    // The coordinator hears that it took place, and says so.
    let open = coordinator.get("/v1/conflicts").await.expect(200);
    let came = open["items"].as_array().unwrap().iter().find(|c| c["column"] == "actual_start").unwrap().clone();
    let resolve = format!("/v1/conflicts/{}/resolve", came["id"].as_str().unwrap());
    coordinator.post(&resolve, &json!({"keep": "device"})).await.expect(200);
    let seen = coordinator.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    assert_eq!((&seen["status"], &seen["cancel_reason"]), (&json!("in_progress"), &json!(null)));
}

#[tokio::test]
async fn a_device_clock_is_measured_and_orders_nothing() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(None).await;
    let note = edited(row(&first, "visit_tasks", NURSES_MEALS), &[("outcome", json!("x"))]);
    let hours_ahead = jiff::Timestamp::now().as_millisecond() + 7_200_000;
    let path = format!("/v1/sync?last_pulled_at={}", phone.cursor.unwrap());
    let body = json!({"changes": updated("visit_tasks", &[note])});
    phone.client.send("POST", &path, Some(&body), &[("x-device-time", &hours_ahead.to_string())]).await.expect(200);
    let offset = "select clock_offset_ms from devices where clock_offset_ms is not null";
    let offset = app.database.count(offset).await;
    assert!((7_100_000..=7_200_000).contains(&offset), "{offset}");
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
async fn a_record_that_only_the_database_refuses_never_blocks_the_rest() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(None).await;
    // Rules that the judge doesn't know: a constraint, and an exception of a trigger.
    app
        .database
        .superuser()
        .await
        .batch_execute(
            "alter table visit_tasks add constraint no_thirteenth check (title <> 'Thirteen') not valid;
             create function not_today() returns trigger language plpgsql as $$ begin raise exception 'not today'; end $$;
             create trigger not_today before update on visits for each row when (new.notes = 'Bad') execute function not_today();",
        )
        .await
        .unwrap();
    let visit = |id, notes: &str| edited(row(&first, "visits", id), &[("notes", json!(notes))]);
    let task = |title: &str| {
        json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "visit_id": NURSES_VISIT, "task_type": "meals",
            "title": title, "completed": false, "completed_at": null, "outcome": null, "data": null})
    };
    let tasks = ["One", "Two", "Thirteen", "Four", "Thirteen", "Six", "Seven"].map(task);
    let changes = json!({"visits": {"created": [], "updated": [visit(NURSES_VISIT, "Bad")], "deleted": []},
        "visit_tasks": {"created": tasks, "updated": [edited(row(&first, "visit_tasks", NURSES_MEALS), &[("outcome", json!("Ate"))])],
            "deleted": []}});
    let told = phone.push(changes.clone()).await.expect(200);
    assert_eq!(told["applied"], 6, "{told}");
    let refused: Vec<_> = told["rejected"].as_array().unwrap().iter().map(|r| (&r["id"], &r["reason"])).collect();
    let reason = "the database doesn't take it: no_thirteenth";
    assert!(
        refused.contains(&(&tasks[2]["id"], &json!(reason))) && refused.contains(&(&tasks[4]["id"], &json!(reason)))
    );
    assert!(refused.contains(&(&json!(NURSES_VISIT), &json!("the database doesn't take it: P0001"))), "{told}");
    assert_eq!(refused.len(), 3, "{told}");
    let kept = "select count(*) from sync_quarantine where body ->> 'title' = 'Thirteen' or body ->> 'notes' = 'Bad'";
    assert_eq!(app.database.count(kept).await, 3);
    let stored = phone.client.get(&format!("/v1/visits/{NURSES_VISIT}/tasks")).await.expect(200);
    assert_eq!(stored.as_array().unwrap().len(), 7);
    // Sent again, as the phone does: nothing new.
    let told = phone.push(changes).await.expect(200);
    assert_eq!((&told["applied"], &told["unchanged"]), (&json!(0), &json!(6)), "{told}");
    assert_eq!(app.database.count(kept).await, 3);
}

#[tokio::test]
async fn what_is_new_to_an_updated_app_comes_in_pages_where_it_is_more_than_an_answer() {
    const VISITS: usize = 2_500;
    let app = TestApp::new().await;
    // Some 2 KB a note, and 4 MB an answer to a phone that takes no compression.
    app.add_visits(VISITS, ("family_note", "repeat('A good day. ', 166)")).await;
    let nurse = app.nurse().await;
    let old = nurse.get("/v1/sync?last_pulled_at=0&schema_version=1").await.expect(200);
    assert_eq!(ids(&old, "visits", "created").len(), VISITS + 2);
    let migration = "%7B%22from%22%3A1%2C%22tables%22%3A%5B%22alerts%22%5D%2C%22columns%22%3A%5B%7B%22table%22%3A%22visits%22%2C%22columns%22%3A%5B%22family_note%22%5D%7D%5D%7D";
    let first =
        format!("/v1/sync?last_pulled_at={}&schema_version=2&pending=0&migration={migration}", old["timestamp"]);
    let mut answer = nurse.get(&first).await;
    let mut seen = Vec::new();
    let mut pages = 1;
    loop {
        assert!(answer.body.len() < 5_000_000, "{} bytes", answer.body.len());
        let page = answer.expect(200);
        for visit in page["changes"]["visits"]["updated"].as_array().unwrap() {
            assert_eq!(visit["family_note"].as_str().map(str::len), Some(1_992));
        }
        seen.extend(ids(&page, "visits", "updated"));
        if page.get("has_more").is_none() {
            break;
        }
        pages += 1;
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
