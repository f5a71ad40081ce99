//! The function `migrate`: every migration once, in its order, by one run at a time, and none that breaks the release
//! before.

use app::DatabaseSource;
use migrate::{Report, Request};
use runtime::lambda::Fatal;
use schema::{CODE, Done, Migration, Phase, run_these};

use crate::harness::Database;

async fn migrate_to(database: &Database, phase: Phase) -> Result<Report, Fatal> {
    let source = DatabaseSource::Url(database.direct_url("berthcare_migrate").into());
    migrate::run(&source, Request { phase }).await
}

/// A history of tables called by their migration's name.
fn history(names: &[&str]) -> Vec<Migration> {
    let one = |name: &&str| {
        let table = name.split("__").nth(1).unwrap();
        Migration::unapplied(name, &format!("create table {table} (id int)")).unwrap()
    };
    names.iter().map(one).collect()
}

fn done(applied: &[&str], waiting: &[&str]) -> Done {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Done { applied: owned(applied), waiting: owned(waiting) }
}

#[tokio::test]
async fn an_empty_database_is_migrated_once() {
    let database = Database::empty().await;
    let first = migrate_to(&database, Phase::Expand).await.unwrap();
    let mut whole: Vec<_> = schema::history().iter().map(ToString::to_string).collect();
    whole.extend(CODE.iter().map(|file| file.name.to_owned()));
    let mut applied = [first.applied, first.waiting].concat();
    applied.sort();
    assert_eq!(applied.len(), whole.len());
    let rest = migrate_to(&database, Phase::Contract).await.unwrap();
    assert!(rest.waiting.is_empty());
    for phase in [Phase::Expand, Phase::Contract] {
        let again = migrate_to(&database, phase).await.unwrap();
        assert_eq!((again.applied.len(), again.waiting.len()), (0, 0), "{again:?}");
    }
}

#[tokio::test]
async fn two_runs_at_once_apply_everything_once() {
    let database = Database::empty().await;
    let (one, other) = tokio::join!(migrate_to(&database, Phase::Contract), migrate_to(&database, Phase::Contract));
    let mut counts = [one.unwrap().applied.len(), other.unwrap().applied.len()];
    counts.sort_unstable();
    assert_eq!(counts, [0, schema::history().len() + CODE.len()]);
}

#[tokio::test]
async fn a_history_that_was_changed_is_refused() {
    let database = Database::empty().await;
    migrate_to(&database, Phase::Contract).await.unwrap();
    let owner = database.connect_as("berthcare_migrate").await;
    let last = "(select max(version) from refinery_schema_history)";
    owner.batch_execute(&format!("delete from refinery_schema_history where version = {last}")).await.unwrap();
    owner.batch_execute("update refinery_schema_history set checksum = '1' where version = 3").await.unwrap();
    let refused = migrate_to(&database, Phase::Contract).await.unwrap_err().to_string();
    assert!(refused.contains("V3__"), "{refused}");
    // Nothing was applied before that was noticed.
    let left = database.count("select count(*) from refinery_schema_history").await;
    assert_eq!(usize::try_from(left).unwrap(), schema::history().len() - 1);
}

#[tokio::test]
async fn contractions_wait_until_the_release_before_is_gone() {
    let database = Database::empty().await;
    let mut owner = database.connect_as("berthcare_migrate").await;
    let first = history(&["V001__a", "V002__b", "U003__contract_b", "V004__c"]);
    let expanded = run_these(&mut owner, &first, &[], Phase::Expand).await.unwrap();
    assert_eq!(expanded, done(&["V1__a", "V2__b", "V4__c"], &["U3__contract_b"]));
    let again = run_these(&mut owner, &first, &[], Phase::Expand).await.unwrap();
    assert_eq!(again, done(&[], &["U3__contract_b"]));
    let contracted = run_these(&mut owner, &first, &[], Phase::Contract).await.unwrap();
    assert_eq!(contracted, done(&["U3__contract_b"], &[]));
    // The next release goes on from there.
    let next = history(&["V001__a", "V002__b", "U003__contract_b", "V004__c", "V005__d", "U006__contract_c"]);
    let expanded = run_these(&mut owner, &next, &[], Phase::Expand).await.unwrap();
    assert_eq!(expanded, done(&["V5__d"], &["U6__contract_c"]));
}

#[tokio::test]
async fn what_failed_is_undone_and_what_came_before_stays() {
    let database = Database::empty().await;
    let mut owner = database.connect_as("berthcare_migrate").await;
    let mut broken = history(&["V001__a"]);
    broken.push(Migration::unapplied("V002__b", "create table b (id int); select 1 / 0").unwrap());
    run_these(&mut owner, &broken, &[], Phase::Expand).await.unwrap_err();
    let tables = "select count(*) from pg_tables where schemaname = 'public' and tablename in ('a', 'b')";
    assert_eq!(database.count(tables).await, 1);
    let repaired = run_these(&mut owner, &history(&["V001__a", "V002__b"]), &[], Phase::Expand).await.unwrap();
    assert_eq!(repaired, done(&["V2__b"], &[]));
}

#[tokio::test]
async fn migrations_have_a_lock_timeout() {
    let database = Database::empty().await;
    let mut owner = database.connect_as("berthcare_migrate").await;
    let sql = "create table waits as select current_setting('lock_timeout') as longest";
    let history = [Migration::unapplied("V001__waits", sql).unwrap()];
    run_these(&mut owner, &history, &[], Phase::Expand).await.unwrap();
    assert_eq!(database.count("select count(*) from waits where longest = '10s'").await, 1);
}

/// The mark and the name say the same: `U` is for contractions, and for nothing else.
#[test]
fn contractions_are_recognised_by_name() {
    for migration in schema::history() {
        let contracts = migration.name().starts_with("contract_");
        assert_eq!(migration.to_string().starts_with('U'), contracts, "{migration}");
    }
}
