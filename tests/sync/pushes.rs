//! What a push may not do: by lingering, overtaking or missing, by its shape, or by way of a conflict.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{AIDES_VISIT, AIDES_VITALS, ALMA, NURSE, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS, OTHER_NURSES_VISIT},
    phone::{Phone, edited, ids, row, updated},
};

const NOT_YOURS: &str = "you may not change this";

fn reasons(told: &Value) -> Vec<&str> {
    told["rejected"].as_array().unwrap().iter().map(|rejected| rejected["reason"].as_str().unwrap()).collect()
}

fn at(mut row: Value, stamp: i64) -> Value {
    row["updated_at"] = json!(stamp);
    row
}

fn new_visit(start: i64) -> Value {
    json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "client_id": ALMA, "user_id": NURSE.id,
        "scheduled_start": start, "scheduled_end": start + 3_600_000, "status": "scheduled"})
}

/// Takes the nurse off Alma's team, with all that her visits grant.
async fn take_alma_from_the_nurse(app: &TestApp) {
    let take = format!(
        "update care_team set deleted_at = now() where client_id = '{ALMA}' and user_id = '{}' and deleted_at is null",
        NURSE.id
    );
    app.database.write(NURSE.agency, &take).await;
}

#[tokio::test]
async fn whoever_was_taken_off_a_team_stays_off_it() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(Some(0)).await;
    let visit = row(&first, "visits", NURSES_VISIT);
    let start = visit["scheduled_start"].clone();
    take_alma_from_the_nurse(&app).await;
    phone.pull(Some(1)).await;

    // What she did before counts, and gives nothing back to her.
    let done = edited(
        visit,
        &[
            ("actual_start", start.clone()),
            ("actual_end", json!(start.as_i64().unwrap() + 1_800_000)),
            ("status", json!("completed")),
        ],
    );
    let planned = new_visit(1_900_000_000_000);
    let changes = json!({"visits": {"created": [planned], "updated": [done], "deleted": []}});
    let told = phone.push(changes).await.expect(200);
    assert_eq!(told["applied"], 1, "{told}");
    assert_eq!(reasons(&told), ["you are not on this client's care team any more, so that no visits can be added"]);
    let grants = format!(
        "select count(*) from care_team where client_id = '{ALMA}' and user_id = '{}' and deleted_at is null",
        NURSE.id
    );
    assert_eq!(app.database.count(&grants).await, 0);
    phone.client.get(&format!("/v1/clients/{ALMA}")).await.expect(404);
}

#[tokio::test]
async fn a_visit_that_is_cancelled_shortens_what_it_granted_and_begins_nothing() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(Some(0)).await;
    let day = 86_400_000;
    let start = row(&first, "visits", NURSES_VISIT)["scheduled_start"].as_i64().unwrap();
    let scheduled = |what: &str| {
        format!(
            "select {what} from care_team where client_id = '{ALMA}' and user_id = '{}' and source = 'scheduled'
               and deleted_at is null",
            NURSE.id
        )
    };
    let last_day = scheduled("coalesce(max(ends_on - current_date), 0)::bigint");
    let time = |ms: i64| Timestamp::from_millisecond(ms).unwrap();
    let later = json!({"client_id": ALMA, "user_id": NURSE.id, "scheduled_start": time(start + 30 * day),
        "scheduled_end": time(start + 30 * day + 3_600_000)});
    let later = app.coordinator().await.post("/v1/visits", &later).await.expect(201);
    assert!(app.database.count(&last_day).await > 40);
    let later = row(&phone.pull(Some(0)).await, "visits", later["id"].as_str().unwrap().parse().unwrap());

    let off =
        |visit: &Value| edited(visit.clone(), &[("status", json!("cancelled")), ("cancel_reason", json!("Away"))]);
    assert_eq!(phone.push(updated("visits", &[off(&later)])).await.expect(200)["applied"], 1);
    assert!(app.database.count(&last_day).await < 17);

    // A coordinator took the grant away; she is on the team by another. Calling off brings nothing back.
    let take = scheduled("").replace("select  from care_team where", "update care_team set deleted_at = now() where");
    app.database.write(NURSE.agency, &take).await;
    let another = new_visit(start + 2 * day);
    let changes = json!({"visits": {"created": [another], "updated": [], "deleted": []}});
    phone.push(changes).await.expect(200);
    app.database.write(NURSE.agency, &take).await;
    assert_eq!(phone.push(updated("visits", &[off(&another)])).await.expect(200)["applied"], 1);
    assert_eq!(app.database.count(&scheduled("count(*)")).await, 0);
}

