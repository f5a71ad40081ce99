//! A role of the database for each trust: which one may call what, read which secret, and write which table.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use jiff::Timestamp;
use tokio_postgres::Client;

use super::catalog::{FUNCTION_ROLES, NO_PRIVILEGE, code, texts};
use crate::harness::{
    TestApp,
    fixtures::{AGENCY_A, ALMA, NURSE},
    twilio,
};

/// What the roles may, in the form of the file: a line per object, and the roles by their short names.
const CATALOG: &str = "
    with roles as (
      select r.rolname as role, replace(r.rolname, 'berthcare_', '') as name from pg_roles r
      where r.rolname like 'berthcare\\_%' and r.rolname not in ('berthcare_migrate')
    ), callable as (
      select 'call ' || p.proname as what, r.name from pg_proc p, roles r
      where p.pronamespace = 'app'::regnamespace and p.prosecdef and p.prorettype <> 'trigger'::regtype
        and has_function_privilege(r.role, p.oid, 'execute')
    ), secrets (table_name, column_name) as (
      values ('users', 'password_hash'), ('users', 'previous_phone'), ('second_factors', 'sealed_seed'),
        ('second_factors', 'recovery_digests'), ('devices', 'session_id'), ('devices', 'push_token'),
        ('messages', 'template_values')
    ), secret as (
      select 'read ' || s.table_name || '.' || s.column_name as what, r.name from secrets s left join roles r
        on has_column_privilege(r.role, s.table_name::text, s.column_name::text, 'select')
    ), set_secret as (
      select 'set ' || s.table_name || '.' || s.column_name, r.name from secrets s left join roles r
        on has_column_privilege(r.role, s.table_name::text, s.column_name::text, 'update')
    ), written as (
      select p.verb || ' ' || t.tablename, r.name
      from pg_tables t cross join (values ('insert', 'insert'), ('update', 'update')) p (verb, privilege)
      left join roles r on has_any_column_privilege(r.role, t.tablename::text, p.privilege)
      where t.schemaname = 'public'
    ), everything (what, name) as (
      select * from callable union all select * from secret union all select * from set_secret
      union all select * from written
    )
    select what || ':' || coalesce(' ' || replace(string_agg(name, ' ' order by name),
      'app auth jobs photos privacy webhooks', 'all'), '')
    from everything group by what";

#[tokio::test]
async fn each_role_may_what_its_line_says_and_no_more() {
    let app = TestApp::new().await;
    let there = texts(&app.database.superuser().await, CATALOG).await;
    let listed: Vec<&str> = include_str!("roles.txt").lines().filter(|line| !line.starts_with('#')).collect();
    assert!(listed.is_sorted(), "keep the lines sorted");
    let mut wrong = String::new();
    for line in there.iter().filter(|line| !listed.contains(&line.as_str())) {
        writeln!(wrong, "it is     {line}").unwrap();
    }
    for line in listed.iter().filter(|line| !there.contains(**line)) {
        writeln!(wrong, "not so is {line}").unwrap();
    }
    assert!(wrong.is_empty(), "tests/database/roles.txt:\n{wrong}");
}

