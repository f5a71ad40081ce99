//! What the database holds by itself, whoever writes: the counter, the log, what is never changed, and who is let near.

use std::collections::BTreeSet;

use app::DatabaseSource;
use futures_util::join;
use jiff::Timestamp;
use local::prepare;
use schema::{CODE, Done, Phase};
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::harness::{
    Database, TestApp,
    fixtures::{
        ADMIN, AGENCY_A, AGENCY_B, ALMA, BERNARD, CHLOE, COORDINATOR, NURSE, NURSE_B, NURSES_MEALS, NURSES_VISIT,
        NURSES_VITALS,
    },
};

/// What phones hold, and what decides who may hold it.
const SYNCED: [&str; 6] = ["alerts", "care_team", "clients", "photos", "visit_tasks", "visits"];
/// Logs: each row says itself when and by whom, and is never changed.
/// What is no change of its own.
const BOOKKEEPING: &str = "'{created_at,created_by,updated_at,updated_by,change_number,search_name}'::text[]";
const LOGS: [&str; 3] = ["audit_chain", "audit_log", "sync_log"];
/// What `migrate` has applied.
const HISTORY: [&str; 2] = ["applied_code", "refinery_schema_history"];
const NO_PRIVILEGE: &str = "42501";

async fn texts(client: &Client, sql: &str) -> BTreeSet<String> {
    client.query_typed(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(ToOwned::to_owned).into()
}

async fn tables(client: &Client) -> BTreeSet<String> {
    texts(client, "select tablename::text from pg_tables where schemaname = 'public'").await
}

/// The code of the error that a statement ends in, and the transaction that it was in.
async fn code(client: &Client, sql: &str) -> Option<String> {
    let error = client.batch_execute(sql).await.err().map(|error| error.code().unwrap().code().to_owned());
    client.batch_execute("rollback").await.unwrap();
    error
}

/// How a transaction begins that writes what phones hold.
fn as_job(agency: Uuid, numbers: u32) -> String {
    format!("begin; select app.act_as_job('{agency}'); select app.reserve_change_numbers({numbers})")
}

async fn json_of(client: &Client, sql: &str) -> Value {
    client.query_typed(sql, &[]).await.unwrap()[0].get(0)
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_typed(sql, &[]).await.unwrap()[0].get(0)
}

/// Gives every synced table a row of agency A.
async fn with_photo_and_alert(app: &TestApp) {
    let sql = format!(
        "insert into photos (id, agency_id, client_id, kind, content_type, bytes, sha256)
         values (gen_random_uuid(), '{AGENCY_A}', '{ALMA}', 'photo', 'image/jpeg', 1, decode(repeat('00', 32), 'hex'));
         insert into alerts (id, agency_id, client_id, severity, reason)
         values (gen_random_uuid(), '{AGENCY_A}', '{ALMA}', 'high', 'a fall')"
    );
    app.database.write(AGENCY_A, &sql).await;
}

#[tokio::test]
async fn the_application_cant_alter_the_schema() {
    let app = TestApp::new().await;
    let app_role = app.database.connect_as("berthcare_app").await;
    let mut wrong = Vec::new();
    for sql in [
        "create table mine (id uuid)",
        "create table app.mine (id uuid)",
        "create schema mine",
        "create extension pgcrypto",
        "create function mine() returns int language sql return 1",
        "create function app.mine() returns int language sql return 1",
        "create or replace function app.sees_agency() returns boolean language sql stable parallel safe return true",
        "alter function app.act_as security invoker",
        "drop function app.act_as",
        "create view mine as select id from users",
        "create index on users (phone)",
        "create trigger mine before insert on users execute function app.stamp_times()",
        "create policy mine on users using (true)",
        "drop policy visible on users",
        "alter table users disable row level security",
        "alter table users disable trigger all",
        "alter table users add column mine text",
        "alter table users owner to berthcare_app",
        "drop table creations",
        "truncate creations",
        "grant select on users to berthcare_readonly",
        "create or replace trigger append_only before update on users execute function app.refuse_change()",
        "grant execute on function app.audit_text to berthcare_app",
        "update applied_code set checksum = '0'",
        "set session_replication_role = replica",
        "set role berthcare_migrate",
        "alter role berthcare_app bypassrls",
        "create role mine",
        "create database mine",
        "select count(*) from refinery_schema_history",
        "update refinery_schema_history set checksum = '0'",
    ] {
        match code(&app_role, sql).await.as_deref() {
            Some(NO_PRIVILEGE) => {}
            other => wrong.push(format!("{other:?}: {sql}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let unsafe_functions = texts(
        &app_role,
        "select proname::text from pg_proc where pronamespace = 'app'::regnamespace and prosecdef
           and not coalesce(proconfig::text like '%search_path%', false)",
    )
    .await;
    assert_eq!(unsafe_functions, BTreeSet::new(), "definer functions that could be led to other tables");
}

#[tokio::test]
async fn the_application_cant_read_secrets() {
    let app = TestApp::new().await;
    let app_role = app.database.connect_as("berthcare_app").await;
    for sql in [
        "select password_hash from users",
        "select * from users",
        "select users from users",
        "select to_jsonb(users) from users",
        "select count(*) from users where password_hash like '$argon2%'",
        "select id from users order by password_hash",
        "update users set first_name = password_hash",
        "update users set first_name = 'N' returning password_hash",
    ] {
        let act = format!("begin; select app.act_as_job('{AGENCY_A}'); {sql}");
        assert_eq!(code(&app_role, &act).await.as_deref(), Some(NO_PRIVILEGE), "{sql}");
    }
}

#[tokio::test]
async fn every_table_has_what_every_table_must_have() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    let mut all = tables(&owner).await;
    for table in HISTORY {
        assert!(all.remove(table));
    }

    let with = async |columns: &str| {
        let sql = "select table_name::text from information_schema.columns where table_schema = 'public' and ";
        texts(&owner, &format!("{sql} {columns} group by 1")).await
    };
    let without = |names: &[&str]| -> BTreeSet<String> {
        all.iter().filter(|table| !names.contains(&table.as_str())).cloned().collect()
    };
    // Our sending numbers are every agency's.
    assert_eq!(with("column_name = 'agency_id'").await, without(&["agencies", "rate_limits"]));
    // A sign-in with an unknown address, and a message from an unknown number, are nobody's.
    let known = with("column_name = 'agency_id' and is_nullable = 'NO'").await;
    assert_eq!(known, without(&["agencies", "audit_chain", "audit_log", "inbound_messages", "rate_limits"]));
    for (name, nullable) in [("created_at", "NO"), ("updated_at", "NO"), ("created_by", "YES"), ("updated_by", "YES")] {
        let there = with(&format!("column_name = '{name}' and is_nullable = '{nullable}'")).await;
        assert_eq!(there, without(&LOGS), "{name}");
    }
    assert_eq!(with("column_name = 'change_number' and is_nullable = 'NO'").await, set(SYNCED));
    // Whatever a person makes and takes away again.
    let mut softly_deleted = set(SYNCED);
    softly_deleted.insert("users".into());
    assert_eq!(with("column_name = 'deleted_at'").await, softly_deleted);

    for role in ["berthcare_backup", "berthcare_readonly"] {
        let read = format!(
            "select tablename::text from pg_policies
             where schemaname = 'public' and roles = '{{{role}}}' and cmd = 'SELECT' and qual = 'true'"
        );
        let mut readable = texts(&owner, &read).await;
        readable.retain(|table| !HISTORY.contains(&table.as_str()));
        assert_eq!(readable, all, "{role}");
    }
    // What definer functions and migrations do; nobody else becomes the owner.
    let owned = "select tablename::text from pg_policies
         where schemaname = 'public' and roles = '{berthcare_migrate}' and cmd = 'ALL' and qual = 'true'";
    assert_eq!(texts(&owner, owned).await, tables(&owner).await);
    let open_to_others = "select tablename::text from pg_policies where schemaname = 'public'
         and not roles && '{berthcare_app,berthcare_backup,berthcare_readonly,berthcare_migrate}'";
    assert_eq!(texts(&owner, open_to_others).await, BTreeSet::new());

    let triggered = async |function: &str, bits: i32| {
        texts(
            &owner,
            &format!(
                "select tgrelid::regclass::text from pg_trigger
                 where not tgisinternal and tgfoid = 'app.{function}'::regproc and tgtype & {bits} = {bits} group by 1"
            ),
        )
        .await
    };
    // pg_trigger.tgtype: row 1, before 2, insert 4, update 16.
    let (row_before_insert, row_before_update, row_after_both) = (1 + 2 + 4, 1 + 2 + 16, 1 + 4 + 16);
    assert_eq!(triggered("stamp_change", row_before_insert).await, set(SYNCED));
    assert_eq!(triggered("stamp_change", row_before_update).await, set(SYNCED));
    assert_eq!(triggered("log_change", row_after_both).await, set(SYNCED));
    let mut others = without(&LOGS);
    others.retain(|table| !SYNCED.contains(&table.as_str()));
    assert_eq!(triggered("stamp_times", row_before_insert).await, others);
    others.retain(|table| !["consents", "creations"].contains(&table.as_str()));
    assert_eq!(triggered("stamp_times", row_before_update).await, others);
}

#[tokio::test]
async fn nothing_points_into_another_agency() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    // Who wrote a row is set by triggers. The audit chain is one for all agencies.
    let loose = texts(
        &owner,
        "select c.conname::text from pg_constraint c
         where c.contype = 'f' and c.connamespace = 'public'::regnamespace and c.confrelid <> 'agencies'::regclass
           and not exists (select from pg_attribute a
             where a.attrelid = c.conrelid and a.attnum = any (c.conkey)
               and a.attname in ('agency_id', 'created_by', 'updated_by'))",
    )
    .await;
    assert_eq!(loose, set(["audit_chain_audit_id_fkey"]));

    let (begin, nurse_b) = (as_job(AGENCY_A, 1), NURSE_B.id);
    let visit = format!(
        "{begin}; insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end)
         values (gen_random_uuid(), '{AGENCY_A}', '{ALMA}', '{nurse_b}', now(), now() + interval '1 hour')"
    );
    let foreign_key = Some("23503");
    assert_eq!(code(&owner, &visit).await.as_deref(), foreign_key);
    let member = format!("{begin}; update care_team set user_id = '{nurse_b}' where client_id = '{BERNARD}'");
    assert_eq!(code(&owner, &member).await.as_deref(), foreign_key);
    let moved = format!("{begin}; update clients set agency_id = '{AGENCY_B}' where id = '{CHLOE}'");
    assert_eq!(code(&owner, &moved).await.as_deref(), Some(NO_PRIVILEGE));
}

#[tokio::test]
async fn only_the_application_writes_and_the_others_read_no_more_than_they_need() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    let all = tables(&owner).await;
    for (role, hidden) in [("berthcare_readonly", &HISTORY[..]), ("berthcare_backup", &[])] {
        let client = app.database.connect_as(role).await;
        // Only a default of the role's sessions.
        client.batch_execute("set default_transaction_read_only = off").await.unwrap();
        for table in &all {
            let count = format!("select count(*) from {table}");
            if hidden.contains(&table.as_str()) {
                assert_eq!(code(&client, &count).await.as_deref(), Some(NO_PRIVILEGE), "{role}");
                continue;
            }
            let (seen, there) = (number(&client, &count).await, number(&owner, &count).await);
            assert_eq!(seen, there, "{role} {table}");
            let whole = client.batch_execute(&format!("select * from {table}")).await;
            assert_eq!(whole.is_ok(), role == "berthcare_backup" || table != "users", "{role} {table}");
            for write in ["delete from", "truncate", "insert into"] {
                let sql = format!("{write} {table} {}", if write == "insert into" { "default values" } else { "" });
                assert_eq!(code(&client, &sql).await.as_deref(), Some(NO_PRIVILEGE), "{role} {sql}");
            }
        }
        let sql = "update users set first_name = 'N'";
        assert_eq!(code(&client, sql).await.as_deref(), Some(NO_PRIVILEGE), "{role}");
        let functions = format!(
            "select oid::regprocedure::text from pg_proc
             where pronamespace = 'app'::regnamespace and has_function_privilege('{role}', oid, 'execute')"
        );
        assert_eq!(texts(&owner, &functions).await, BTreeSet::new(), "{role}");
    }
    let readonly = app.database.connect_as("berthcare_readonly").await;
    let hashes = "select password_hash from users";
    assert_eq!(code(&readonly, hashes).await.as_deref(), Some(NO_PRIVILEGE));
    assert!(!texts(&readonly, "select email from users").await.is_empty());

    let more =
        "select t.tablename || ' ' || p from pg_tables t, unnest('{delete,truncate,references,trigger}'::text[]) p
         where t.schemaname = 'public' and has_table_privilege('berthcare_app', t.tablename::text, p)";
    assert_eq!(texts(&owner, more).await, BTreeSet::new());
}

#[tokio::test]
async fn what_phones_hold_is_never_written_without_the_counter() {
    let app = TestApp::new().await;
    with_photo_and_alert(&app).await;
    for role in ["berthcare_app", "the owner"] {
        let client = match role {
            "the owner" => app.database.superuser().await,
            role => app.database.connect_as(role).await,
        };
        // Numbers taken by a transaction before are not this one's.
        client.batch_execute(&format!("{}; commit", as_job(AGENCY_A, 100))).await.unwrap();
        for table in SYNCED {
            let act = format!("begin; select app.act_as_job('{AGENCY_A}');");
            let update = format!("update {table} set deleted_at = now() where agency_id = '{AGENCY_A}'");
            assert_eq!(code(&client, &format!("{act} {update}")).await.as_deref(), Some("BC500"), "{role} {table}");
            let count = format!("{act} select app.reserve_change_numbers(1); {update}");
            assert_eq!(code(&client, &count).await, None, "{role} {table}");
        }
        let insert = format!(
            "begin; select app.act_as_job('{AGENCY_A}');
             insert into clients (id, agency_id, first_name, last_name, date_of_birth, address)
             values (gen_random_uuid(), '{AGENCY_A}', 'F', 'L', '1940-01-01', '{{}}')"
        );
        assert_eq!(code(&client, &insert).await.as_deref(), Some("BC500"), "{role}");
    }
}

#[tokio::test]
async fn number_order_is_commit_order() {
    let app = TestApp::new().await;
    let (first, second) = join!(app.database.connect_as("berthcare_app"), app.database.connect_as("berthcare_app"));
    let owner = app.database.superuser().await;
    let pid: i32 = second.query_typed("select pg_backend_pid()", &[]).await.unwrap()[0].get(0);
    let touch = |client: Uuid| {
        format!("update clients set phone = '+14165550000' where id = '{client}' returning change_number")
    };

    first.batch_execute(&as_job(AGENCY_A, 3)).await.unwrap();
    let overtaking = async {
        second.batch_execute(&as_job(AGENCY_A, 1)).await.unwrap();
        let taken = number(&second, &touch(BERNARD)).await;
        second.batch_execute("commit").await.unwrap();
        taken
    };
    let meanwhile = async {
        // Until the second waits for the first.
        while number(&owner, &format!("select cardinality(pg_blocking_pids({pid}))::bigint")).await == 0 {}
        // The other agency's writers don't.
        owner.batch_execute(&format!("{}; rollback", as_job(AGENCY_B, 1))).await.unwrap();
        let taken = number(&first, &touch(ALMA)).await;
        let seen = number(&owner, &format!("select change_number from clients where id = '{BERNARD}'")).await;
        first.batch_execute("commit").await.unwrap();
        (taken, seen)
    };
    let (later, (earlier, not_yet)) = join!(overtaking, meanwhile);
    assert!(not_yet < earlier && earlier < later, "{not_yet} {earlier} {later}");
    // Numbers that the first took and did not use are a gap.
    assert_eq!(later, earlier + 3);
}

#[tokio::test]
async fn a_range_too_short_is_extended() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    owner.batch_execute(&as_job(AGENCY_A, 1)).await.unwrap();
    let touch = "update clients set phone = '+14165550000' where agency_id = app.agency_id() returning change_number";
    let taken: BTreeSet<i64> = owner.query_typed(touch, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    owner.batch_execute("commit").await.unwrap();
    assert_eq!(taken.len(), 3);
    let counter = format!("select number from agency_counters where agency_id = '{AGENCY_A}'");
    assert_eq!(taken.last(), Some(&number(&owner, &counter).await));
}

#[tokio::test]
async fn every_change_is_on_the_log_with_what_was_before() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let owner = app.database.superuser().await;
    let id = Uuid::now_v7();
    let client = json!({"id": id, "first_name": "Zoé", "last_name": "Roy", "date_of_birth": "1941-05-06",
        "address": {"street": "1 Main", "city": "Toronto", "province": "ON", "postal_code": "M5V 2T6"}});
    coordinator.post("/v1/clients", &client).await.expect(201);
    let path = format!("/v1/clients/{id}");
    coordinator.patch(&path, &json!({"phone": "+14165550000", "risks": ["stairs"]})).await.expect(200);
    coordinator.delete(&path).await.expect(204);

    let log = json_of(
        &owner,
        &format!("select jsonb_agg(to_jsonb(l) order by l.number) from sync_log l where l.record_id = '{id}'"),
    )
    .await;
    let log = log.as_array().unwrap();
    let seen: Vec<_> =
        log.iter().map(|entry| (entry["operation"].as_str().unwrap(), &entry["changed_columns"])).collect();
    let created = json!([
        "address",
        "agency_id",
        "care_plan",
        "care_plan_version",
        "date_of_birth",
        "emergency_contacts",
        "first_name",
        "id",
        "last_name",
        "preferred_language",
        "risks"
    ]);
    assert_eq!(
        seen,
        [("create", &created), ("update", &json!(["phone", "risks"])), ("delete", &json!(["deleted_at"]))]
    );
    assert_eq!(log[0]["before"], Value::Null);
    assert_eq!(log[1]["before"], json!({"phone": null, "risks": []}));
    assert_eq!(log[1]["after"], json!({"phone": "+14165550000", "risks": ["stairs"]}));
    for entry in log {
        let names: Vec<_> = entry["after"].as_object().unwrap().keys().collect();
        let mut changed: Vec<_> =
            entry["changed_columns"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
        changed.sort_unstable();
        assert_eq!(names, changed, "what changed, and nothing else");
    }
    for entry in log {
        assert!(entry["number"].as_i64() > Some(0));
        assert_eq!(entry["table_name"], "clients");
        assert_eq!(entry["client_id"], id.to_string());
        assert_eq!(entry["agency_id"], AGENCY_A.to_string());
        assert_eq!(entry["user_id"], COORDINATOR.id.to_string());
        assert_eq!(entry["device_id"], coordinator.device_id.to_string());
    }
}

#[tokio::test]
async fn the_log_replayed_is_each_record() {
    let app = TestApp::new().await;
    with_photo_and_alert(&app).await;
    let nurse = app.nurse().await;
    let visit = format!("/v1/visits/{NURSES_VISIT}");
    nurse.post(&format!("{visit}/check-in"), &json!({"at": Timestamp::now()})).await.expect(200);
    let vitals = json!({"completed": true, "data": {"heart_rate": {"value": 70, "unit": "bpm"}}});
    nurse.patch(&format!("{visit}/tasks/{NURSES_VITALS}"), &vitals).await.expect(200);
    nurse.delete(&format!("{visit}/tasks/{NURSES_MEALS}")).await.expect(204);
    let owner = app.database.superuser().await;
    for table in SYNCED {
        let counts = json_of(
            &owner,
            &format!(
                "select jsonb_build_array(count(*), count(*) filter (where l.known and not exists (
                   select from jsonb_each(to_jsonb(r) - {BOOKKEEPING}) c
                   where c.value is distinct from coalesce(l.replayed -> c.key, 'null'))))
                 from {table} r left join lateral (
                   select bool_and(l.client_id is not null) as known,
                     jsonb_object_agg(c.key, c.value order by l.number) as replayed
                   from sync_log l cross join jsonb_each(l.after) c
                   where l.table_name = '{table}' and l.record_id = r.id and l.agency_id = r.agency_id) l on true"
            ),
        )
        .await;
        assert_eq!(counts[0], counts[1], "{table}");
        assert_ne!(counts[0], 0, "{table}");
    }
    let broken = "select count(*) from (
           select l.before -> name as before, lag(l.after -> name) over (partition by l.record_id, name order by l.number) as last
           from sync_log l cross join unnest(l.changed_columns) name where l.operation <> 'create' or l.before is null) l
         where coalesce(l.before, 'null') is distinct from coalesce(l.last, 'null')";
    assert_eq!(number(&owner, broken).await, 0, "entries that don't begin where the one before ended");
}