#[tokio::test]
async fn of_two_pushes_on_one_cursor_the_newer_edit_counts_whichever_comes_first() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(Some(0)).await;
    let visit = |notes: &str, stamp: i64| {
        updated("visits", &[at(edited(row(&first, "visits", NURSES_VISIT), &[("notes", json!(notes))]), stamp)])
    };
    // The first push is slow: the pull of the next synchronisation was answered before it came.
    phone.push(visit("first thought", 1_000)).await.expect(200);
    let told = phone.push(visit("second thought", 2_000)).await.expect(200);
    assert_eq!((&told["applied"], &told["conflicts"]), (&json!(1), &json!(0)), "{told}");
    let path = format!("/v1/visits/{NURSES_VISIT}");
    assert_eq!(phone.client.get(&path).await.expect(200)["notes"], "second thought");

    // One that was overtaken changes nothing, and is kept.
    let told = phone.push(visit("a thought between", 1_500)).await.expect(200);
    assert_eq!((&told["applied"], &told["conflicts"]), (&json!(0), &json!(1)), "{told}");
    assert_eq!(phone.client.get(&path).await.expect(200)["notes"], "second thought");
    let kept = "select count(*) from sync_conflicts where device_value = '\"a thought between\"'
        and status = 'auto_resolved' and stored_side = 'server'";
    assert_eq!(app.database.count(kept).await, 1);
}

#[tokio::test]
async fn an_unpaired_surrogate_rejects_one_record_and_not_the_push() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(None).await;
    let good = edited(row(&first, "visit_tasks", NURSES_MEALS), &[("outcome", json!("Ate well"))]).to_string();
    let cut =
        format!(r#"{{"id": "{NURSES_VISIT}", "_status": "updated", "_changed": "notes", "notes": "Ate \ud83d"}}"#);
    let large = format!(r#"{{"id": "{AIDES_VISIT}", "_status": "updated", "_changed": "notes", "notes": 1e400}}"#);
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let body = format!(
        r#"{{"changes": {{"visits": {{"created": [], "updated": [{cut}, {large}, {deep}], "deleted": ["\ud83d"]}},
            "visit_tasks": {{"created": [], "updated": [{good}], "deleted": []}}}}}}"#
    );
    let path = format!("/v1/sync?last_pulled_at={}", phone.cursor.unwrap());
    let push = async || {
        let headers = [("content-type", "application/json")];
        phone.client.send_bytes("POST", &path, Some(body.clone().into_bytes()), &headers).await.expect(200)
    };
    let told = push().await;
    assert_eq!((&told["applied"], reasons(&told).len()), (&json!(1), 4), "{told}");
    let rejected = told["experimentalRejectedIds"]["visits"].as_array().unwrap();
    assert_eq!(rejected[..2], [json!(NURSES_VISIT), json!(AIDES_VISIT)]);
    assert!(reasons(&told).iter().all(|reason| reason.contains("half an emoji")), "{told}");
    // Verbatim, as text: JSON of PostgreSQL holds no half characters. And once, however often it comes.
    push().await;
    let rows = app
        .database
        .superuser()
        .await
        .query_typed("select body #>> '{}' from sync_quarantine order by record_id, created_at", &[])
        .await
        .unwrap();
    let kept: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(kept.len(), 4, "{kept:?}");
    assert!([cut, large, deep].iter().all(|record| kept.contains(record)), "{kept:?}");
}

