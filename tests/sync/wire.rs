//! Synchronisation as the wire has it. The real client's tests are in `tests/watermelon`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{AIDES_VISIT, AIDES_VITALS, ALMA, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS, OTHER_NURSES_VISIT},
    phone::{Phone, edited, ids, row, updated},
};

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
        "task_type": "companionship", "title": "Tea", "completed": true, "completed_at": start, "outcome": null,
            "data": null,
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
        "visit_tasks": {"created": [{"id": "no-uuid", "title": "nul\u{0}"}, {"title": "no id"}, 7],
            "updated": [bad_vitals, good], "deleted": ["x"]},
        "clients": {"created": [], "updated": [edited(row(&first, "clients", ALMA), &[("first_name", json!("Alba"))])],
            "deleted": []},
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
    assert!(task["items"].as_array().unwrap().iter().any(|task| task["outcome"] == "Ate well"));

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
    let task =
        tasks["items"].as_array().unwrap().iter().find(|t| t["id"] == NURSES_VITALS.to_string()).unwrap().clone();
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
async fn an_offline_check_in_overrides_a_cancellation() {
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
async fn device_clock_skew_is_recorded_and_never_orders_edits() {
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
async fn a_record_that_only_the_database_refuses_never_blocks_the_rest() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(None).await;
    // Rules that the judge doesn't know: a constraint, and an exception of a trigger.
    app.database
        .superuser()
        .await
        .batch_execute(
            "alter table visit_tasks add constraint no_thirteenth check (title <> 'Thirteen') not valid;
             create function not_today() returns trigger language plpgsql as $$ begin raise exception 'not today';
               end $$;
             create trigger not_today before update
               on visits for each row when (new.notes = 'Bad') execute function not_today();",
        )
        .await
        .unwrap();
    let visit = |id, notes: &str| edited(row(&first, "visits", id), &[("notes", json!(notes))]);
    let task = |title: &str| {
        json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "visit_id": NURSES_VISIT,
            "task_type": "meals",
            "title": title, "completed": false, "completed_at": null, "outcome": null, "data": null})
    };
    let tasks = ["One", "Two", "Thirteen", "Four", "Thirteen", "Six", "Seven"].map(task);
    let changes = json!({"visits": {"created": [], "updated": [visit(NURSES_VISIT, "Bad")], "deleted": []},
        "visit_tasks": {"created": tasks, "updated": [edited(row(&first, "visit_tasks", NURSES_MEALS),
            &[("outcome", json!("Ate"))])],
            "deleted": []}});
    let told = phone.push(changes.clone()).await.expect(200);
    assert_eq!(told["applied"], 6, "{told}");
    let refused: Vec<_> = told["rejected"].as_array().unwrap().iter().map(|r| (&r["id"], &r["reason"])).collect();
    let reason = "the database refused it: no_thirteenth";
    assert!(
        refused.contains(&(&tasks[2]["id"], &json!(reason))) && refused.contains(&(&tasks[4]["id"], &json!(reason)))
    );
    assert!(refused.contains(&(&json!(NURSES_VISIT), &json!("the database refused it: P0001"))), "{told}");
    assert_eq!(refused.len(), 3, "{told}");
    let kept = "select count(*) from sync_quarantine where body ->> 'title' = 'Thirteen' or body ->> 'notes' = 'Bad'";
    assert_eq!(app.database.count(kept).await, 3);
    let stored = phone.client.get(&format!("/v1/visits/{NURSES_VISIT}/tasks")).await.expect(200);
    assert_eq!(stored["items"].as_array().unwrap().len(), 7);
    // Sent again, as the phone does: nothing new.
    let told = phone.push(changes).await.expect(200);
    assert_eq!((&told["applied"], &told["unchanged"]), (&json!(0), &json!(6)), "{told}");
    assert_eq!(app.database.count(kept).await, 3);
}
