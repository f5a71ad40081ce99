//! A completed visit's chart: its caregiver's for 24 hours after the check-out, and then only added to.

use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use super::chart_history::{of_all, pulse, versions, vitals_task};
use crate::harness::{
    Client, TestApp, begin_as_job,
    fixtures::{AGENCY_A, COORDINATOR, NURSE, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS},
    phone::{Phone, edited, row, updated},
};

fn visit() -> String {
    format!("/v1/visits/{NURSES_VISIT}")
}

/// The nurse measures a pulse of 190 and leaves, so many minutes ago.
async fn completed(app: &TestApp, minutes_ago: i64) -> Client {
    let nurse = app.nurse().await;
    let now = json!({"at": Timestamp::now()});
    nurse.post(&format!("{}/check-in", visit()), &now).await.expect(200);
    nurse.patch(&vitals_task(), &json!({"completed": true, "data": pulse(190)})).await.expect(200);
    nurse.patch(&visit(), &json!({"notes": "Tired"})).await.expect(200);
    nurse.post(&format!("{}/check-out", visit()), &now).await.expect(200);
    let aged = format!(
        "update visits set check_out_received_at = now() - interval '{minutes_ago} minutes' where id = '{NURSES_VISIT}'"
    );
    app.database.write(AGENCY_A, &aged).await;
    nurse
}

const A_DAY: i64 = 24 * 60;

async fn notes(client: &Client) -> Value {
    client.get(&visit()).await.expect(200)["notes"].clone()
}

#[tokio::test]
async fn a_completed_visits_pulse_cannot_be_turned_and_its_former_value_stays_readable() {
    let app = TestApp::new().await;
    let nurse = completed(&app, A_DAY + 1).await;
    let coordinator = app.coordinator().await;
    for change in [json!({"data": pulse(72)}), json!({"data": pulse(72), "reason": "Mistyped"})] {
        assert_eq!(nurse.patch(&vitals_task(), &change).await.problem(409), "final");
    }
    assert_eq!(nurse.delete(&vitals_task()).await.problem(409), "final");
    assert_eq!(coordinator.delete(&vitals_task()).await.problem(409), "final");
    assert_eq!(coordinator.patch(&vitals_task(), &json!({"data": pulse(72)})).await.faults(), ["#/reason"]);
    let corrected = json!({"data": pulse(72), "reason": "Another client's"});
    coordinator.patch(&vitals_task(), &corrected).await.expect(200);

    for reader in [&nurse, &coordinator] {
        let vitals = versions(reader, "task", NURSES_VITALS).await;
        assert_eq!(of_all(&vitals, "/content/data/heart_rate/value"), [json!(null), json!(190), json!(72)]);
        assert_eq!(of_all(&vitals, "/reason"), [json!(null), json!(null), json!("Another client's")]);
        assert_eq!(of_all(&vitals[1..], "/author_id"), [json!(NURSE.id), json!(COORDINATOR.id)]);
    }
}

#[tokio::test]
async fn a_caregiver_changes_what_they_charted_for_24_hours_and_others_need_a_reason() {
    let app = TestApp::new().await;
    let nurse = completed(&app, A_DAY - 1).await;
    let coordinator = app.coordinator().await;
    nurse.patch(&vitals_task(), &json!({"data": pulse(109)})).await.expect(200);
    nurse.patch(&visit(), &json!({"notes": "Rested"})).await.expect(200);
    assert_eq!(coordinator.patch(&visit(), &json!({"notes": "Rested well"})).await.faults(), ["#/reason"]);
    let told = json!({"notes": "Rested well", "reason": "Told by phone"});
    coordinator.patch(&visit(), &told).await.expect(200);
    // What is written as it was needs none.
    coordinator.patch(&visit(), &json!({"notes": "Rested well"})).await.expect(200);
    nurse.delete(&vitals_task()).await.expect(204);
    let written = versions(&coordinator, "visit_note", NURSES_VISIT).await;
    assert_eq!(of_all(&written, "/content/text"), [json!(null), json!("Tired"), json!("Rested"), json!("Rested well")]);
    assert_eq!(of_all(&written, "/reason"), [json!(null), json!(null), json!(null), json!("Told by phone")]);
}