#[tokio::test]
async fn a_malformed_push_is_refused_with_every_fault() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let changes = json!({"visits": [], "visit_tasks": {"created": {}, "updated": null, "deleted": []}, "a/b": 7});
    let told = nurse.post("/v1/sync", &json!({"changes": changes})).await;
    assert_eq!(
        told.faults(),
        ["#/changes/a~1b", "#/changes/visit_tasks/created", "#/changes/visit_tasks/updated", "#/changes/visits"]
    );
    assert_eq!(nurse.post("/v1/sync", &json!({})).await.faults(), ["#/changes"]);
    assert_eq!(nurse.post("/v1/sync", &json!([])).await.faults(), ["#"]);
    let broken = nurse.send_bytes(
        "POST",
        "/v1/sync",
        Some(b"{\"changes\": {".to_vec()),
        &[("content-type", "application/json")],
    );
    assert_eq!(broken.await.problem(400), "malformed");
}

#[tokio::test]
async fn a_push_has_a_record_limit_and_keeps_malformed_records_once() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let deleted =
        |deleted: Vec<Value>| json!({"changes": {"visits": {"created": [], "updated": [], "deleted": deleted}}});
    assert_eq!(nurse.post("/v1/sync", &deleted(vec![json!(7); 20_001])).await.faults(), ["#/changes"]);
    let told = nurse.post("/v1/sync", &deleted(vec![json!(7); 20_000])).await.expect(200);
    assert_eq!(reasons(&told), ["its id is not a UUID in lower case, with hyphens"]);
    assert_eq!(app.database.count("select count(*) from sync_quarantine").await, 1);
    let ids = (0..20_000).map(|_| json!(Uuid::now_v7())).collect();
    let told = nurse.post("/v1/sync", &deleted(ids)).await.expect(200);
    assert_eq!((&told["unchanged"], &told["rejected"]), (&json!(20_000), &json!([])));
}

#[tokio::test]
async fn duplicate_and_noncanonical_ids_in_a_push_are_rejected() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(None).await;
    let note = |text: &str| edited(row(&first, "visit_tasks", NURSES_MEALS), &[("outcome", json!(text))]);
    let task = |title: &str, id: &str| {
        json!({"id": id, "_status": "created", "_changed": "", "visit_id": NURSES_VISIT, "task_type": "meals",
            "title": title, "completed": false})
    };
    let id = Uuid::now_v7().to_string();
    let loud = Uuid::now_v7().to_string().to_uppercase();
    let changes = json!({"visit_tasks": {"created": [task("One", &id), task("Two", &id), task("Loud", &loud)],
        "updated": [note("first"), note("second")], "deleted": []}});
    let told = phone.push(changes).await.expect(200);
    assert_eq!(told["applied"], 2, "{told}");
    assert_eq!(told["experimentalRejectedIds"]["visit_tasks"], json!([id, loud, NURSES_MEALS]), "{told}");
    let twice = "this push contains its id twice";
    assert_eq!(reasons(&told), [twice, "its id is not a UUID in lower case, with hyphens", twice]);
    let tasks = phone.client.get(&format!("/v1/visits/{NURSES_VISIT}/tasks")).await.expect(200);
    let tasks = tasks["items"].as_array().unwrap();
    assert!(tasks.iter().any(|task| task["title"] == "One") && tasks.iter().any(|task| task["outcome"] == "first"));
    assert_eq!(tasks.len(), 3);
}