#[tokio::test]
async fn a_row_written_unchanged_takes_no_number_and_leaves_no_trace() {
    let app = TestApp::new().await;
    with_photo_and_alert(&app).await;
    let owner = app.database.superuser().await;
    let log = "select count(*) from sync_log";
    let logged = number(&owner, log).await;
    for table in SYNCED {
        owner.batch_execute(&as_job(AGENCY_A, 1)).await.unwrap();
        let row = format!("select to_jsonb(r) from {table} r where agency_id = '{AGENCY_A}' order by id limit 1");
        let before = json_of(&owner, &row).await;
        let same = format!("update {table} set deleted_at = deleted_at where agency_id = '{AGENCY_A}'");
        owner.batch_execute(&same).await.unwrap();
        assert_eq!(json_of(&owner, &row).await, before, "{table}");
        // The number taken is there for whoever changes something.
        let touch = format!(
            "update {table} set deleted_at = now() where id = '{}' returning change_number",
            before["id"].as_str().unwrap()
        );
        let taken = number(&owner, &touch).await;
        let counter = format!("select number from agency_counters where agency_id = '{AGENCY_A}'");
        assert_eq!(taken, number(&owner, &counter).await, "{table}");
        owner.batch_execute("rollback").await.unwrap();
    }
    assert_eq!(number(&owner, log).await, logged);
}