#[tokio::test]
async fn after_24_hours_a_caregiver_only_adds_and_says_why() {
    let app = TestApp::new().await;
    let nurse = completed(&app, A_DAY).await;
    let added = json!({"notes": "Tired. Ate little."});
    assert_eq!(nurse.patch(&visit(), &added).await.faults(), ["#/reason"]);
    for changed in ["Ate little.", "Tire", ""] {
        let changed = json!({"notes": changed, "reason": "Remembered"});
        assert_eq!(nurse.patch(&visit(), &changed).await.problem(409), "final");
    }
    nurse.patch(&visit(), &json!({"notes": "Tired. Ate little.", "reason": "Remembered"})).await.expect(200);
    let meals = format!("{}/tasks/{NURSES_MEALS}", visit());
    nurse.patch(&meals, &json!({"completed": true, "reason": "Not ticked"})).await.expect(200);
    let tea = json!({"task_type": "companionship", "title": "Tea", "completed": true});
    nurse.post(&format!("{}/tasks", visit()), &tea).await.expect(201);
    let with_reason = json!({"task_type": "companionship", "title": "Tea", "reason": "Late"});
    assert_eq!(nurse.post(&format!("{}/tasks", visit()), &with_reason).await.faults(), ["#/reason"]);
    let written = versions(&nurse, "visit_note", NURSES_VISIT).await;
    assert_eq!(of_all(&written, "/reason"), [json!(null), json!(null), json!("Remembered")]);
}

#[tokio::test]
async fn what_a_phone_adds_late_is_an_addendum_and_what_it_changes_is_kept_for_a_person() {
    let app = TestApp::new().await;
    completed(&app, A_DAY + 1).await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(Some(0)).await;
    let note =
        |text: &str| updated("visits", &[edited(row(&first, "visits", NURSES_VISIT), &[("notes", json!(text))])]);
    let told = phone.push(note("Fine")).await.expect(200);
    assert_eq!(
        told["rejected"][0]["reason"], "its visit ended more than 24 hours ago: what was charted is only added to",
        "{told}"
    );
    let vitals = row(&first, "visit_tasks", NURSES_VITALS);
    let turned = edited(vitals, &[("data", json!(pulse(72).to_string()))]);
    assert_eq!(phone.push(updated("visit_tasks", &[turned])).await.expect(200)["applied"], 0);
    let gone = json!({"visit_tasks": {"created": [], "updated": [], "deleted": [NURSES_VITALS]}});
    assert_eq!(phone.push(gone).await.expect(200)["applied"], 0);
    let kept = "select count(*) from sync_quarantine where reason like 'its visit ended more than 24 hours ago%'";
    assert_eq!(app.database.count(kept).await, 3);
    assert_eq!(notes(&phone.client).await, "Tired");

    let told = phone.push(note("Tired. Slept.")).await.expect(200);
    assert_eq!((&told["applied"], &told["rejected"]), (&json!(1), &json!([])), "{told}");
    let written = versions(&phone.client, "visit_note", NURSES_VISIT).await;
    assert_eq!(of_all(&written, "/content/text")[2], "Tired. Slept.");
    assert_eq!(of_all(&written, "/reason")[2], "A phone sent it after the visit was completed.");
    assert_eq!(of_all(&written, "/device_id")[2], json!(phone.client.device_id));

    // A coordinator's own phone can't say why it corrects what another charted.
    let mut office = Phone::of(app.coordinator().await);
    let seen = office.pull(Some(0)).await;
    let corrected = edited(row(&seen, "visits", NURSES_VISIT), &[("notes", json!("Well"))]);
    let told = office.push(updated("visits", &[corrected])).await.expect(200);
    assert_eq!(told["rejected"][0]["reason"], "a completed visit is corrected on the portal, with a reason", "{told}");
}