#[tokio::test]
async fn conflicting_edits_obey_permissions_and_ranges() {
    let app = TestApp::new().await;
    let (mut nurse, mut aide) = (Phone::of(app.nurse().await), Phone::of(app.aide().await));
    let of_nurse = nurse.pull(Some(0)).await;
    let of_aide = aide.pull(Some(0)).await;
    let vitals = |rate: u32| json!({"heart_rate": {"value": rate, "unit": "bpm"}});
    let coordinator = app.coordinator().await;
    for (visit, task) in [(NURSES_VISIT, NURSES_VITALS), (AIDES_VISIT, AIDES_VITALS)] {
        coordinator.patch(&format!("/v1/visits/{visit}/tasks/{task}"), &json!({"data": vitals(70)})).await.expect(200);
    }
    let checked_in = json!({"latitude": 43.65, "longitude": -79.38, "accuracy_m": 5.0, "at": "2026-11-01T10:00:00Z"});
    app.aide().await.post(&format!("/v1/visits/{AIDES_VISIT}/check-in"), &checked_in).await.expect(200);
    nurse.pull(Some(1)).await;
    aide.pull(Some(1)).await;

    let data = |answer: &Value, task, rate| {
        edited(row(answer, "visit_tasks", task), &[("data", json!(vitals(rate).to_string()))])
    };
    let told = aide.push(updated("visit_tasks", &[data(&of_aide, AIDES_VITALS, 90)])).await.expect(200);
    assert_eq!((reasons(&told), &told["conflicts"]), (vec!["tasks of the type vitals are for nurses"], &json!(0)));
    let told = nurse.push(updated("visit_tasks", &[data(&of_nurse, NURSES_VITALS, 900)])).await.expect(200);
    assert!(reasons(&told)[0].contains("must be between 20 and 300 bpm"), "{told}");
    let came = edited(row(&of_nurse, "visits", AIDES_VISIT), &[("actual_start", json!(1_790_000_000_000_i64))]);
    let told = nurse.push(updated("visits", &[came])).await.expect(200);
    assert_eq!(reasons(&told), [NOT_YOURS]);
    assert_eq!(app.database.count("select count(*) from sync_conflicts").await, 0);

    // Nor is a deletion.
    coordinator.delete(&format!("/v1/visits/{AIDES_VISIT}/tasks/{AIDES_VITALS}")).await;
    let told = aide.push(updated("visit_tasks", &[data(&of_aide, AIDES_VITALS, 91)])).await.expect(200);
    assert_eq!((reasons(&told), &told["conflicts"]), (vec!["tasks of the type vitals are for nurses"], &json!(0)));
}

#[tokio::test]
async fn concurrent_check_ins_are_never_mixed() {
    let app = TestApp::new().await;
    let (mut phone, mut tablet) = (Phone::of(app.nurse().await), Phone::of(app.nurse().await));
    let first = phone.pull(Some(0)).await;
    tablet.pull(Some(0)).await;
    let start = row(&first, "visits", NURSES_VISIT)["scheduled_start"].as_i64().unwrap();
    // A tablet that knows no place.
    let came = edited(row(&first, "visits", NURSES_VISIT), &[("actual_start", json!(start))]);
    assert_eq!(tablet.push(updated("visits", &[came])).await.expect(200)["applied"], 1);
    phone.pull(Some(1)).await;
    let place = [
        ("actual_start", json!(start + 60_000)),
        ("check_in_latitude", json!(45.5)),
        ("check_in_longitude", json!(-73.6)),
        ("check_in_accuracy_m", json!(9.0)),
        ("notes", json!("Rang twice")),
    ];
    let told = phone.push(updated("visits", &[edited(row(&first, "visits", NURSES_VISIT), &place)])).await.expect(200);
    assert_eq!((&told["conflicts"], &told["rejected"]), (&json!(4), &json!([])), "{told}");
    let seen = phone.pull(Some(0)).await;
    let seen = row(&seen, "visits", NURSES_VISIT);
    assert_eq!((&seen["actual_start"], &seen["check_in_latitude"]), (&json!(start), &json!(null)));
    assert_eq!(seen["notes"], "Rang twice");
    let waiting = "select count(*) from sync_conflicts where status = 'needs_review' and stored_side = 'server'";
    assert_eq!(app.database.count(waiting).await, 4);
}

