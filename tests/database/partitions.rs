//! Tables that grow for ever: a partition a month, made ahead, forgotten when it is old, and read through the table.

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use super::catalog::{NO_PRIVILEGE, code, number, texts};
use crate::harness::{
    TestApp,
    fixtures::{ADMIN, AGENCY_A, NURSE, NURSES_VISIT},
};

const TABLES: [&str; 3] = ["audit_log", "sync_log", "sync_receipts"];

/// The first day of the month so many months after this one.
fn month(offset: i32) -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date().first_of_month() + offset.months()
}

fn start_of(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).unwrap().timestamp()
}

/// The names of a table's partitions.
async fn partitions(app: &TestApp, table: &str) -> BTreeSet<String> {
    let sql = format!("select inhrelid::regclass::text from pg_inherits where inhparent = '{table}'::regclass");
    texts(&app.database.superuser().await, &sql).await
}

fn named(table: &str, months: impl IntoIterator<Item = i32>) -> BTreeSet<String> {
    let of_month = |offset| format!("partitions.{table}_{}", month(offset).strftime("%Y_%m"));
    months.into_iter().map(of_month).chain([format!("partitions.{table}_default")]).collect()
}

/// A row of each table, of this time.
fn rows_of(at: Timestamp, place: usize) -> String {
    format!(
        "insert into sync_log (agency_id, number, table_name, record_id, operation, changed_columns, after, synced_at)
         values ('{AGENCY_A}', {place}, 'visits', '{NURSES_VISIT}', 'update', '{{}}', '{{}}', '{at}');
         insert into sync_receipts (device_id, record_id, agency_id, body_sha256, created_at)
         values (gen_random_uuid(), '{NURSES_VISIT}', '{AGENCY_A}', sha256(''), '{at}');
         insert into audit_log (id, at, action, resource) values (app.uuid7_from('{at}'), '{at}', 'a.b', '{place}');"
    )
}

