//! Visits that nobody checked in to: who is told, once, in which words, and what a check-in undoes.

use domain::messages::{Locale, Template};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{
        ADMIN_B, AGENCY_A, AGENCY_B, AIDES_VISIT, ALMA, COORDINATOR, NURSE, NURSE_B, NURSES_VISIT, OTHER_COORDINATOR,
        OTHER_NURSE, OTHER_NURSES_VISIT, VISIT_B,
    },
};

/// The nurse's visit was to begin at the answered time, some hours ago; all others are far off. Alma's coordinator is
/// not the first one there is.
async fn late(app: &TestApp) -> Timestamp {
    let planned = Timestamp::from_second(Timestamp::now().as_second()).unwrap() - 3.hours();
    app.database
        .write(
            AGENCY_A,
            &format!(
                "update visits set scheduled_start = '{planned}', scheduled_end = '{}' where id = '{NURSES_VISIT}';
                 update visits set scheduled_start = now() + interval '2 days',
                   scheduled_end = now() + interval '3 days'
                 where id in ('{AIDES_VISIT}', '{OTHER_NURSES_VISIT}');
                 update clients set coordinator_id = '{}' where id = '{ALMA}'",
                planned + 45.minutes(),
                OTHER_COORDINATOR.id
            ),
        )
        .await;
    planned
}

/// The nurse's phone was last heard from then, with nothing unsent.
async fn heard_from(app: &TestApp, at: Timestamp, pending: &str) {
    let sql =
        format!("update devices set last_seen_at = '{at}', pending_count = {pending} where user_id = '{}'", NURSE.id);
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
}