#[tokio::test]
async fn a_record_not_written_is_not_acknowledged() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(None).await;
    // Stored, on a visit that is gone: still named by its id, and out of sight.
    let photo = Uuid::now_v7();
    app.database
        .write(
            NURSE.agency,
            &format!(
                "insert into photos (id, agency_id, visit_id, kind, shared_with_family, object_key, content_type, bytes,
                   sha256, status, created_by)
                 values ('{photo}', app.agency_id(), '{NURSES_VISIT}', 'photo', false, 'visits/x.jpg', 'image/jpeg', 1,
                   sha256('x'), 'stored', '{nurse}');
                 update visits set deleted_at = now() where id = '{NURSES_VISIT}'",
                nurse = NURSE.id
            ),
        )
        .await;
    app.database
        .superuser()
        .await
        .batch_execute(&format!(
            "set session_replication_role = replica; update photos set created_by = '{}' where id = '{photo}'",
            NURSE.id
        ))
        .await
        .unwrap();
    let caption = json!({"id": photo, "_status": "updated", "_changed": "caption", "caption": "Heel", "updated_at": 1});
    let note = edited(row(&first, "visits", AIDES_VISIT), &[("notes", json!("x"))]);
    let told = phone.push(json!({"photos": {"created": [], "updated": [caption], "deleted": []},
        "visits": {"created": [new_visit(1_800_000_000_000)], "updated": [note], "deleted": []}}));
    let told = told.await.expect(200);
    assert_eq!((&told["applied"], reasons(&told)), (&json!(1), vec![NOT_YOURS, NOT_YOURS]), "{told}");
    let received = phone.client.get("/v1/sync/status").await.expect(200);
    assert_eq!(received["refused"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_coordinators_phone_creates_no_visits() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.coordinator().await);
    let first = phone.pull(None).await;
    let later = row(&first, "visits", NURSES_VISIT)["scheduled_end"].as_i64().unwrap() + 60_000;
    let visit = |id, columns: &[(&str, Value)]| edited(row(&first, "visits", id), columns);
    let told = phone
        .push(json!({"visits": {"created": [], "deleted": [NURSES_VISIT], "updated": [
            visit(AIDES_VISIT, &[("scheduled_end", json!(later))]),
            visit(OTHER_NURSES_VISIT, &[("notes", json!("Ring twice"))])]}}))
        .await
        .expect(200);
    assert_eq!(told["applied"], 1, "{told}");
    assert_eq!(reasons(&told), ["visits of others are planned on the portal", "visits are removed on the portal"]);
    let off = visit(AIDES_VISIT, &[("status", json!("cancelled")), ("cancel_reason", json!("Away"))]);
    let told = phone.push(updated("visits", &[off])).await.expect(200);
    assert_eq!(reasons(&told), ["visits of others are planned on the portal"]);
}

#[tokio::test]
async fn a_record_whose_deletion_is_refused_comes_back() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(Some(0)).await;
    let gone = json!({"visits": {"created": [], "updated": [], "deleted": [NURSES_VISIT]}});
    let told = phone.push(gone.clone()).await.expect(200);
    assert_eq!(reasons(&told), [NOT_YOURS]);
    // The phone forgets that it deleted it: `WatermelonDB` ignores rows that it wants to delete.
    assert_eq!(told["experimentalRejectedIds"], json!({}), "{told}");
    assert_eq!(ids(&phone.pull(Some(0)).await, "visits", "updated"), [NURSES_VISIT.to_string()]);
    assert_eq!(ids(&phone.pull(Some(0)).await, "visits", "updated"), [""; 0]);
}

#[tokio::test]
async fn status_lists_the_newest_200_rejections() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(None).await;
    let unknown: Vec<_> = (0..250).map(|_| json!({"id": Uuid::now_v7()})).collect();
    let told = phone.push(json!({"things": {"created": unknown, "updated": [], "deleted": []}})).await.expect(200);
    assert_eq!(told["rejected"].as_array().unwrap().len(), 250);
    let status = phone.client.get("/v1/sync/status").await.expect(200);
    assert_eq!(status["refused"].as_array().unwrap().len(), 200);
}
