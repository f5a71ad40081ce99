//! How PostgreSQL answers each hot path: by indexes, reading what concerns the caller and nothing else, in an agency of
//! three clients as in one that is full, and whatever the statistics say when the plans are made.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Client, TestApp,
    fixtures::{NURSE, NURSES_VISIT, PASSWORD},
    phone::{Phone, edited, row, updated},
    plans::{Plans, Scan},
};

/// What grows: none of these is ever read from end to end.
const LARGE: [&str; 13] = [
    "alerts",
    "audit_log",
    "care_team",
    "client_marks",
    "clients",
    "creations",
    "devices",
    "photos",
    "sync_log",
    "sync_receipts",
    "users",
    "visit_tasks",
    "visits",
];

/// Others' work: people and their devices, clients, visits with two tasks each, and half a year of log.
async fn fill(app: &TestApp) {
    let agency = NURSE.agency;
    let months: Vec<_> =
        (0..6).map(|month| format!("select app.make_partitions(now() - interval '{month} months')")).collect();
    let months = months.join(";");
    let sql = format!(
        "{months}; set session_replication_role = replica;
         insert into users (id, agency_id, email, phone, first_name, last_name, role)
         select md5('u' || n)::uuid, '{agency}', n || '@full.test', '+14165550199', 'N', 'H', 'nurse'
         from generate_series(0, 999) n;
         insert into devices (id, agency_id, user_id, name, platform, app_version)
         select md5('d' || n)::uuid, '{agency}', md5('u' || n % 1000)::uuid, 'phone', 'ios', '1'
         from generate_series(1, 3000) n;
         insert into clients (id, agency_id, first_name, last_name, date_of_birth, address, change_number)
         select md5('c' || n)::uuid, '{agency}', 'A', 'B', '1940-01-01', '{{}}', 10000 + n
         from generate_series(0, 499) n;
         insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end, change_number)
         select md5('v' || n)::uuid, '{agency}', md5('c' || n % 500)::uuid, md5('u' || n % 100)::uuid,
           now() - n % 4000 * interval '1 hour', now() - n % 4000 * interval '1 hour' + interval '30 minutes', 20000 + n
         from generate_series(1, 20000) n;
         insert into visit_tasks (id, agency_id, client_id, visit_id, task_type, title, change_number)
         select md5('t' || n)::uuid, '{agency}', v.client_id, v.id, 'meals', 'Lunch', 100000 + n
         from generate_series(1, 40000) n join visits v on v.id = md5('v' || 1 + n % 20000)::uuid;
         insert into care_team (id, agency_id, client_id, user_id, relation, starts_on, change_number)
         select md5('g' || n)::uuid, '{agency}', md5('c' || n)::uuid, md5('u' || n % 100)::uuid, 'nurse',
           current_date - 400, 500000 + n from generate_series(0, 499) n;
         insert into client_marks (client_id, agency_id, number)
         select md5('c' || n)::uuid, '{agency}', 10000 + n from generate_series(0, 499) n;
         insert into sync_log (agency_id, number, table_name, record_id, client_id, operation, changed_columns, after,
           synced_at)
         select '{agency}', 20000 + n, 'visits', md5('v' || n % 20000)::uuid, md5('c' || n % 500)::uuid,
           (case n % 20 when 0 then 'delete' else 'update' end)::change_operation, '{{notes}}', '{{}}',
           now() - (60000 - n) * interval '4 minutes'
         from generate_series(1, 60000) n;
         insert into partitions.counter_readings (agency_id, number, at) values ('{agency}', 600000, now());
         update agency_counters set number = 700000 where agency_id = '{agency}'"
    );
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
}