async fn insert(app: &TestApp, rows: &str) {
    let sql = format!("set session_replication_role = replica; {rows}");
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn in_a_year_partitions_come_and_go_and_nothing_young_goes() {
    const FIRST: i32 = -14;
    let app = TestApp::new().await;
    for table in TABLES {
        assert_eq!(partitions(&app, table).await, named(table, 0..=2));
    }
    // Apart from what this test adds.
    let mut numbered = 1_000_000;
    let counter = format!("update agency_counters set number = 2000000 where agency_id = '{AGENCY_A}'");
    insert(&app, &counter).await;
    let mut written = Vec::new();
    for now in (FIRST..=0).map(month) {
        let at = start_of(now);
        app.forget_at(at).await;
        for day in [0, 9, 27] {
            numbered += 1;
            let time = start_of(now + day.days()).min(Timestamp::now());
            insert(&app, &rows_of(time, numbered)).await;
            written.push((numbered, time));
        }
        let strays = "select (select count(*) from partitions.sync_log_default)
            + (select count(*) from partitions.sync_receipts_default)
            + (select count(*) from partitions.audit_log_default)";
        assert_eq!(app.database.count(strays).await, 0, "{now}: every month had its partition before it came");

        // What is gone is half a year old and more: whole months.
        let half_a_year_ago = at - (24 * 180).hours();
        let kept = texts(
            &app.database.superuser().await,
            "select number::text from sync_log where number between 1000000 and 1999999",
        )
        .await;
        for (place, time) in &written {
            let next = time.to_zoned(TimeZone::UTC).date().first_of_month() + 1.month();
            assert_eq!(
                kept.contains(&place.to_string()),
                start_of(next) > half_a_year_ago,
                "{place} of {time} at {now}"
            );
        }
        assert_eq!(app.database.count("select count(*) from audit_log where resource ~ '^[0-9]+$'").await, {
            i64::try_from(written.len()).unwrap()
        });
        let receipts = "select count(*) from sync_receipts where body_sha256 = sha256('')";
        assert_eq!(app.database.count(receipts).await, i64::try_from(kept.len()).unwrap());
        let gone = written.iter().map(|(place, _)| *place).rfind(|place| !kept.contains(&place.to_string()));
        let from = format!("select tombstones_from from agency_counters where agency_id = '{AGENCY_A}'");
        assert_eq!(app.database.count(&from).await, i64::try_from(gone.unwrap_or(0)).unwrap(), "{now}");
    }
    for table in ["sync_log", "sync_receipts"] {
        let left = partitions(&app, table).await;
        assert!(left.is_subset(&named(table, -7..=2)) && left.is_superset(&named(table, -6..=2)), "{left:?}");
    }
    assert_eq!(partitions(&app, "audit_log").await, named("audit_log", FIRST..=2));
}

#[tokio::test]
async fn a_time_to_come_is_not_believed() {
    let app = TestApp::new().await;
    insert(&app, &rows_of(Timestamp::now() - (24 * 100).hours(), 1)).await;
    app.jobs().at("clean-up", Timestamp::now()).await;
    let before = partitions(&app, "sync_log").await;
    assert_eq!(app.forget_at(Timestamp::now() + (24 * 3650).hours()).await, 0);
    assert_eq!(partitions(&app, "sync_log").await, before);
}

#[tokio::test]
async fn a_row_of_no_month_is_kept_and_gets_a_partition() {
    let app = TestApp::new().await;
    let superuser = app.database.superuser().await;
    let all = "select (select count(*) from sync_log) + (select count(*) from sync_receipts)
        + (select count(*) from audit_log)";
    // Nobody has made the months to come: the job didn't run.
    let before = number(&superuser, all).await;
    insert(&app, &rows_of(start_of(month(4)), 1_000_001)).await;
    insert(&app, &rows_of(start_of(month(6)), 1_000_002)).await;
    let there = number(&superuser, all).await;
    assert_eq!(there, before + 6);
    assert_eq!(app.jobs().at("clean-up", Timestamp::now()).await.report.counts["partitions_made"], 3);
    assert_eq!(number(&superuser, "select count(*) from partitions.audit_log_default").await, 0);
    assert_eq!(number(&superuser, all).await, there);
    let name = format!("partitions.audit_log_{}_to_{}", month(4).strftime("%Y_%m"), month(6).strftime("%Y_%m"));
    assert!(partitions(&app, "audit_log").await.contains(&name), "{name}");

    // Between others, and on both sides of them: they stay, and the job goes on.
    insert(&app, &rows_of(start_of(month(3)), 1_000_003)).await;
    insert(&app, &rows_of(start_of(month(9)), 1_000_004)).await;
    assert_eq!(app.jobs().at("clean-up", Timestamp::now()).await.report.counts["partitions_made"], 0);
    assert_eq!(number(&superuser, "select count(*) from partitions.audit_log_default").await, 2);
    assert_eq!(number(&superuser, all).await, there + 6);
}

#[tokio::test]
async fn partitions_are_read_through_their_table_alone() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    let all = texts(
        &owner,
        "select oid::regclass::text from pg_class where relnamespace = 'partitions'::regnamespace and relkind = 'r'",
    )
    .await;
    assert_eq!(all.len(), TABLES.len() * 4 + 2, "{all:?}");
    let open = "select relname::text from pg_class where relnamespace = 'partitions'::regnamespace
        and relkind in ('r', 'p') and not (relrowsecurity and relforcerowsecurity)";
    assert_eq!(texts(&owner, open).await, BTreeSet::new());
    let policies = "select distinct policyname || ' ' || roles::text from pg_policies where schemaname = 'partitions'";
    let [definer, backup] = ["definer_functions {berthcare_migrate}", "backup_reads_all {berthcare_backup}"];
    assert_eq!(texts(&owner, policies).await, [backup, definer].map(str::to_owned).into());
    let (app_role, readonly) =
        (app.database.connect_as("berthcare_app").await, app.database.connect_as("berthcare_readonly").await);
    let (backup, migrate) =
        (app.database.connect_as("berthcare_backup").await, app.database.connect_as("berthcare_migrate").await);
    readonly.batch_execute("set default_transaction_read_only = off").await.unwrap();
    backup.batch_execute("set default_transaction_read_only = off").await.unwrap();
    for table in &all {
        let count = format!("select count(*) from {table}");
        for role in [&app_role, &readonly] {
            for sql in [&count, &format!("delete from {table}"), &format!("truncate {table}")] {
                assert_eq!(code(role, sql).await.as_deref(), Some(NO_PRIVILEGE), "{sql}");
            }
        }
        assert_eq!(number(&backup, &count).await, number(&owner, &count).await, "{table}");
        assert_eq!(code(&backup, &format!("delete from {table}")).await.as_deref(), Some(NO_PRIVILEGE));
        if table.contains("audit_log") {
            assert_eq!(code(&migrate, &format!("truncate {table}")).await.as_deref(), Some(NO_PRIVILEGE), "{table}");
        }
    }
    let this_month = format!("partitions.audit_log_{}", month(0).strftime("%Y_%m"));
    for sql in [format!("delete from {this_month}"), format!("update {this_month} set action = 'a.b'")] {
        assert_eq!(code(&migrate, &sql).await.as_deref(), Some(NO_PRIVILEGE), "{sql}");
    }
    // Helpers are the definer functions' own.
    for call in ["app.make_partition('a', true, 'b', now(), now())", "app.raise_tombstones(now(), now())"] {
        assert_eq!(code(&app_role, &format!("select {call}")).await.as_deref(), Some(NO_PRIVILEGE), "{call}");
    }
}