#[tokio::test]
async fn what_is_on_record_stays_even_for_the_owner() {
    let app = TestApp::new().await;
    app.database
        .write(
            AGENCY_A,
            &format!(
                "insert into audit_chain (number, audit_id, agency_id, hash)
                 select 1, id, agency_id, decode(repeat('00', 32), 'hex') from audit_log limit 1;
                 insert into creations (record_id, agency_id, table_name, body_sha256)
                 values (gen_random_uuid(), '{AGENCY_A}', 'clients', decode(repeat('00', 32), 'hex'))"
            ),
        )
        .await;
    let migrate = app.database.connect_as("berthcare_migrate").await;
    let owner = app.database.superuser().await;
    for (table, column) in [
        ("audit_log", "action = 'test.forged'"),
        ("audit_chain", "number = 9"),
        ("consents", "granted = false"),
        ("creations", "table_name = 'x'"),
    ] {
        assert_ne!(number(&owner, &format!("select count(*) from {table}")).await, 0, "{table}");
        for sql in [
            format!("update {table} set {column}"),
            format!("delete from {table}"),
            format!("truncate {table} cascade"),
        ] {
            assert_eq!(code(&migrate, &sql).await.as_deref(), Some(NO_PRIVILEGE), "{sql}");
            assert_eq!(code(&owner, &sql).await.as_deref(), Some(NO_PRIVILEGE), "{sql}");
        }
    }
}

