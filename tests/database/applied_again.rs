//! Functions and policies are applied again when they changed: twice is once, an older state becomes the present one,
//! and requests go on meanwhile.

use std::time::Duration;

use schema::{CODE, Done, Migration, Phase, SqlFile, history, run, run_these};
use tokio_postgres::Client;

use crate::harness::Database;

/// All that the schema consists of, as text: a line each for functions, policies, triggers, columns, constraints,
/// indexes, types, comments, and what is granted on them.
const CATALOG: &str = include_str!("catalog.sql");

async fn catalog(database: &Database) -> Vec<String> {
    let superuser = database.superuser().await;
    let rows = superuser.query_typed(CATALOG, &[]).await.unwrap();
    assert!(rows.len() > 500, "the catalog was not read");
    rows.iter().map(|row| row.get(0)).collect()
}

/// What differs, for a message that can be read.
fn assert_same(catalog: &[String], expected: &[String]) {
    let only_in = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).cloned().collect()
    };
    let (more, less) = (only_in(catalog, expected), only_in(expected, catalog));
    assert!(more.is_empty() && less.is_empty(), "not expected: {more:#?}\nmissing: {less:#?}");
}

/// The newest schema, in a database of its own.
async fn fresh() -> (Database, Client) {
    let database = Database::empty().await;
    let mut owner = database.connect_as("berthcare_migrate").await;
    run(&mut owner, Phase::Contract).await.unwrap();
    (database, owner)
}

fn names(files: &[SqlFile<'_>]) -> Vec<String> {
    files.iter().map(|file| file.name.to_owned()).collect()
}

fn is_policy(file: &SqlFile<'_>) -> bool {
    file.name.starts_with("policies/")
}

#[tokio::test]
async fn applied_twice_is_applied_once() {
    let (database, mut owner) = fresh().await;
    let before = catalog(&database).await;
    assert_eq!(run(&mut owner, Phase::Contract).await.unwrap(), Done::default());
    owner.batch_execute("update applied_code set checksum = 'another'").await.unwrap();
    let again = run(&mut owner, Phase::Contract).await.unwrap();
    assert_eq!(again.applied, names(CODE));
    assert_same(&catalog(&database).await, &before);
}

/// A release before this one: it lacks tables and whatever concerns them, and what it has is in older versions.
const OLDER: [SqlFile<'static>; 3] = [
    SqlFile {
        name: "code/consents.sql",
        sql: "create or replace function app.has_consent(p_client uuid, p_kind consent_kind) returns boolean
              language sql immutable return true;",
    },
    SqlFile {
        name: "policies/clients_and_care.sql",
        sql: "create policy visible on clients using (true);
              create policy everybody_deletes on clients for delete to berthcare_app using (true);
              grant select, delete on clients to berthcare_app;
              grant select on consents to berthcare_readonly;",
    },
    SqlFile {
        name: "policies/of_another_time.sql",
        sql: "alter table users enable row level security;
              create policy nobody on users to berthcare_app using (false);
              grant update (password_hash) on users to berthcare_app;",
    },
];

#[tokio::test]
async fn an_older_state_becomes_the_present_one() {
    let (present, _) = fresh().await;
    let expected = catalog(&present).await;

    for tables in [4, 6, history().len()] {
        let database = Database::empty().await;
        let mut owner = database.connect_as("berthcare_migrate").await;
        let older_tables: Vec<Migration> = history().into_iter().take(tables).collect();
        run_these(&mut owner, &older_tables, &OLDER, Phase::Contract).await.unwrap();
        run(&mut owner, Phase::Contract).await.unwrap();
        assert_same(&catalog(&database).await, &expected);
        assert_eq!(database.count("select count(*) from applied_code").await, i64::try_from(CODE.len()).unwrap());
    }
}

#[tokio::test]
async fn only_what_changed_is_applied_again_but_policies_all() {
    let (_database, mut owner) = fresh().await;
    let with_comment = |name: &str| -> Vec<SqlFile<'static>> {
        let changed = |file: &SqlFile<'static>| {
            if file.name == name {
                SqlFile { name: file.name, sql: format!("{}-- Changed.\n", file.sql).leak() }
            } else {
                *file
            }
        };
        CODE.iter().map(changed).collect()
    };
    let functions = with_comment("code/visits.sql");
    let applied = run_these(&mut owner, &history(), &functions, Phase::Expand).await.unwrap().applied;
    assert_eq!(applied, ["code/visits.sql"]);
    // `visits.sql` is as it was, and so is applied again too.
    let policies = with_comment("policies/photos.sql");
    let applied = run_these(&mut owner, &history(), &policies, Phase::Expand).await.unwrap().applied;
    let mut expected: Vec<SqlFile<'_>> = CODE.iter().copied().filter(is_policy).collect();
    expected.insert(0, *CODE.iter().find(|file| file.name == "code/visits.sql").unwrap());
    assert_eq!(applied, names(&expected));
}

#[tokio::test]
async fn what_fails_leaves_everything_as_it_was() {
    let (database, mut owner) = fresh().await;
    let before = catalog(&database).await;
    let mut broken = CODE.to_vec();
    broken[0] = SqlFile { name: broken[0].name, sql: "create or replace function app.new() returns int return 1;" };
    let last = broken.len() - 1;
    broken[last] = SqlFile { name: broken[last].name, sql: "create policy visible on no_such_table using (true);" };
    let refused = run_these(&mut owner, &history(), &broken, Phase::Expand).await.unwrap_err().to_string();
    assert!(refused.contains(broken[last].name), "{refused}");
    assert_same(&catalog(&database).await, &before);
    assert_eq!(run(&mut owner, Phase::Contract).await.unwrap(), Done::default());
}

#[tokio::test]
async fn new_policies_give_way_to_requests() {
    let (database, mut owner) = fresh().await;
    let request = database.connect_as("berthcare_app").await;
    // The last of the tables; the first ones are locked when this one is waited for.
    request.batch_execute("begin; select count(*) from visits").await.unwrap();
    let newer = "update applied_code set checksum = 'another' where file like 'policies/%'";
    owner.batch_execute(newer).await.unwrap();
    let goes_on = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        request.batch_execute("select count(*) from agencies; commit").await
    };
    let (applied, served) = tokio::join!(run(&mut owner, Phase::Expand), goes_on);
    served.unwrap();
    assert_eq!(applied.unwrap().applied.len(), CODE.iter().filter(|file| is_policy(file)).count());
}
