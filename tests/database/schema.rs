//! What every table has, and what its columns, functions and migrations hold to.

use std::collections::BTreeSet;

use app::DatabaseSource;
use futures_util::join;
use schema::{CODE, Done, Phase};
use uuid::Uuid;

use super::catalog::{
    DERIVED, FUNCTION_ROLES, HISTORY, LOGS, NO_PRIVILEGE, SYNCED, as_job, code, number, set, tables, texts,
};
use crate::harness::{
    Database, TestApp,
    fixtures::{AGENCY_A, AGENCY_B, ALMA, BERNARD, CHLOE, NURSE_B},
};

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
    // Our sending numbers are every agency's, as is the audit log's chain.
    assert_eq!(with("column_name = 'agency_id'").await, without(&["agencies", "audit_checks", "rate_limits"]));
    // A sign-in with an unknown address, and a message from an unknown number, are nobody's.
    let known = with("column_name = 'agency_id' and is_nullable = 'NO'").await;
    assert_eq!(
        known,
        without(&["agencies", "audit_chain", "audit_checks", "audit_log", "inbound_messages", "rate_limits"])
    );
    for (name, nullable) in [("created_at", "NO"), ("updated_at", "NO"), ("created_by", "YES"), ("updated_by", "YES")] {
        let mut there = with(&format!("column_name = '{name}' and is_nullable = '{nullable}'")).await;
        there.retain(|table| !LOGS.contains(&table.as_str()));
        assert_eq!(there, without(&[&LOGS[..], &DERIVED[..]].concat()), "{name}");
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
    let guarded = "select tablename::text from pg_policies
         where schemaname = 'public' and roles = '{berthcare_migrate}' and cmd = 'ALL' and qual = 'true'";
    assert_eq!(texts(&owner, guarded).await, tables(&owner).await);
    let known = [&FUNCTION_ROLES[..], &["berthcare_backup", "berthcare_readonly", "berthcare_migrate"]].concat();
    let open_to_others = format!(
        "select tablename::text from pg_policies
         where schemaname = 'public' and not roles <@ '{{{}}}'::name[]",
        known.join(",")
    );
    assert_eq!(texts(&owner, &open_to_others).await, BTreeSet::new());

    let triggered = async |function: &str, bits: i32| {
        texts(
            &owner,
            &format!(
                "select tgrelid::regclass::text from pg_trigger
                 where not tgisinternal and tgparentid = 0 and tgfoid = 'app.{function}'::regproc
                   and tgtype & {bits} = {bits} group by 1"
            ),
        )
        .await
    };
    // pg_trigger.tgtype: row 1, before 2, insert 4, update 16.
    let (row_before_insert, row_before_update, after_insert, after_update) = (1 + 2 + 4, 1 + 2 + 16, 4, 16);
    assert_eq!(triggered("stamp_change", row_before_insert).await, set(SYNCED));
    assert_eq!(triggered("stamp_change", row_before_update).await, set(SYNCED));
    assert_eq!(triggered("log_inserts", after_insert).await, set(SYNCED));
    assert_eq!(triggered("log_updates", after_update).await, set(SYNCED));
    let mut others = without(&[&LOGS[..], &DERIVED[..]].concat());
    others.retain(|table| !SYNCED.contains(&table.as_str()));
    assert_eq!(triggered("stamp_times", row_before_insert).await, others);
    others.retain(|table| !["consents", "creations"].contains(&table.as_str()));
    assert_eq!(triggered("stamp_times", row_before_update).await, others);
}

#[tokio::test]
async fn no_foreign_key_crosses_agencies() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    // Who wrote a row is set by triggers.
    let loose = texts(
        &owner,
        "select c.conname::text from pg_constraint c
         where c.contype = 'f' and c.connamespace = 'public'::regnamespace and c.confrelid <> 'agencies'::regclass
           and not exists (select from pg_attribute a
             where a.attrelid = c.conrelid and a.attnum = any (c.conkey)
               and a.attname in ('agency_id', 'created_by', 'updated_by'))",
    )
    .await;
    assert_eq!(loose, BTreeSet::new());

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
async fn names_are_searchable_without_accents() {
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
        ("O'Brien-Roy", "obrien roy"),
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
