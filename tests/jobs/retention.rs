//! Records go when nobody has cared for somebody for as long as the agency keeps them: planned first, then whole, and
//! nothing that is held or young.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{ADMIN, AGENCY_A, ALMA, NURSE},
    old_clients::{OBJECTS, OldClient},
    phone::{Phone, ids},
};

/// Noon where the agency is, so many years and days ago.
fn ago(years: i64, days: i64) -> Timestamp {
    let now = Timestamp::now().to_zoned(TimeZone::UTC).date().at(17, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap();
    now.checked_sub(years.years()).unwrap().checked_sub(days.days()).unwrap().timestamp()
}

/// What is left of somebody who has gone: that they have, who did what, and what phones are told.
const TRACES: [&str; 4] = ["audit_log", "erasures", "retention_reports", "sync_log"];

#[tokio::test]
async fn in_twelve_years_each_client_goes_in_their_time_and_whole() {
    let app = TestApp::new().await;
    // Somebody's care ended every five months, for as long as the agency could remember.
    let clients: Vec<_> = (0..48).map(|place| OldClient::new(ago(20, 0) + (24 * 150 * place).hours())).collect();
    app.with_old_clients(&clients).await;
    for client in [&clients[0], &clients[47]] {
        app.with_objects(client).await;
    }
    let toronto = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
    let local = |at: Timestamp| at.to_zoned(toronto.clone()).date();
    for half_year in (0..=24).rev() {
        let now = Timestamp::now() - SignedDuration::from_hours(24 * 182 * half_year);
        app.retain_at(now).await;
        for client in &clients {
            let due: Date = local(client.last_visit).checked_add(10.years()).unwrap();
            let there = app.database.count(&format!("select count(*) from clients where id = '{}'", client.id)).await;
            assert_eq!(there == 1, due > local(now), "due on {due}, at {now}");
        }
    }
    assert!(app.traces_of(&clients[0]).await.iter().all(|table| TRACES.contains(&table.as_str())));
    assert_eq!(app.objects_of(&clients[0]).await, 0);
    let kept: BTreeSet<_> = app.traces_of(&clients[47]).await.into_iter().collect();
    assert!(kept.len() > 15, "the test has put too little on record: {kept:?}");
    assert_eq!(app.objects_of(&clients[47]).await, OBJECTS);
    // The proof of the log stands, and that they have gone is on it.
    let gone = app.database.count("select count(*) from erasures where ended_at is not null").await;
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'client.erase'").await, gone);
    let jobs = app.jobs();
    jobs.at("audit-anchor", Timestamp::now()).await;
    jobs.run(json!({"job": "audit-verify"})).await.unwrap();
}

#[tokio::test]
async fn nothing_goes_before_its_plan_has_stood_and_a_time_to_come_is_not_believed() {
    let app = TestApp::new().await;
    let [old, young] = [OldClient::new(ago(10, 3)), OldClient::new(ago(9, 300))];
    app.with_old_clients(&[old, young]).await;
    let jobs = app.jobs();
    let in_a_century = Timestamp::now() + SignedDuration::from_hours(24 * 36_500);
    assert_eq!(jobs.at("retention", in_a_century).await.report.counts["planned"], 1);
    assert_eq!(jobs.at("retention", in_a_century).await.report.counts["erased"], 0);
    app.age_plans().await;
    assert_eq!(jobs.at("retention", in_a_century).await.report.counts["erased"], 1);
    assert_eq!(jobs.at("retention", in_a_century).await.report.counts["erased"], 0);
}

#[tokio::test]
async fn a_dry_run_counts_what_the_run_removes_and_changes_nothing() {
    let app = TestApp::new().await;
    let old = OldClient::new(ago(10, 3));
    app.with_old_clients(std::slice::from_ref(&old)).await;
    app.with_objects(&old).await;
    let everything = "select (select count(*) from clients) + (select count(*) from erasures)
        + (select count(*) from sync_log) + (select count(*) from retention_reports)";
    let before = app.database.count(everything).await;
    let dry = app.jobs().run(json!({"job": "retention", "dry_run": true})).await.unwrap().report.counts;
    assert_eq!((app.database.count(everything).await, app.objects_of(&old).await), (before, OBJECTS));
    let done = app.retain_at(Timestamp::now()).await.report.counts;
    assert_eq!((dry["due"], dry["objects"]), (done["erased"], OBJECTS));
    assert_eq!((dry["rows"], dry["objects"]), (done["rows"], done["objects"]));
}

#[tokio::test]
async fn years_are_counted_from_the_majority_of_whoever_was_a_minor() {
    let app = TestApp::new().await;
    let born = |years: i64| ago(years, 5).to_zoned(TimeZone::UTC).date();
    let child = |province, years| OldClient { province, born: born(years), ..OldClient::new(ago(15, 0)) };
    // 18 and ten years later in Ontario, 19 in British Columbia and wherever nobody knows.
    let clients = [child("ON", 28), child("ON", 27), child("BC", 28), child("BC", 29), child("??", 28)];
    app.with_old_clients(&clients).await;
    app.retain_at(Timestamp::now()).await;
    let there = async |client: &OldClient| app.traces_of(client).await.iter().any(|table| table == "clients");
    let mut left = Vec::new();
    for client in &clients {
        left.push(there(client).await);
    }
    assert_eq!(left, [false, true, true, false, true]);
    assert_eq!(app.database.count("select count(*) from erasures where rule = 'majority'").await, 2);
}

#[tokio::test]
async fn an_agency_keeps_its_records_for_as_long_as_it_says() {
    let app = TestApp::new().await;
    let old = OldClient::new(ago(8, 0));
    app.with_old_clients(&[old]).await;
    let years = async |years: i32| {
        let command = json!({"command": "set-retention", "id": AGENCY_A, "retention_years": years});
        app.operate(command).await.unwrap();
    };
    let jobs = app.jobs();
    let now = Timestamp::now();
    assert_eq!(jobs.at("retention", now).await.report.counts["planned"], 0);
    years(7).await;
    assert_eq!(jobs.at("retention", now).await.report.counts["planned"], 1);
    app.age_plans().await;
    // Whoever waits for a plan may think better of it.
    years(12).await;
    let counts = jobs.at("retention", now).await.report.counts;
    assert_eq!((counts["withdrawn"], counts["erased"]), (1, 0));
}

#[tokio::test]
async fn what_is_held_stays_until_the_hold_is_lifted() {
    let app = TestApp::new().await;
    let old = OldClient::new(ago(11, 0));
    app.with_old_clients(std::slice::from_ref(&old)).await;
    let admin = app.admin().await;
    let gone = async || app.retain_at(Timestamp::now()).await.report.counts["erased"];
    for (subject, id, held_by) in [("client_id", old.id, "client"), ("user_id", NURSE.id, "user")] {
        let hold = json!({"id": Uuid::now_v7(), subject: id, "reason": "a proceeding"});
        admin.post("/v1/privacy/holds", &hold).await.expect(201);
        assert_eq!(gone().await, 0, "{held_by}");
        let plan = admin.get("/v1/privacy/retention").await.expect(200);
        assert_eq!(plan["items"][0]["held_by"], held_by, "{plan}");
        let lift = format!("/v1/privacy/holds/{}/lift", hold["id"].as_str().unwrap());
        admin.post(&lift, &json!({"reason": "it has ended"})).await.expect(200);
    }
    let request = json!({"id": Uuid::now_v7(), "kind": "access", "client_id": old.id, "asked_by": "A daughter",
        "received_at": Timestamp::now()});
    admin.post("/v1/privacy/requests", &request).await.expect(201);
    assert_eq!(gone().await, 0);
    let path = format!("/v1/privacy/requests/{}", request["id"].as_str().unwrap());
    admin.patch(&path, &json!({"state": "fulfilled", "outcome": "on paper"})).await.expect(200);
    // What a phone sent of them, and nobody has settled.
    let device = app.nurse().await.device_id;
    let quarantined = format!(
        "insert into sync_quarantine (agency_id, device_id, user_id, table_name, record_id, body, body_sha256, reason)
         values ('{AGENCY_A}', '{device}', '{}', 'visits', 'x', '{{\"client_id\": \"{}\"}}', sha256(''), 'test')",
        NURSE.id, old.id
    );
    app.database.write(AGENCY_A, &quarantined).await;
    assert_eq!(gone().await, 0);
    app.database.superuser().await.batch_execute("delete from sync_quarantine").await.unwrap();
    assert_eq!(gone().await, 1);
}

#[tokio::test]
async fn a_run_cut_off_between_objects_and_rows_is_finished_by_the_next_unless_somebody_holds_it() {
    let app = TestApp::new().await;
    let old = OldClient::new(ago(11, 0));
    app.with_old_clients(std::slice::from_ref(&old)).await;
    app.with_objects(&old).await;
    let jobs = app.jobs();
    let now = Timestamp::now();
    jobs.at("retention", now).await;
    app.age_plans().await;
    // The agency, the client, and five objects; then the time is up.
    assert!(jobs.cut_off_after(7, "retention", now).await.report.cut_off);
    assert_eq!(app.objects_of(&old).await, OBJECTS - 5);
    let there = format!("select count(*) from visits where client_id = '{}'", old.id);
    assert_eq!(app.database.count(&there).await, 1);

    let hold = format!(
        "insert into legal_holds (id, agency_id, client_id, reason, placed_by)
         values (gen_random_uuid(), '{AGENCY_A}', '{}', 'a proceeding', '{}')",
        old.id, ADMIN.id
    );
    app.database.write(AGENCY_A, &hold).await;
    let counts = jobs.at("retention", now).await.report.counts;
    assert_eq!((counts["erased"], app.objects_of(&old).await), (0, OBJECTS - 5));
    let lifted = "update legal_holds set lifted_by = placed_by, lifted_at = now(), lift_reason = 'it has ended'
        where lifted_at is null";
    app.database.write(AGENCY_A, lifted).await;
    let counts = jobs.at("retention", now).await.report.counts;
    assert_eq!((counts["erased"], app.objects_of(&old).await), (1, 0));
    assert!(app.traces_of(&old).await.iter().all(|table| TRACES.contains(&table.as_str())));
}

#[tokio::test]
async fn phones_forget_whoever_has_gone_and_new_ones_never_hear_of_them() {
    let app = TestApp::new().await;
    let old = OldClient::new(ago(11, 0));
    app.with_old_clients(std::slice::from_ref(&old)).await;
    let mut phone = Phone::of(app.coordinator().await);
    let first = phone.pull(Some(0)).await;
    assert!(ids(&first, "clients", "created").contains(&old.id.to_string()));
    phone.pull(Some(0)).await;
    app.retain_at(Timestamp::now()).await;
    let mut deleted = Vec::new();
    for _ in 0..3 {
        let next = phone.pull(Some(0)).await;
        deleted.extend(ids(&next, "clients", "deleted"));
    }
    // Told again until the phone has shown that it arrived.
    deleted.dedup();
    assert_eq!(deleted, [old.id.to_string()]);
    let mut new = Phone::of(app.coordinator().await);
    let all = new.pull(Some(0)).await;
    assert!(ids(&all, "clients", "created").contains(&ALMA.to_string()));
    assert!(!all.to_string().contains(&old.id.to_string()), "{all}");
}

#[tokio::test]
async fn an_officer_reads_the_plan_and_what_has_gone_and_it_is_on_record() {
    let app = TestApp::new().await;
    let old = OldClient::new(ago(11, 0));
    app.with_old_clients(std::slice::from_ref(&old)).await;
    let admin = app.admin().await;
    let plan = admin.get("/v1/privacy/retention").await.expect(200);
    let due = &plan["items"][0];
    assert_eq!(
        (&due["client_id"], &due["rule"], &due["planned_at"]),
        (&json!(old.id), &json!("last_care"), &Value::Null)
    );
    assert_eq!((&due["rows"]["visits"], &due["rows"]["chart_revisions"]), (&json!(1), &json!(1)));
    let done = app.retain_at(Timestamp::now()).await.report.counts;
    let reports = admin.all_pages("/v1/privacy/retention/reports").await;
    assert_eq!(reports.len(), 2, "{reports:?}");
    assert_eq!((&reports[0]["erased"], &reports[1]["planned"]), (&json!([old.id]), &json!(1)));
    assert_eq!(reports[0]["removed_rows"], json!(done["rows"]));
    assert_eq!(admin.get("/v1/privacy/retention").await.expect(200)["items"], json!([]));
    let read = "select count(*) from audit_log where action in ('retention.plan', 'retention.list')";
    assert_eq!(app.database.count(read).await, 3);
}

#[tokio::test]
async fn nobody_takes_from_an_append_only_table_but_in_an_erasure_whose_time_has_come() {
    let app = TestApp::new().await;
    let [old, young] = [OldClient::new(ago(11, 0)), OldClient::new(ago(3, 0))];
    app.with_old_clients(&[old, young]).await;
    let refused = async |sql: String| {
        let owner = app.database.superuser().await;
        let act = format!("begin; select app.act_as_job('{AGENCY_A}'); {sql}");
        owner.batch_execute(&act).await.unwrap_err().code().map(|code| code.code().to_owned())
    };
    let denied = Some("42501".to_owned());
    for due_on in ["2020-01-01", "2010-01-01"] {
        let begun = format!(
            "insert into erasures (client_id, agency_id, rule, due_on)
             select id, agency_id, 'last_care', '{due_on}' from clients where last_name = 'Client'"
        );
        assert_eq!(refused(begun).await, denied);
    }
    app.jobs().at("retention", Timestamp::now()).await;
    for sql in [
        "update erasures set begun_at = now()",
        "delete from consents",
        "delete from chart_revisions",
        "delete from creations",
        "delete from legal_holds",
    ] {
        assert_eq!(refused(sql.to_owned()).await, denied, "{sql}");
    }
    app.age_plans().await;
    app.jobs().at("retention", Timestamp::now()).await;
    for sql in ["update erasures set ended_at = null", "delete from erasures", "truncate erasures"] {
        assert_eq!(refused(sql.to_owned()).await, denied, "{sql}");
    }
}