#[tokio::test]
async fn the_chain_is_proven_without_the_rows_that_were_forgotten() {
    let app = TestApp::new().await;
    let jobs = app.jobs();
    let entry = |at: Timestamp, resource: u8| {
        format!(
            "insert into audit_log (id, at, action, resource)
             values (app.uuid7_from('{at}'), '{at}', 'a.b', '{resource}'); select app.make_partitions(now());"
        )
    };
    let long_ago = start_of(month(-12 * 11));
    let entries = [entry(long_ago, 1), entry(long_ago + 1.hour(), 2), entry(start_of(month(-3)), 3)];
    insert(&app, &entries.concat()).await;
    assert_eq!(app.database.count("select count(*) from partitions.audit_log_default").await, 0);
    // Not before they are sealed.
    jobs.at("clean-up", Timestamp::now()).await;
    let hour = "update partitions.forgotten set announced_at = announced_at - interval '61 minutes'";
    app.database.superuser().await.batch_execute(hour).await.unwrap();
    let unsealed = jobs.run(serde_json::json!({"job": "clean-up"})).await.unwrap_err().to_string();
    assert!(unsealed.contains("database"), "{unsealed}");

    jobs.at("audit-seal", Timestamp::now()).await;
    // Nor while anybody's records are held.
    let held = format!(
        "insert into legal_holds (id, agency_id, user_id, reason, placed_by)
         values (gen_random_uuid(), '{AGENCY_A}', '{}', 'a proceeding', '{}')",
        NURSE.id, ADMIN.id
    );
    app.database.write(AGENCY_A, &held).await;
    assert_eq!(jobs.at("clean-up", Timestamp::now()).await.report.counts["partitions_forgotten"], 0);
    let lifted = "update legal_holds set lifted_by = placed_by, lifted_at = now(), lift_reason = 'it has ended'";
    app.database.write(AGENCY_A, lifted).await;
    assert_eq!(jobs.at("clean-up", Timestamp::now()).await.report.counts["partitions_forgotten"], 1);
    assert_eq!(app.database.count("select count(*) from audit_log where resource in ('1', '2')").await, 0);
    let links = app.database.count("select count(*) from audit_chain").await;
    let proven = async || jobs.run(serde_json::json!({"job": "audit-verify"})).await;
    assert_eq!(i64::try_from(proven().await.unwrap().report.counts["links"]).unwrap(), links);

    // A link of theirs is held by the next one, and a younger row must be there, whatever is said to be forgotten.
    let superuser = app.database.superuser().await;
    superuser.batch_execute("set session_replication_role = replica").await.unwrap();
    for (what, sql, told) in [
        ("a forgotten row's link altered", "update audit_chain set hash = sha256('x') where number = 2", "link 3"),
        ("a forgotten row's link removed", "delete from audit_chain where number = 1", "link 1"),
        ("a young row removed", "delete from audit_log where resource = '3'", "link 3"),
        (
            "a young row removed and said to be forgotten",
            "delete from audit_log where resource = '3'; 
             insert into partitions.forgotten (table_name, starts, ends, dropped_at)
             values ('audit_log', '2020-01-01', now(), now())",
            "link 3",
        ),
    ] {
        let kept =
            "create temp table chain as select * from audit_chain; create temp table log as select * from audit_log";
        superuser.batch_execute(&format!("{kept}; {sql}")).await.unwrap();
        let error = proven().await.unwrap_err().to_string();
        assert!(error.contains(told), "{what}: {error}");
        superuser
            .batch_execute(
                "truncate audit_chain, audit_log; insert into audit_chain select * from chain;
                 insert into audit_log select * from log; drop table chain, log",
            )
            .await
            .unwrap();
    }
    proven().await.unwrap();
}

#[tokio::test]
async fn the_log_is_kept_as_long_as_any_agency_keeps_its_records() {
    let app = TestApp::new().await;
    let long_ago = start_of(month(-12 * 11));
    let entry = format!(
        "insert into audit_log (id, at, action, resource)
         values (overlay(overlay(app.uuid7_from('{long_ago}')::text placing '7' from 15 for 1)
           placing '8' from 20 for 1)::uuid, '{long_ago}', 'a.b', '1'); select app.make_partitions(now());"
    );
    insert(&app, &entry).await;
    app.jobs().at("audit-seal", Timestamp::now()).await;
    let years = async |years: i32| {
        let command = serde_json::json!({"command": "set-retention", "id": AGENCY_A, "retention_years": years});
        app.operate(command).await.unwrap();
    };
    years(12).await;
    assert_eq!(app.forget_at(Timestamp::now()).await, 0);
    years(10).await;
    assert_eq!(app.forget_at(Timestamp::now()).await, 1);
    // Who keeps longer from now on doesn't make the proof fail.
    years(12).await;
    app.jobs().run(serde_json::json!({"job": "audit-verify"})).await.unwrap();
    let copy = app.database.connect_as("berthcare_backup").await;
    let proof = local::audit_proof::prove(&copy, &[], Timestamp::now()).await.unwrap();
    assert_eq!(proof.faults, [""; 0]);
}
