//! The daily SMS to families: in the evening where the agency is, once, to whom asked for it.

use std::collections::BTreeSet;

use domain::messages::{Locale, Template};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use crate::harness::{
    TestApp,
    fixtures::{AGENCY_A, AIDES_VISIT, ALMA, BERNARD, FAMILY, NURSE, NURSES_VISIT, OTHER_NURSES_VISIT},
};

/// Six in the evening of an ordinary day in Toronto.
const EVENING: &str = "2026-06-10T22:00:00Z";

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn consent(kind: &str, user: &str, granted: bool) -> String {
    format!(
        "insert into consents (id, agency_id, client_id, user_id, kind, granted, method)
         values (app.uuid7(), '{AGENCY_A}', '{ALMA}', {user}, '{kind}', {granted}, 'test');"
    )
}

/// The family member asked for the SMS. The nurse came that day at 9:05, the aide is planned for 19:30.
async fn a_day(app: &TestApp, date: &str) {
    let sql = format!(
        "{} update visits set scheduled_start = '{date} 09:00 America/Toronto',
         scheduled_end = '{date} 10:00 America/Toronto',
           actual_start = '{date} 09:05 America/Toronto', actual_end = '{date} 09:50 America/Toronto',
             status = 'completed',
           check_in_received_at = '{date} 09:06 America/Toronto', notes = 'Wound infected',
             family_note = 'A fine morning'
         where id = '{NURSES_VISIT}';
         update visits set scheduled_start = '{date} 19:30 America/Toronto',
           scheduled_end = '{date} 20:00 America/Toronto'
         where id = '{AIDES_VISIT}'",
        consent("sms", &format!("'{}'", FAMILY.id), true)
    );
    app.database.write(AGENCY_A, &sql).await;
}

async fn queued(app: &TestApp) -> i64 {
    app.database.count("select count(*) from messages where template = 'family_daily'").await
}