#[tokio::test]
async fn who_wrote_and_when_cant_be_forged() {
    let app = TestApp::new().await;
    with_photo_and_alert(&app).await;
    let owner = app.database.superuser().await;
    let forged = format!(
        "created_at = '2000-01-01', updated_at = '2000-01-01', created_by = '{id}', updated_by = '{id}'",
        id = NURSE.id
    );
    let began = Timestamp::now().to_string();
    // As an admin would be, with every privilege.
    let act = format!("select set_config('app.user_id', '{}', true)", ADMIN.id);
    for (table, key, touch) in [
        ("agencies", "id", "name = 'N'"),
        ("users", "agency_id", "first_name = 'N'"),
        ("alerts", "agency_id", "message = 'M'"),
        ("care_team", "agency_id", "ends_on = '2100-01-01'"),
        ("clients", "agency_id", "phone = null"),
        ("photos", "agency_id", "caption = 'C'"),
        ("visit_tasks", "agency_id", "outcome = 'O'"),
        ("visits", "agency_id", "notes = 'N'"),
    ] {
        owner.batch_execute(&format!("{}; {act}", as_job(AGENCY_A, 20))).await.unwrap();
        let created = format!("select jsonb_object_agg(id, jsonb_build_array(created_at, created_by)) from {table}");
        let before = json_of(&owner, &created).await;
        let update = format!("update {table} set {touch}, {forged} where {key} = '{AGENCY_A}'");
        assert_ne!(owner.execute_typed(&update, &[]).await.unwrap(), 0, "{table}");
        assert_eq!(json_of(&owner, &created).await, before, "{table}");
        let wrong = format!(
            "select count(*) from {table} where {key} = '{AGENCY_A}'
             and (updated_at < '{began}' or updated_by is distinct from '{}')",
            ADMIN.id
        );
        assert_eq!(number(&owner, &wrong).await, 0, "{table}");
        owner.batch_execute("rollback").await.unwrap();
    }
    owner.batch_execute(&format!("{}; {act}", as_job(AGENCY_A, 1))).await.unwrap();
    let moved =
        format!("select count(*) from agency_counters where agency_id = '{AGENCY_A}' and updated_at > '{began}'");
    assert_eq!(number(&owner, &moved).await, 1);
    let id = Uuid::now_v7();
    let insert = format!(
        "insert into clients (id, agency_id, first_name, last_name, date_of_birth, address,
           created_at, created_by, updated_at, updated_by)
         values ('{id}', '{AGENCY_A}', 'F', 'L', '1940-01-01', '{{}}',
           '2000-01-01', '{nurse}', '2000-01-01', '{nurse}')",
        nurse = NURSE.id
    );
    owner.batch_execute(&insert).await.unwrap();
    let honest = format!(
        "select count(*) from clients where id = '{id}' and created_at >= '{began}' and updated_at >= '{began}'
           and created_by = '{admin}' and updated_by = '{admin}'",
        admin = ADMIN.id
    );
    assert_eq!(number(&owner, &honest).await, 1);
}