/// Every hot path, each through a session that has no plans yet, and what it scanned.
async fn scans(app: &TestApp, plans: &Plans, url: &str, visit: Uuid) -> BTreeMap<&'static str, Vec<Scan>> {
    let fresh = |client: &Client| client.through(app.with_database(url.to_owned()));
    let nurse = app.nurse().await;
    let coordinator = app.coordinator().await;
    let mut scanned = BTreeMap::new();
    plans.scans();
    let day = format!("/v1/visits?from=2026-01-01T00:00:00Z&to=2030-01-01T00:00:00Z&user_id={}", NURSE.id);
    fresh(&nurse).get(&day).await.expect(200);
    scanned.insert("a nurse's day", plans.scans());
    fresh(&nurse).get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    scanned.insert("one visit", plans.scans());
    let here = json!({"latitude": 43.65, "longitude": -79.38, "at": Timestamp::now()});
    fresh(&nurse).post(&format!("/v1/visits/{visit}/check-in"), &here).await.expect(200);
    scanned.insert("check-in", plans.scans());
    let mut phone = Phone::of(fresh(&nurse));
    let first = phone.pull(Some(0)).await;
    scanned.insert("first sync", plans.scans());
    phone.client = fresh(&nurse);
    phone.pull(Some(0)).await;
    scanned.insert("pull of nothing", plans.scans());
    let note = |text: &str| -> Value {
        updated("visits", &[edited(row(&first, "visits", NURSES_VISIT), &[("notes", json!(text))])])
    };
    phone.client = fresh(&nurse);
    phone.push(note(&format!("One {visit}"))).await.expect(200);
    scanned.insert("push", plans.scans());
    phone.client = fresh(&nurse);
    phone.pull(Some(0)).await;
    scanned.insert("pull after a push", plans.scans());
    let change = json!({"family_note": format!("From the office {visit}")});
    coordinator.patch(&format!("/v1/visits/{NURSES_VISIT}"), &change).await.expect(200);
    phone.client = fresh(&nurse);
    phone.pull(Some(1)).await;
    scanned.insert("pull of a change", plans.scans());
    phone.client = fresh(&nurse);
    phone.push(note(&format!("Two {visit}"))).await.expect(200);
    scanned.insert("later push", plans.scans());
    fresh(&nurse).login(NURSE.email, PASSWORD).await.expect(200);
    scanned.insert("sign-in", plans.scans());
    scanned
}

/// A partition's table.
fn table_of(scan: &Scan) -> &str {
    LARGE.into_iter().find(|table| scan.table.starts_with(&format!("{table}_2"))).unwrap_or(&scan.table)
}

fn complaints(when: &str, scanned: &BTreeMap<&'static str, Vec<Scan>>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, scans) in scanned {
        assert!(!scans.is_empty(), "{when}, {path}: no plan was told");
        for scan in scans {
            // Of a few rows it is the shortest way.
            if scan.kind.contains("Seq Scan") && LARGE.contains(&table_of(scan)) && scan.rows > 50.0 {
                wrong.push(format!("{when}, {path}: {} is read from end to end", scan.table));
            }
            // Where the visibility map is as the statistics are: of our time.
            if when.ends_with("analyzed") && scan.index == "care_team_by_user" && scan.kind != "Index Only Scan" {
                wrong.push(format!("{when}, {path}: the caller's clients by {}", scan.kind));
            }
        }
    }
    wrong
}

fn rows(scans: &[Scan]) -> f64 {
    scans.iter().map(|scan| scan.rows).sum()
}

#[tokio::test]
async fn hot_paths_go_by_indexes_and_read_no_more_in_a_full_agency() {
    let app = TestApp::new().await;
    app.add_visits(5, ("notes", "'one to come'")).await;
    let own = "select id::text from visits where notes = 'one to come' order by id";
    let visits: Vec<Uuid> = app
        .database
        .superuser()
        .await
        .query_typed(own, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get::<_, String>(0).parse().unwrap())
        .collect();
    let (plans, url) = Plans::before(&app.database).await;
    let superuser = app.database.superuser().await;

    let small = scans(&app, &plans, &url, visits[0]).await;
    let mut wrong = complaints("without statistics", &small);
    superuser.batch_execute("vacuum analyze").await.unwrap();
    wrong.extend(complaints("a small agency, analyzed", &scans(&app, &plans, &url, visits[1]).await));
    fill(&app).await;
    wrong.extend(complaints("a full agency, statistics of a small one", &scans(&app, &plans, &url, visits[2]).await));
    superuser.batch_execute("vacuum analyze").await.unwrap();
    let large = scans(&app, &plans, &url, visits[3]).await;
    wrong.extend(complaints("a full agency, analyzed", &large));
    // As if every table were empty.
    let emptied = "update pg_class set reltuples = 0, relpages = 0, relallvisible = 0
        where relnamespace in ('public'::regnamespace, 'partitions'::regnamespace)";
    superuser.batch_execute(emptied).await.unwrap();
    wrong.extend(complaints("a full agency, said to be empty", &scans(&app, &plans, &url, visits[4]).await));

    for (path, scans) in &large {
        let (few, many) = (rows(&small[path]), rows(scans));
        if many > few * 1.25 + 20.0 {
            let most: Vec<_> = scans.iter().filter(|scan| scan.rows > 20.0).collect();
            wrong.push(format!("{path}: {many} rows are read in a full agency, {few} in a small one: {most:?}"));
        }
        // Of logs, what was written since the cursor or since the record was made: not every month.
        for log in ["sync_log", "sync_receipts"] {
            // What is to come is empty.
            let until = format!("{log}_{}", Timestamp::now().strftime("%Y_%m"));
            let asked = scans.iter().filter(|scan| table_of(scan) == log && scan.table != log && scan.table <= until);
            let months: BTreeSet<_> = asked.map(|scan| &scan.table).collect();
            if months.len() > 2 {
                wrong.push(format!("{path}: {log} is looked up in {months:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