#[tokio::test]
async fn a_family_reads_who_came_and_nothing_of_health() {
    let app = TestApp::new().await;
    a_day(&app, "2026-06-10").await;
    let answer = app.jobs().at("family-sms", at(EVENING)).await;
    assert_eq!(answer.report.counts["queued"], 1);
    let sql = "select template_values, recipient_id::text, recipient, client_id::text, dedupe_key from messages";
    let row = &app.database.superuser().await.query_typed(sql, &[]).await.unwrap()[0];
    let values: Value = row.get(0);
    assert_eq!((row.get(1), row.get(2)), (FAMILY.id.to_string(), "+14165550005".to_owned()));
    assert_eq!((row.get(3), row.get(4)), (ALMA.to_string(), format!("family:{ALMA}:+14165550005:2026-06-10")));
    let template = Template::stored("family_daily", &values).unwrap();
    for (locale, words) in
        [(Locale::EnCa, ["Alma", "First", "9:05 am", "1 more"]), (Locale::FrCa, ["Alma", "First", "9 h 05", "1"])]
    {
        let text = template.sms(locale);
        for word in words {
            assert!(text.contains(word), "{word} is not in {text}");
        }
        for secret in ["lie", "nurse@", "Wound", "morning", "Do vitals"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
    let audited = format!(
        "select count(*) from audit_log where action = 'family.sms' and client_id = '{ALMA}' and resource_id = '{}'",
        FAMILY.id
    );
    assert_eq!(app.database.count(&audited).await, 1);
}

#[tokio::test]
async fn six_in_the_evening_is_six_in_the_evening_summer_time_or_not() {
    let app = TestApp::new().await;
    a_day(&app, "2026-06-10").await;
    let jobs = app.jobs();
    for (zone, date, six) in [
        ("America/Toronto", "2026-03-07", "2026-03-07T23:00:00Z"),
        // The clocks went forward this morning, and back on 1 November.
        ("America/Toronto", "2026-03-08", "2026-03-08T22:00:00Z"),
        ("America/Toronto", "2026-10-31", "2026-10-31T22:00:00Z"),
        ("America/Toronto", "2026-11-01", "2026-11-01T23:00:00Z"),
        ("America/St_Johns", "2026-03-07", "2026-03-07T21:30:00Z"),
        ("America/St_Johns", "2026-03-08", "2026-03-08T20:30:00Z"),
        ("America/St_Johns", "2026-10-31", "2026-10-31T20:30:00Z"),
        ("America/St_Johns", "2026-11-01", "2026-11-01T21:30:00Z"),
    ] {
        // A visit just after midnight and one just before the next: all of a day of 23 or 25 hours counts, and no more.
        let sql = format!(
            "delete from messages; update agencies set time_zone = '{zone}' where id = '{AGENCY_A}';
             set session_replication_role = replica;
             update visits set scheduled_start = '{date} 00:10 {zone}', scheduled_end = '{date} 00:40 {zone}',
               actual_start = '{date} 00:10 {zone}', actual_end = '{date} 00:40 {zone}',
                 check_in_received_at = '{date} 00:10 {zone}' where id = '{NURSES_VISIT}';
             update visits set scheduled_start = '{date} 23:50 {zone}', scheduled_end = '{date} 23:59 {zone}'
               where id = '{AIDES_VISIT}'"
        );
        app.database.superuser().await.batch_execute(&sql).await.unwrap();
        let six = at(six);
        for (now, count) in [(six - 1.second(), 0), (six + 3.hours(), 0), (six, 1), (six + 15.minutes(), 0)] {
            let report = jobs.at("family-sms", now).await.report;
            assert_eq!(report.counts["queued"], count, "{zone} {date} {now}");
        }
        let row = &app
            .database
            .superuser()
            .await
            .query_typed("select template_values, split_part(dedupe_key, ':', 4) from messages", &[])
            .await
            .unwrap()[0];
        let (values, day): (Value, String) = (row.get(0), row.get(1));
        assert_eq!(day, date, "{zone}");
        assert_eq!((&values["visits"][0]["at"], &values["to_come"]), (&"00:10:00".into(), &1.into()), "{zone} {date}");
        // The day before and after have no visits.
        for days in [-24, 24] {
            assert_eq!(jobs.at("family-sms", six + days.hours()).await.report.counts["queued"], 0, "{zone} {date}");
        }
    }
}

#[tokio::test]
async fn only_who_asked_for_it_is_written_to() {
    let user = format!("'{}'", FAMILY.id);
    for (why, sql) in [
        ("the family member withdrew", consent("sms", &user, false)),
        ("the client withdrew", consent("family_sharing", "null", false)),
        ("the client wants nobody to get one", consent("sms", "null", false)),
        (
            "a consent for nobody is nobody's",
            format!("{}{}", consent("sms", &user, false), consent("sms", "null", true)),
        ),
        ("they left the team", format!("update care_team set ends_on = '2026-06-09' where user_id = {user};")),
        ("they were removed", format!("update care_team set deleted_at = now() where user_id = {user};")),
        ("the client is gone", format!("update clients set deleted_at = now() where id = '{ALMA}';")),
        ("they were suspended", format!("update users set status = 'suspended' where id = {user};")),
        (
            "all was cancelled",
            "update visits set status = 'cancelled', cancel_reason = 'x', actual_start = null, \
            actual_end = null where agency_id = app.agency_id();"
                .to_owned(),
        ),
        ("nothing was planned", "update visits set deleted_at = now() where agency_id = app.agency_id();".to_owned()),
    ] {
        let app = TestApp::new().await;
        a_day(&app, "2026-06-10").await;
        let sql = format!(
            "begin; select app.act_as_job('{AGENCY_A}'), app.reserve_change_numbers(20);
             alter table visits disable trigger enforce_visit_transitions; {sql} commit"
        );
        app.database.superuser().await.batch_execute(&sql).await.unwrap();
        let answer = app.jobs().at("family-sms", at(EVENING)).await;
        assert_eq!((answer.report.counts["queued"], queued(&app).await), (0, 0), "{why}");
    }
}

#[tokio::test]
async fn an_opt_in_after_an_opt_out_counts() {
    let app = TestApp::new().await;
    a_day(&app, "2026-06-10").await;
    let user = format!("'{}'", FAMILY.id);
    app.database.write(AGENCY_A, &format!("{}{}", consent("sms", &user, false), consent("sms", &user, true))).await;
    // Of two rows of one moment the newer id counts, so that the test needs them apart.
    assert_eq!(app.jobs().at("family-sms", at(EVENING)).await.report.counts["queued"], 1);
}

#[tokio::test]
async fn a_family_member_of_two_clients_reads_of_each_who_consents() {
    let app = TestApp::new().await;
    a_day(&app, "2026-06-10").await;
    let sql = format!(
        "insert into care_team (id, agency_id, client_id, user_id, relation, starts_on)
         values (app.uuid7(), '{AGENCY_A}', '{BERNARD}', '{}', 'family', '2026-01-01');
         update visits set scheduled_start = '2026-06-10 09:00 America/Toronto',
           scheduled_end = '2026-06-10 10:00 America/Toronto' where id = '{OTHER_NURSES_VISIT}'",
        FAMILY.id
    );
    app.database.write(AGENCY_A, &sql).await;
    app.jobs().at("family-sms", at(EVENING)).await;
    assert_eq!(queued(&app).await, 1, "Bernard doesn't consent");
    let family = app.family().await;
    let shown = async || family.all_pages("/v1/family/clients?limit=10").await.len();
    assert_eq!(shown().await, 1);

    let consents = consent("sms", &format!("'{}'", FAMILY.id), true) + &consent("family_sharing", "null", true);
    app.database.write(AGENCY_A, &consents.replace(&ALMA.to_string(), &BERNARD.to_string())).await;
    app.jobs().at("family-sms", at(EVENING) + 1.minute()).await;
    let clients = "select count(distinct client_id) from messages where template = 'family_daily'";
    assert_eq!((queued(&app).await, app.database.count(clients).await), (2, 2));
    assert_eq!(shown().await, 2);
    app.database.write(AGENCY_A, &consent("family_sharing", "null", false)).await;
    assert_eq!(shown().await, 1, "Alma's consent is hers alone");
}

#[tokio::test]
async fn two_of_a_family_who_share_a_phone_get_one_sms_and_who_changed_numbers_none_more() {
    let app = TestApp::new().await;
    a_day(&app, "2026-06-10").await;
    for (n, number) in [(0xf1, "+14165550005"), (0xf2, "+14165550005"), (0xf3, "+14165550006")] {
        let user = uuid::Uuid::from_u128(n);
        let sql = format!(
            "insert into users (id, agency_id, email, phone, first_name, last_name, role, status, password_hash)
             values ('{user}', '{AGENCY_A}', '{n}@families.test', '{number}', 'F', 'L', 'family', 'active', 'x');
             insert into care_team (id, agency_id, client_id, user_id, relation, starts_on)
             values (app.uuid7(), '{AGENCY_A}', '{ALMA}', '{user}', 'family', '2026-01-01'); {}",
            consent("sms", &format!("'{user}'"), true)
        );
        app.database.write(AGENCY_A, &sql).await;
    }
    let jobs = app.jobs();
    assert_eq!(jobs.at("family-sms", at(EVENING)).await.report.counts["queued"], 2);
    assert_eq!(queued(&app).await, 2);
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'family.sms'").await, 2);
    let moved = "update users set phone = '+14165550009' where phone = '+14165550006'";
    app.database.superuser().await.batch_execute(moved).await.unwrap();
    assert_eq!(jobs.at("family-sms", at(EVENING) + 15.minutes()).await.report.counts["queued"], 0);
}

#[tokio::test]
async fn the_daily_sms_is_never_sent_at_night() {
    let app = TestApp::new().await;
    // Two dates when clocks change within the day, and an ordinary one.
    for (date, run, nine) in [
        ("2026-06-10", "2026-06-11T00:59:00Z", "2026-06-11T01:00:00Z"),
        ("2026-03-08", "2026-03-08T22:00:00Z", "2026-03-09T01:00:00Z"),
        ("2026-11-01", "2026-11-01T23:00:00Z", "2026-11-02T02:00:00Z"),
    ] {
        let owner = app.database.superuser().await;
        let sql = format!(
            "delete from messages; set session_replication_role = replica;
             update visits set scheduled_start = '{date} 09:00 America/Toronto',
               scheduled_end = '{date} 10:00 America/Toronto'
             where id = '{NURSES_VISIT}'; {}",
            consent("sms", &format!("'{}'", FAMILY.id), true)
        );
        owner.batch_execute(&sql).await.unwrap();
        assert_eq!(app.jobs().at("family-sms", at(run)).await.report.counts["queued"], 1);
        let rows = owner.query_typed("select expires_at::timestamptz from messages", &[]).await.unwrap();
        let expires: std::time::SystemTime = rows[0].get(0);
        assert_eq!(Timestamp::try_from(expires).unwrap(), at(nine), "{date}");
    }
}

/// So many clients who were visited that day, each with a family member who asked for the SMS.
async fn families(app: &TestApp, count: u32) {
    let sql = format!(
        "begin; select app.act_as_job('{AGENCY_A}'), app.reserve_change_numbers({});
         create temporary table f on commit drop as
           select n, md5('u' || n)::uuid as user_id, md5('c' || n)::uuid as client_id
             from generate_series(1, {count}) n;
         insert into users (id, agency_id, email, phone, first_name, last_name, role, status, password_hash)
         select f.user_id, '{AGENCY_A}', f.n || '@families.test', '+1416700' || lpad(f.n::text, 4, '0'), 'F', 'L',
           'family', 'active', 'x'
         from f;
         insert into clients (id, agency_id, first_name, last_name, date_of_birth, address)
         select f.client_id, '{AGENCY_A}', 'C', 'L', '1940-01-01', '{{}}' from f;
         insert into care_team (id, agency_id, client_id, user_id, relation, starts_on)
         select app.uuid7(), '{AGENCY_A}', f.client_id, f.user_id, 'family', '2026-01-01' from f;
         insert into consents (id, agency_id, client_id, user_id, kind, granted, method)
         select app.uuid7(), '{AGENCY_A}', f.client_id, c.user_id, c.kind, true, 'test'
         from f cross join lateral (values ('sms'::consent_kind, f.user_id), ('family_sharing', null)) c (kind,
           user_id);
         insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end)
         select app.uuid7(), '{AGENCY_A}', f.client_id, '{}', '2026-06-10 20:00Z', '2026-06-10 21:00Z' from f;
         commit; analyze",
        3 * count,
        NURSE.id
    );
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn thousands_are_told_once_each_over_runs_that_are_cut_off_and_overlap() {
    let app = TestApp::new().await;
    a_day(&app, "2026-06-10").await;
    families(&app, 2_600).await;
    let (one, other) = (app.jobs(), app.jobs());
    let now = at(EVENING);
    // Each run has time for one batch: the agency's turn is a piece of work, and the batch is one.
    let first = one.cut_off_after(2, "family-sms", now).await;
    assert!(first.report.cut_off);
    let second = one.cut_off_after(2, "family-sms", now + 15.minutes()).await;
    assert!(second.report.cut_off);
    assert_eq!((first.report.counts["queued"], second.report.counts["queued"]), (500, 500));
    let (third, fourth) =
        tokio::join!(one.at("family-sms", now + 30.minutes()), other.at("family-sms", now + 30.minutes()));
    assert_eq!(third.report.counts["queued"] + fourth.report.counts["queued"], 1_601);
    assert_eq!(queued(&app).await, 2_601);
    // One a second from now on, as Twilio takes them: none is late that couldn't go sooner, whoever queued it.
    let evenly = "select count(*) from (
        select next_attempt_at - lag(next_attempt_at) over (order by next_attempt_at) as wait from messages) m
      where wait between interval '999 milliseconds' and interval '10 seconds'";
    assert_eq!(app.database.count(evenly).await, 2_600);
    let recipients = app
        .database
        .superuser()
        .await
        .query_typed("select distinct recipient_id::text from messages", &[])
        .await
        .unwrap();
    assert_eq!(recipients.iter().map(|row| row.get(0)).collect::<BTreeSet<String>>().len(), 2_601);
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'family.sms'").await, 2_601);
}