/// Recipient, template and status of each message, in the order of time.
async fn messages(app: &TestApp) -> Vec<(String, String, String)> {
    let sql = "select recipient_id::text, template, status::text from messages order by created_at, id";
    let rows = app.database.superuser().await.query_typed(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

fn told(template: &str, status: &str) -> (String, String, String) {
    (OTHER_COORDINATOR.id.to_string(), template.into(), status.into())
}

async fn status(app: &TestApp) -> String {
    let sql = format!("select status::text from visits where id = '{NURSES_VISIT}'");
    app.database.superuser().await.query_typed(&sql, &[]).await.unwrap()[0].get(0)
}

#[tokio::test]
async fn the_coordinator_is_told_once_after_a_quarter_of_an_hour() {
    let app = TestApp::new().await;
    let planned = late(&app).await;
    let _phone = app.nurse().await;
    let jobs = app.jobs();
    jobs.at("late-visits", planned + 899.seconds()).await;
    assert_eq!(messages(&app).await, []);

    let answer = jobs.at("late-visits", planned + 900.seconds()).await;
    assert_eq!((answer.report.counts["late"], answer.report.counts["unreachable"]), (1, 0));
    for minutes in [15, 20, 59] {
        jobs.at("late-visits", planned + minutes.minutes()).await;
    }
    assert_eq!(messages(&app).await, [told("visit_late", "pending")]);
    assert_eq!(status(&app).await, "scheduled");

    let row = &app
        .database
        .superuser()
        .await
        .query_typed("select template, template_values, recipient, client_id::text, visit_id::text from messages", &[])
        .await
        .unwrap()[0];
    let (name, values, number): (String, Value, String) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(number, "+14165550007");
    assert_eq!((row.get(3), row.get(4)), (ALMA.to_string(), NURSES_VISIT.to_string()));
    let text = Template::stored(&name, &values).unwrap().sms(Locale::EnCa);
    assert!(text.contains("First") && text.contains("Alma"), "{text}");
    assert!(!text.contains("lie") && !text.contains("nurse@"), "a surname: {text}");
}

#[tokio::test]
async fn an_hour_after_its_start_a_visit_is_missed_and_not_a_second_earlier() {
    let app = TestApp::new().await;
    let planned = late(&app).await;
    let _phone = app.nurse().await;
    let jobs = app.jobs();
    jobs.at("late-visits", planned + 3_599.seconds()).await;
    assert_eq!(status(&app).await, "scheduled");
    jobs.at("late-visits", planned + 3_600.seconds()).await;
    assert_eq!(status(&app).await, "missed");
}

#[tokio::test]
async fn a_phone_that_is_sending_is_waited_for_half_an_hour_while_it_was_heard_from_within_five_minutes() {
    for (seconds, heard_ago, expected) in [
        (1_799, 299, vec![]),
        (1_799, 300, vec![told("visit_late", "pending")]),
        (1_800, 299, vec![told("visit_late", "pending")]),
    ] {
        let app = TestApp::new().await;
        let planned = late(&app).await;
        let _phone = app.nurse().await;
        let now = planned + i64::from(seconds).seconds();
        heard_from(&app, now - i64::from(heard_ago).seconds(), "3").await;
        app.jobs().at("late-visits", now).await;
        assert_eq!(messages(&app).await, expected, "{seconds} s late, heard from {heard_ago} s ago");
    }
}

#[tokio::test]
async fn a_day_after_its_start_nobody_reads_of_a_late_visit() {
    for (seconds, expected) in [(86_399, 1), (86_400, 0)] {
        let app = TestApp::new().await;
        let planned = late(&app).await;
        let _phone = app.nurse().await;
        app.jobs().at("late-visits", planned + i64::from(seconds).seconds()).await;
        let about_it = format!("select count(*) from messages where visit_id = '{NURSES_VISIT}'");
        assert_eq!(app.database.count(&about_it).await, expected, "{seconds}");
        assert_eq!(status(&app).await, "missed");
    }
}

#[tokio::test]
async fn an_unreachable_phone_is_reported_as_such_and_its_visit_is_not_missed() {
    let app = TestApp::new().await;
    let planned = late(&app).await;
    let _phone = app.nurse().await;
    // A browser doesn't bring check-ins.
    let browser = format!(
        "insert into devices (id, agency_id, user_id, name, platform, app_version)
         values (gen_random_uuid(), '{AGENCY_A}', '{}', 'Laptop', 'web', '1')",
        NURSE.id
    );
    app.database.superuser().await.batch_execute(&browser).await.unwrap();
    let silent = format!("update devices set last_seen_at = '{}' where platform <> 'web'", planned - 1.minutes());
    app.database.superuser().await.batch_execute(&silent).await.unwrap();
    let jobs = app.jobs();
    for minutes in [15, 40, 60, 120] {
        jobs.at("late-visits", planned + minutes.minutes()).await;
    }
    assert_eq!(messages(&app).await, [told("visit_unreachable", "pending")]);
    assert_eq!(status(&app).await, "scheduled");

    // It comes back without a check-in. What was not yet sent is out of date.
    heard_from(&app, planned + 130.minutes(), "0").await;
    let answer = jobs.at("late-visits", planned + 140.minutes()).await;
    assert_eq!(answer.report.counts["missed"], 1);
    assert_eq!(messages(&app).await, [told("visit_unreachable", "cancelled"), told("visit_missed", "pending")]);
    assert_eq!(status(&app).await, "missed");
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'visit.missed'").await, 1);
}

#[tokio::test]
async fn a_phone_with_pending_changes_is_waited_for() {
    let app = TestApp::new().await;
    let planned = late(&app).await;
    let _phone = app.nurse().await;
    let jobs = app.jobs();
    heard_from(&app, planned + 19.minutes(), "3").await;
    jobs.at("late-visits", planned + 20.minutes()).await;
    assert_eq!(messages(&app).await, []);
    // Its push never came: it doesn't hold anything up for ever, and no more if it goes on for ever.
    heard_from(&app, planned + 29.minutes(), "3").await;
    jobs.at("late-visits", planned + 30.minutes()).await;
    assert_eq!(messages(&app).await, [told("visit_late", "pending")]);
    heard_from(&app, planned + 59.minutes(), "3").await;
    jobs.at("late-visits", planned + 60.minutes()).await;
    assert_eq!(messages(&app).await, [told("visit_late", "cancelled"), told("visit_missed", "pending")]);
}

#[tokio::test]
async fn a_reassigned_visit_is_late_anew() {
    let app = TestApp::new().await;
    let planned = late(&app).await;
    let _phone = app.nurse().await;
    let jobs = app.jobs();
    let given_to = async |caregiver: Uuid| {
        let sql = format!("update visits set user_id = '{caregiver}' where id = '{NURSES_VISIT}'");
        app.database.write(AGENCY_A, &sql).await;
    };
    jobs.at("late-visits", planned + 15.minutes()).await;
    given_to(OTHER_NURSE.id).await;
    for minutes in [20, 25] {
        jobs.at("late-visits", planned + minutes.minutes()).await;
    }
    assert_eq!(messages(&app).await, [told("visit_late", "cancelled"), told("visit_unreachable", "pending")]);
    given_to(NURSE.id).await;
    for minutes in [30, 35] {
        jobs.at("late-visits", planned + minutes.minutes()).await;
    }
    let all = [told("visit_late", "cancelled"), told("visit_unreachable", "cancelled"), told("visit_late", "pending")];
    assert_eq!(messages(&app).await, all);
}

#[tokio::test]
async fn an_undeliverable_alert_goes_to_the_next_person() {
    let app = TestApp::new().await;
    let planned = late(&app).await;
    let _phone = app.nurse().await;
    let jobs = app.jobs();
    // They have texted STOP.
    let fails = async |status: &str| {
        let sql = format!("update messages set status = '{status}', next_attempt_at = null where status = 'pending'");
        app.database.superuser().await.batch_execute(&sql).await.unwrap();
    };
    let people = async || messages(&app).await.into_iter().map(|(person, ..)| person).collect::<Vec<_>>();
    for minutes in [15, 20, 25] {
        jobs.at("late-visits", planned + minutes.minutes()).await;
        if minutes < 25 {
            fails(if minutes == 15 { "dead" } else { "failed" }).await;
        }
    }
    let told = people().await;
    assert_eq!(told[..2], [OTHER_COORDINATOR.id.to_string(), COORDINATOR.id.to_string()]);
    assert_eq!(told.len(), 3, "then an admin: {told:?}");
    jobs.at("late-visits", planned + 30.minutes()).await;
    assert_eq!(people().await.len(), 3);

    // That a visit is missed is told to the next one, too; it was missed before.
    jobs.at("late-visits", planned + 60.minutes()).await;
    assert_eq!(people().await[3], told[2], "whom nothing reaches isn't tried again");
    fails("dead").await;
    for minutes in [65, 70] {
        let answer = jobs.at("late-visits", planned + minutes.minutes()).await;
        assert_eq!(answer.report.counts["missed"], u64::from(minutes == 65));
    }
    assert_eq!(people().await.len(), 5);
    assert_eq!(status(&app).await, "missed");
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'visit.missed'").await, 1);
}

#[tokio::test]
async fn check_in_cancels_pending_messages_and_overrides_missed() {
    let app = TestApp::new().await;
    let planned = late(&app).await;
    let nurse = app.nurse().await;
    let first = nurse.get("/v1/sync?last_pulled_at=null&schema_version=2&migration=null").await.expect(200);
    let jobs = app.jobs();
    jobs.at("late-visits", planned + 20.minutes()).await;
    jobs.at("late-visits", planned + 60.minutes()).await;
    assert_eq!(messages(&app).await, [told("visit_late", "cancelled"), told("visit_missed", "pending")]);

    // By sync: the check-in that the phone held.
    let mut visit = first["changes"]["visits"]["created"]
        .as_array()
        .unwrap()
        .iter()
        .find(|visit| visit["id"] == NURSES_VISIT.to_string())
        .unwrap()
        .clone();
    visit["status"] = json!("in_progress");
    visit["actual_start"] = visit["scheduled_start"].clone();
    visit["_status"] = json!("updated");
    visit["_changed"] = json!("status,actual_start");
    let changes = json!({"changes": {"visits": {"created": [], "updated": [visit], "deleted": []}}});
    let path = format!("/v1/sync?last_pulled_at={}", first["timestamp"]);
    let answer = nurse.post(&path, &changes).await.expect(200);
    assert_eq!(answer["applied"], 1, "{answer}");
    assert_eq!(status(&app).await, "in_progress");
    assert_eq!(messages(&app).await, [told("visit_late", "cancelled"), told("visit_missed", "cancelled")]);
    jobs.at("late-visits", planned + 90.minutes()).await;
    assert_eq!(messages(&app).await.len(), 2);

    // By REST, on another visit; what has gone out already stays as it is.
    let start = format!(
        "update visits set scheduled_start = '{planned}'::timestamptz - interval '1 day',
           scheduled_end = '{planned}'::timestamptz - interval '23 hours',
           user_id = '{}' where id = '{AIDES_VISIT}'",
        NURSE.id
    );
    app.database.write(AGENCY_A, &start).await;
    jobs.at("late-visits", planned - (24 * 60 - 20).minutes()).await;
    app.database
        .superuser()
        .await
        .batch_execute("update messages set status = 'sent' where status = 'pending'")
        .await
        .unwrap();
    jobs.at("late-visits", planned - (24 * 60 - 70).minutes()).await;
    nurse.post(&format!("/v1/visits/{AIDES_VISIT}/check-in"), &json!({"at": planned})).await.expect(200);
    assert_eq!(messages(&app).await[2..], [told("visit_late", "sent"), told("visit_missed", "cancelled")]);
}

#[tokio::test]
async fn a_rescheduled_visit_is_late_anew() {
    let app = TestApp::new().await;
    let planned = late(&app).await;
    let _phone = app.nurse().await;
    let jobs = app.jobs();
    jobs.at("late-visits", planned + 20.minutes()).await;
    let later = format!("update visits set scheduled_start = '{}' where id = '{NURSES_VISIT}'", planned + 30.minutes());
    app.database.write(AGENCY_A, &later).await;
    assert_eq!(messages(&app).await, [told("visit_late", "cancelled")]);
    jobs.at("late-visits", planned + 40.minutes()).await;
    assert_eq!(messages(&app).await.len(), 1);
    jobs.at("late-visits", planned + 45.minutes()).await;
    assert_eq!(messages(&app).await, [told("visit_late", "cancelled"), told("visit_late", "pending")]);
}

#[tokio::test]
async fn concurrent_runs_report_a_late_visit_once() {
    let app = TestApp::new().await;
    let planned = late(&app).await;
    let _phone = app.nurse().await;
    let (one, other) = (app.jobs(), app.jobs());
    for (minutes, kind) in [(20, "late"), (70, "missed")] {
        let now = planned + minutes.minutes();
        let (one, other) = tokio::join!(one.at("late-visits", now), other.at("late-visits", now));
        assert_eq!(one.report.counts[kind] + other.report.counts[kind], 1);
    }
    assert_eq!(messages(&app).await, [told("visit_late", "cancelled"), told("visit_missed", "pending")]);
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'visit.missed'").await, 1);
}

#[tokio::test]
async fn a_run_that_is_cut_off_is_gone_on_with_and_whoever_there_is_is_told() {
    let app = TestApp::new().await;
    let planned = late(&app).await;
    let sql = format!(
        "update visits set scheduled_start = '{planned}', scheduled_end = '{}' where id = '{VISIT_B}'",
        planned + 45.minutes()
    );
    app.database.write(AGENCY_B, &sql).await;
    let (_one, _other) = (app.nurse().await, app.sign_in(&NURSE_B).await);
    let jobs = app.jobs();
    let now = planned + 20.minutes();
    let answer = jobs.cut_off_after(2, "late-visits", now).await;
    assert!(answer.report.cut_off);
    assert_eq!(messages(&app).await, [told("visit_late", "pending")]);
    assert!(!jobs.at("late-visits", now).await.report.cut_off);
    // Agency B has an admin and no coordinator.
    let to_admin = (ADMIN_B.id.to_string(), "visit_late".to_owned(), "pending".to_owned());
    assert_eq!(messages(&app).await, [told("visit_late", "pending"), to_admin]);
}

#[tokio::test]
async fn without_a_coordinator_of_their_own_the_one_on_duty_is_told_and_nobody_is_counted() {
    let app = TestApp::new().await;
    let planned = late(&app).await;
    let (_phone, _portal) = (app.nurse().await, app.coordinator().await);
    app.database.write(AGENCY_A, &format!("update clients set coordinator_id = null where id = '{ALMA}'")).await;
    let jobs = app.jobs();
    jobs.at("late-visits", planned + 15.minutes()).await;
    assert_eq!(messages(&app).await[0].0, COORDINATOR.id.to_string());

    let nobody = "delete from messages; update users set status = 'suspended' where role in ('coordinator', 'admin')";
    app.database.superuser().await.batch_execute(nobody).await.unwrap();
    let answer = jobs.at("late-visits", planned + 20.minutes()).await;
    assert_eq!((answer.report.counts["late"], answer.report.counts["nobody_to_tell"]), (1, 1));
    // Missed all the same.
    jobs.at("late-visits", planned + 60.minutes()).await;
    assert_eq!(status(&app).await, "missed");
}
