//! On what a phone's unsent work is based: nothing is overwritten that it was never shown.

use serde_json::{Value, json};

use crate::harness::{
    Client, TestApp,
    fixtures::{ALMA, NURSE, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS},
    phone::{Phone, edited, ids, row, updated},
};

/// Takes the nurse off Alma's team; answers after the fact.
async fn take_alma_from_the_nurse(app: &TestApp) {
    let take = format!(
        "update care_team set deleted_at = now() where client_id = '{ALMA}' and user_id = '{}' and deleted_at is null",
        NURSE.id
    );
    app.database.write(NURSE.agency, &take).await;
}

async fn give_alma_to_the_nurse(app: &TestApp) {
    let give = format!(
        "update care_team set deleted_at = null where client_id = '{ALMA}' and user_id = '{}'
         and source <> 'scheduled'",
        NURSE.id
    );
    app.database.write(NURSE.agency, &give).await;
}

async fn write_notes(coordinator: &Client, notes: &str) {
    coordinator.patch(&format!("/v1/visits/{NURSES_VISIT}"), &json!({"notes": notes})).await.expect(200);
}

/// Both values that met in `notes`.
async fn conflicts(app: &TestApp) -> Vec<(Value, Value)> {
    let rows = app
        .database
        .superuser()
        .await
        .query_typed(
            "select server_value, device_value from sync_conflicts where column_name = 'notes' order by id",
            &[],
        )
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// From here on what she writes over others' words, she has seen: it is no conflict.
async fn sees_what_she_writes_over(coordinator: &Client, phone: &mut Phone) {
    write_notes(coordinator, "Thanks").await;
    let seen = phone.pull(Some(0)).await;
    phone.pull(Some(1)).await;
    let visit = edited(row(&seen, "visits", NURSES_VISIT), &[("notes", json!("Welcome"))]);
    assert_eq!(phone.push(updated("visits", &[visit])).await.expect(200)["conflicts"], 0);
}

#[tokio::test]
async fn edits_of_a_revoked_client_are_based_on_the_last_pull_that_showed_it() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let first = phone.pull(Some(0)).await;
    let visit = |column: &str, value: &str| edited(row(&first, "visits", NURSES_VISIT), &[(column, json!(value))]);
    take_alma_from_the_nurse(&app).await;
    write_notes(&coordinator, "From the office").await;
    // Work waits, so that Alma stays on the phone, and is not sent any more. A push moves the phone's base on.
    phone.pull(Some(1)).await;
    phone.push(updated("visits", &[visit("family_note", "Hello")])).await.expect(200);
    let answer = phone.pull(Some(1)).await;
    assert_eq!((ids(&answer, "visits", "updated").len(), ids(&answer, "visits", "deleted").len()), (0, 0));

    let told = phone.push(updated("visits", &[visit("notes", "From the bedside")])).await.expect(200);
    assert_eq!((&told["conflicts"], &told["rejected"]), (&json!(1), &json!([])), "{told}");
    assert_eq!(conflicts(&app).await, [(json!("From the office"), json!("From the bedside"))]);
}

#[tokio::test]
async fn edits_from_before_a_client_was_granted_again_keep_their_base() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let first = phone.pull(Some(0)).await;
    let visit = |column: &str, value: &str| edited(row(&first, "visits", NURSES_VISIT), &[(column, json!(value))]);
    take_alma_from_the_nurse(&app).await;
    write_notes(&coordinator, "From the office").await;
    phone.pull(Some(1)).await;
    phone.push(updated("visits", &[visit("family_note", "Hello")])).await.expect(200);
    // Now she writes the notes; and only then is Alma hers again, and comes whole, under what waits.
    give_alma_to_the_nurse(&app).await;
    let answer = phone.pull(Some(1)).await;
    assert_eq!(row(&answer, "visits", NURSES_VISIT)["notes"], "From the office");
    phone.push(updated("visits", &[visit("notes", "From the bedside")])).await.expect(200);
    assert_eq!(conflicts(&app).await, [(json!("From the office"), json!("From the bedside"))]);

    sees_what_she_writes_over(&coordinator, &mut phone).await;
}

#[tokio::test]
async fn a_refused_record_keeps_the_base_it_was_written_on() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let first = phone.pull(Some(0)).await;
    write_notes(&coordinator, "From the office").await;
    let later = row(&first, "visits", NURSES_VISIT)["scheduled_end"].as_i64().unwrap() + 60_000;
    let wrong = edited(
        row(&first, "visits", NURSES_VISIT),
        &[("notes", json!("From the bedside")), ("scheduled_end", json!(later))],
    );
    phone.pull(Some(1)).await;
    for _ in 0..2 {
        let told = phone.push(updated("visits", std::slice::from_ref(&wrong))).await.expect(200);
        assert_eq!(told["rejected"][0]["reason"], "visits are moved on the portal");
        phone.pull(Some(1)).await;
    }
    // Corrected, the notes are still those that she wrote without having seen the other's.
    let right = edited(row(&first, "visits", NURSES_VISIT), &[("notes", json!("From the bedside"))]);
    let told = phone.push(updated("visits", &[right])).await.expect(200);
    assert_eq!((&told["conflicts"], &told["rejected"]), (&json!(1), &json!([])), "{told}");
    assert_eq!(conflicts(&app).await, [(json!("From the office"), json!("From the bedside"))]);

    // Taken, it has nothing to remember any more.
    sees_what_she_writes_over(&coordinator, &mut phone).await;
}