#[tokio::test]
async fn work_that_comes_with_its_check_out_is_not_late_however_long_the_phone_was_away() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(Some(0)).await;
    let came = (Timestamp::now() - 72.hours()).as_millisecond();
    let visit = edited(
        row(&first, "visits", NURSES_VISIT),
        &[
            ("actual_start", json!(came)),
            ("actual_end", json!(came + 1_800_000)),
            ("status", json!("completed")),
            ("notes", json!("All well")),
        ],
    );
    let vitals = edited(
        row(&first, "visit_tasks", NURSES_VITALS),
        &[("completed", json!(true)), ("data", json!(pulse(72).to_string()))],
    );
    let both = json!({"visits": updated("visits", &[visit])["visits"],
        "visit_tasks": updated("visit_tasks", &[vitals])["visit_tasks"]});
    let told = phone.push(both).await.expect(200);
    assert_eq!((&told["applied"], &told["rejected"]), (&json!(2), &json!([])), "{told}");
}

#[tokio::test]
async fn the_database_closes_a_chart_at_the_same_moment() {
    let app = TestApp::new().await;
    completed(&app, 0).await;
    let owner = app.database.superuser().await;
    let open_for = domain::limits::CHART_OPEN_FOR;
    let microsecond = SignedDuration::from_micros(1);
    let role = |id: Uuid, role: &str| {
        format!("select set_config('app.user_id', '{id}', true), set_config('app.caller_role', '{role}', true)")
    };
    let (nurse, coordinator) = (role(NURSE.id, "nurse"), role(COORDINATOR.id, "coordinator"));
    let reason = "select app.give_chart_reason('Late')";
    let unsaid = "select 1";
    let task = format!("where id = '{NURSES_VITALS}'");
    let note = format!("update visits set notes = 'Fine' where id = '{NURSES_VISIT}'");
    let longer = format!("update visits set notes = 'Tired. Slept.' where id = '{NURSES_VISIT}'");
    let turned = format!("update visit_tasks set data = '{}' {task}", pulse(72));
    let said = format!("update visit_tasks set outcome = 'Rested' {task}");
    let gone = format!("update visit_tasks set deleted_at = now() {task}");
    let before = open_for - microsecond;
    for (who, age, why, sql, may) in [
        (&nurse, before, unsaid, &note, true),
        (&nurse, before, unsaid, &turned, true),
        (&nurse, before, unsaid, &gone, true),
        (&nurse, open_for, unsaid, &note, false),
        (&nurse, open_for, reason, &note, false),
        (&nurse, open_for, reason, &turned, false),
        (&nurse, open_for, reason, &gone, false),
        (&nurse, open_for, unsaid, &longer, false),
        (&nurse, open_for, unsaid, &said, false),
        (&nurse, open_for, reason, &longer, true),
        (&nurse, open_for, reason, &said, true),
        (&coordinator, microsecond, unsaid, &note, false),
        (&coordinator, microsecond, unsaid, &gone, false),
        (&coordinator, microsecond, reason, &note, true),
        (&coordinator, open_for, unsaid, &turned, false),
        (&coordinator, open_for, reason, &turned, true),
    ] {
        let sql = format!(
            "{}; update visits set check_out_received_at = now() - interval '{} microseconds'
               where id = '{NURSES_VISIT}';
             {who}; {why}; {sql}; rollback",
            begin_as_job(AGENCY_A),
            age.as_micros()
        );
        let refused = owner.batch_execute(&sql).await.err();
        let constraint = refused.as_ref().map(|error| error.as_db_error().unwrap().constraint().unwrap_or_default());
        assert_eq!(constraint, (!may).then_some("chart_is_closed"), "{sql}: {refused:?}");
        owner.batch_execute("rollback").await.unwrap();
    }
}
