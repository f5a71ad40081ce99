//! Who is let near which table, column and function.

use std::collections::BTreeSet;

use local::prepare;

use super::catalog::{FUNCTION_ROLES, HISTORY, NO_PRIVILEGE, code, number, tables, texts};
use crate::harness::{Database, TestApp, fixtures::AGENCY_A};

/// The schema's owner, and those who read.
const OTHER_ROLES: [&str; 3] = ["berthcare_backup", "berthcare_migrate", "berthcare_readonly"];

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
async fn no_function_can_read_secrets() {
    let app = TestApp::new().await;
    for sql in [
        "select password_hash from users",
        "select * from users",
        "select users from users",
        "select to_jsonb(users) from users",
        "select count(*) from users where password_hash like '$argon2%'",
        "select id from users order by password_hash",
        "update users set first_name = password_hash",
        "select count(*) from second_factors",
        "update second_factors set confirmed_at = null",
        "update users set first_name = 'N' returning password_hash",
    ] {
        for role in FUNCTION_ROLES {
            let client = app.database.connect_as(role).await;
            let act = format!(
                "begin; select set_config('app.caller_role', 'admin', true),
                set_config('app.agency_id', '{AGENCY_A}', true); {sql}"
            );
            assert_eq!(code(&client, &act).await.as_deref(), Some(NO_PRIVILEGE), "{role}: {sql}");
        }
    }
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
            assert_eq!(
                whole.is_ok(),
                role == "berthcare_backup"
                    || !["users", "second_factors", "devices", "messages"].contains(&table.as_str()),
                "{role} {table}"
            );
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
    for column in ["sealed_seed", "recovery_digests"] {
        let seeds = format!("select {column} from second_factors");
        assert_eq!(code(&readonly, &seeds).await.as_deref(), Some(NO_PRIVILEGE));
    }
    assert!(!texts(&readonly, "select email from users").await.is_empty());

    for role in FUNCTION_ROLES {
        let more = format!(
            "select t.tablename || ' ' || p from pg_tables t, unnest('{{delete,truncate,references,trigger}}'::text[]) p
             where t.schemaname = 'public' and has_table_privilege('{role}', t.tablename::text, p)"
        );
        assert_eq!(texts(&owner, &more).await, BTreeSet::new(), "{role}");
    }
}

#[tokio::test]
async fn creating_the_roles_is_idempotent() {
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
        FUNCTION_ROLES.into_iter().chain(OTHER_ROLES).map(ToOwned::to_owned).collect::<BTreeSet<_>>()
    );
}