#[tokio::test]
async fn a_restored_phone_starts_again() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let first = phone.pull(Some(0)).await;
    let backup = phone.cursor;
    let task = format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_MEALS}");
    assert_eq!(coordinator.delete(&task).await.status, 204);
    // It hears of the deletion, and says so by its cursor.
    for step in 0..4 {
        write_notes(&coordinator, &format!("{step}")).await;
        phone.pull(Some(0)).await;
    }
    phone.cursor = backup;
    let answer = phone.pull(Some(1)).await;
    assert_eq!((&answer["has_more"], phone.cursor), (&json!(true), backup), "it may push first");
    let note = edited(row(&first, "visits", NURSES_VISIT), &[("family_note", json!("Unsent"))]);
    phone.push(updated("visits", &[note])).await.expect(200);
    let answer = phone.pull(Some(0)).await;
    assert_eq!(answer["experimentalStrategy"], "replacement");
    assert!(!ids(&answer, "visit_tasks", "updated").contains(&NURSES_MEALS.to_string()));
    assert_eq!(row(&answer, "visits", NURSES_VISIT)["family_note"], "Unsent");
    assert_eq!(phone.pull(Some(0)).await.get("experimentalStrategy"), None);
}

#[tokio::test]
async fn a_grant_expired_by_date_revokes_the_client() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let first = phone.pull(Some(0)).await;
    let visit = |column: &str, value: &str| edited(row(&first, "visits", NURSES_VISIT), &[(column, json!(value))]);
    // As the morning finds it before the job of midnight has numbered it.
    app.database
        .superuser()
        .await
        .batch_execute(&format!(
            "set session_replication_role = replica;
             update care_team set starts_on = current_date - 9, ends_on = current_date - 3,
               updated_at = now() - interval '8 days'
             where client_id = '{ALMA}' and user_id = '{}'",
            NURSE.id
        ))
        .await
        .unwrap();
    write_notes(&coordinator, "From the office").await;
    phone.pull(Some(1)).await;
    let told = phone.push(updated("visits", &[visit("family_note", "Hello")])).await.expect(200);
    assert_eq!((&told["applied"], &told["rejected"]), (&json!(1), &json!([])), "{told}");
    phone.pull(Some(1)).await;
    phone.push(updated("visits", &[visit("notes", "From the bedside")])).await.expect(200);
    assert_eq!(conflicts(&app).await, [(json!("From the office"), json!("From the bedside"))]);
}

#[tokio::test]
async fn a_push_that_was_overtaken_overwrites_no_newer_clinical_value() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let mut phone = Phone::of(app.nurse().await);
    let pulse = |value: i64| json!({"heart_rate": {"value": value, "unit": "bpm"}});
    let first = phone.pull(Some(0)).await;
    let slow = Phone { client: phone.client.clone(), cursor: phone.cursor };
    let task = |columns: &[(&str, Value)], stamp: i64| {
        let mut task = edited(row(&first, "visit_tasks", NURSES_VITALS), columns);
        task["updated_at"] = json!(stamp);
        updated("visit_tasks", &[task])
    };
    let path = format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_VITALS}");
    coordinator.patch(&path, &json!({"data": pulse(70)})).await.expect(200);

    // The next synchronisation brings the same value and more; the server's stays until somebody decides.
    phone.pull(Some(1)).await;
    let mine = ("data", json!(pulse(64).to_string()));
    let told = phone.push(task(&[mine.clone(), ("outcome", json!("done"))], 2_000)).await.expect(200);
    assert_eq!(told["conflicts"], 1, "{told}");
    coordinator.patch(&path, &json!({"data": pulse(75)})).await.expect(200);
    phone.pull(Some(0)).await;
    phone.pull(Some(0)).await;

    // The device's work begins anew with these pulls, but not the work of a push that has been on its way since.
    let told = slow.push(task(&[mine], 1_000)).await.expect(200);
    assert_eq!(told["conflicts"], 1, "{told}");
    let sql = format!("select count(*) from visit_tasks where id = '{NURSES_VITALS}' and data = '{}'", pulse(75));
    assert_eq!(app.database.count(&sql).await, 1);
}