#[tokio::test]
async fn a_visit_moves_only_as_it_may() {
    const ALL: [&str; 5] = ["scheduled", "in_progress", "completed", "cancelled", "missed"];
    // A phone that was offline brings check-in and check-out at once.
    const MOVES: [(&str, &str); 7] = [
        ("scheduled", "in_progress"),
        ("scheduled", "completed"),
        ("scheduled", "cancelled"),
        ("scheduled", "missed"),
        ("missed", "in_progress"),
        ("missed", "completed"),
        ("in_progress", "completed"),
    ];
    // What a planner may find when two people said different things.
    const SETTLED: [(&str, &str); 2] = [("cancelled", "in_progress"), ("cancelled", "completed")];
    let state = |status: &str| {
        let started = if ["in_progress", "completed"].contains(&status) { "now()" } else { "null" };
        let ended = if status == "completed" { "now()" } else { "null" };
        let reason = if status == "cancelled" { "'ill'" } else { "null" };
        format!("'{status}', {started}, {ended}, {reason}")
    };
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    let every = ALL.iter().flat_map(|from| ALL.iter().map(move |to| (*from, *to)));
    for ((from, to), settling) in every.flat_map(|pair| [(pair, false), (pair, true)]) {
        let id = Uuid::now_v7();
        let sql = format!(
            "{begin}; {settle}
             insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end,
               status, actual_start, actual_end, cancel_reason)
             values ('{id}', '{AGENCY_A}', '{ALMA}', '{nurse}', now(), now() + interval '1 hour', {before});
             update visits set (status, actual_start, actual_end, cancel_reason) = ({after}) where id = '{id}'",
            begin = as_job(AGENCY_A, 2),
            settle = if settling { "select set_config('app.resolving_conflict', 'on', true);" } else { "" },
            nurse = NURSE.id,
            before = state(from),
            after = state(to).replace(&format!("'{to}'"), &format!("'{to}'::visit_status")),
        );
        let refused = owner.batch_execute(&sql).await.err();
        let constraint = refused.as_ref().map(|error| error.as_db_error().unwrap().constraint().unwrap_or_default());
        let may = from == to || MOVES.contains(&(from, to)) || settling && SETTLED.contains(&(from, to));
        assert_eq!(
            constraint,
            (!may).then_some("visits_status_moves"),
            "{from} -> {to}, settling {settling}: {refused:?}"
        );
        owner.batch_execute("rollback").await.unwrap();
    }
    let app_role = app.database.connect_as("berthcare_app").await;
    for begin in ["begin".to_owned(), as_job(AGENCY_A, 1)] {
        let settle = format!("{begin}; select app.begin_conflict_resolution()");
        assert_eq!(code(&app_role, &settle).await.as_deref(), Some(NO_PRIVILEGE), "{begin}");
    }
}