#[tokio::test]
async fn whoever_serves_callers_becomes_nothing_else() {
    let app = TestApp::new().await;
    let sync = app.database.connect_as("berthcare_app").await;
    let forged = |caller: &str, sql: &str| {
        format!(
            "begin; select set_config('app.caller_role', '{caller}', true),
               set_config('app.agency_id', '{AGENCY_A}', true); {sql}"
        )
    };
    for (caller, sql) in [
        ("admin", "select * from app.find_login('nurse@a.test')"),
        ("admin", &format!("select app.set_password('{}', 'x', null, 'auth.try', null, null)", NURSE.id)),
        ("admin", &format!("select app.act_as_job('{AGENCY_A}')")),
        ("job", "select app.lease_messages('sms', 'x', now(), 1, 1, 10, false)"),
        ("job", "select recipient from messages"),
        ("job", "update messages set status = 'sent'"),
        ("webhook", "select template_values from messages"),
        ("webhook", "select due_at from escalations"),
        ("admin", "select session_id from devices"),
        ("admin", "update devices set session_id = gen_random_uuid()"),
        ("admin", "update users set role = 'admin'"),
        ("job", "insert into audit_chain select from audit_chain"),
        ("admin", "set role berthcare_auth"),
        ("admin", "set role berthcare_jobs"),
    ] {
        assert_eq!(code(&sync, &forged(caller, sql)).await.as_deref(), Some(NO_PRIVILEGE), "{sql}");
    }
    // What its identity lets it, it may.
    assert_eq!(code(&sync, &forged("admin", "select id from clients")).await, None);
    // One who only says whether the database answers asks nothing else.
    let health = app.database.connect_as("berthcare_health").await;
    assert_eq!(code(&health, "select 1").await, None);
    for sql in ["select id from clients", "select app.act_as_job(null)", "select app.uuid7()"] {
        assert_eq!(code(&health, sql).await.as_deref(), Some(NO_PRIVILEGE), "{sql}");
    }
}

/// `database_user` by function, in terraform's table.
fn database_users() -> BTreeMap<String, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform/region/functions.tf");
    let text = fs::read_to_string(file).unwrap();
    let mut users = BTreeMap::new();
    let mut function = String::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_suffix(" = {") {
            name.clone_into(&mut function);
        } else if let Some(user) = line.strip_prefix("database_user = \"") {
            users.insert(function.clone(), user.trim_end_matches('"').to_owned());
        }
    }
    users
}

/// As whom the database is asked now, by nobody but functions.
async fn signed_in(owner: &Client) -> Vec<String> {
    let roles = "select usename::text from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and usename like 'berthcare%'";
    texts(owner, roles).await.into_iter().collect()
}

#[tokio::test]
async fn each_function_signs_in_as_the_role_that_terraform_gives_it() {
    // Behind a pooler connections are not the functions' own.
    if env::var("TEST_POOLER_URL").is_ok() {
        return;
    }
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let owner = app.database.superuser().await;
    let users = database_users();
    let end_all = "select pg_terminate_backend(pid, 5000) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()";
    for (function, path) in [
        ("alerts", "/v1/alerts"),
        ("auth", "/v1/auth/me"),
        ("clients", "/v1/clients"),
        ("health", "/v1/health"),
        ("photos", &format!("/v1/photos?client_id={ALMA}")),
        ("privacy", "/v1/privacy/holds"),
        ("sync", "/v1/sync/status"),
        ("visits", "/v1/visits"),
    ] {
        owner.batch_execute(end_all).await.unwrap();
        let client = nurse.through(app.another_environment());
        client.get(path).await;
        assert_eq!(signed_in(&owner).await, [users[function].clone()], "{function}");
    }

    owner.batch_execute(end_all).await.unwrap();
    let functions = app.another_environment();
    let reply = twilio::Webhook::to("sms/webhook", &[("MessageSid", "SM1"), ("From", "+14165550171"), ("Body", "Hi")]);
    assert_eq!(reply.send(functions.of_path("/v1/sms/webhook")).await.status, 200);
    assert_eq!(signed_in(&owner).await, [users["webhooks"].clone()], "webhooks");

    owner.batch_execute(end_all).await.unwrap();
    let jobs = app.jobs();
    jobs.at("clean-up", Timestamp::now()).await;
    assert_eq!(signed_in(&owner).await, [users["jobs"].clone()], "jobs");
    assert_eq!(users["urgent"], users["jobs"]);
    assert_eq!(users["migrate"], "berthcare_migrate");
    let known: Vec<_> = users.values().filter(|user| !FUNCTION_ROLES.contains(&user.as_str())).collect();
    assert_eq!(known, ["berthcare_migrate"]);
}