/// `V001__first` and `V1__first` are one.
fn numbered(name: &str) -> (u32, String) {
    let (version, rest) = name.trim_start_matches('V').split_once("__").unwrap();
    (version.parse().unwrap(), rest.to_owned())
}

/// The migrations' names, as their files have them.
fn migration_files() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/schema/tables");
    std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().into_string().unwrap().strip_suffix(".sql").map(ToOwned::to_owned)
        })
        .filter(|name| name.starts_with('V'))
        .collect()
}

#[tokio::test]
async fn migrations_run_once_whoever_comes_and_however_often() {
    let database = Database::empty().await;
    let migrate = async || {
        let source = DatabaseSource::Url(database.direct_url("berthcare_migrate").into());
        migrate::run(&source, migrate::Request::default()).await.unwrap().applied
    };
    let (one, other) = join!(migrate(), migrate());
    let mut runs = [one, other];
    runs.sort_by_key(Vec::len);
    let [nothing, everything] = &runs;
    assert_eq!(nothing, &Vec::<String>::new());
    let (code, tables): (Vec<_>, Vec<_>) = everything.iter().partition(|name| name.contains('/'));
    assert_eq!(code, CODE.iter().map(|file| file.name).collect::<Vec<_>>());
    let applied: BTreeSet<_> = tables.into_iter().map(|name| numbered(name)).collect();
    let files = migration_files().iter().map(|name| numbered(name)).collect();
    assert_eq!(applied, files);
    assert_eq!(migrate().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_roles_can_be_made_again() {
    let database = Database::empty().await;
    let server = prepare::connect(&database.admin).await.unwrap();
    // Where other tests make theirs, they wait.
    server.batch_execute("select pg_advisory_lock(4711)").await.unwrap();
    for _ in 0..2 {
        server.batch_execute(schema::ROLES).await.unwrap();
    }
    let lesser = "select rolname::text from pg_roles where rolname like 'berthcare%'
         and not (rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication)";
    assert_eq!(
        texts(&server, lesser).await,
        set(["berthcare_app", "berthcare_backup", "berthcare_migrate", "berthcare_readonly"])
    );
}

#[tokio::test]
async fn a_migration_that_changed_since_is_refused() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    let mut migrate = app.database.connect_as("berthcare_migrate").await;
    assert_eq!(schema::run(&mut migrate, Phase::Contract).await.unwrap(), Done::default());
    owner.batch_execute("update refinery_schema_history set checksum = '1' where version = 3").await.unwrap();
    let refused = schema::run(&mut migrate, Phase::Contract).await.unwrap_err().to_string();
    assert!(refused.contains("V3__audit"), "{refused}");
}

#[tokio::test]
async fn names_are_folded_as_people_search_them() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    for (name, folded) in [
        ("Élie", "elie"),
        ("E\u{301}lie", "elie"),
        ("Chloé DUBOIS", "chloe dubois"),
        ("FRANÇOIS", "francois"),
        ("Lœtitia", "loetitia"),
        ("ŒUVRE", "oeuvre"),
        ("Æsa", "aesa"),
        ("Nguyễn", "nguyen"),
        ("Ñandú", "nandu"),
        ("O'Brien-Roy", "o'brien-roy"),
        ("李 明", "李 明"),
        ("", ""),
    ] {
        let sql = format!("select app.searchable($${name}$$), app.searchable(app.searchable($${name}$$))");
        let row = &owner.query_typed(&sql, &[]).await.unwrap()[0];
        assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), (folded, folded), "{name}");
    }
}

#[tokio::test]
async fn ids_made_here_are_uuids_of_version_7_in_the_order_of_time() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    let clock = "select (extract(epoch from clock_timestamp()) * 1000)::bigint";
    let mut last = 0;
    for _ in 0..20 {
        let before = number(&owner, clock).await;
        let id: Uuid = owner.query_typed("select app.uuid7()", &[]).await.unwrap()[0].get(0);
        let after = number(&owner, clock).await;
        assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
        let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
        let made = i64::try_from(seconds * 1000 + u64::from(nanos) / 1_000_000).unwrap();
        assert!(before <= made && made <= after && last <= made, "{before} {made} {after}");
        last = made;
    }
    let many = "select count(distinct app.uuid7()) from generate_series(1, 1000)";
    assert_eq!(number(&owner, many).await, 1000);
}
