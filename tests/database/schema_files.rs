//! What the schema's files and its catalog must agree on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use schema::CODE;

use crate::harness::TestApp;

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Functions that nothing of ours calls, and who does.
const CALLED_BY_OTHERS: [(&str, &str); 0] = [];

/// Every file below `folder` whose name ends in one of these, with its text.
fn texts(folder: &str, endings: &[&str]) -> BTreeMap<String, String> {
    fn below(folder: &Path, endings: &[&str], found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_str().unwrap().to_owned();
            if path.is_dir() {
                below(&path, endings, found);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    below(&Path::new(WORKSPACE).join(folder), endings, &mut found);
    found
}

/// The statements of a file of SQL, without its comments.
fn without_comments(sql: &str) -> String {
    sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n")
}

/// The names after `app.` in a text.
fn names_in(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split("app.").skip(1).map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
}

/// The functions that a file defines, each as often as it does.
fn defined_in(sql: &str) -> Vec<String> {
    let sql = without_comments(sql);
    sql.lines()
        .filter(|line| line.starts_with("create function ") || line.starts_with("create or replace function "))
        .map(|line| names_in(line).next().unwrap())
        .collect()
}

#[test]
fn every_file_is_applied() {
    for folder in ["code", "policies"] {
        let files: BTreeSet<String> = texts(&format!("shared/schema/{folder}"), &[".sql"])
            .keys()
            .map(|path| format!("{folder}/{}", path.rsplit('/').next().unwrap()))
            .collect();
        let applied =
            CODE.iter().filter(|file| file.name.starts_with(folder)).map(|file| file.name.to_owned()).collect();
        assert_eq!(files, applied);
    }
}

#[test]
fn a_function_is_defined_once() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, sql) in texts("shared/schema", &[".sql"]) {
        for name in defined_in(&sql) {
            places.entry(name).or_default().push(path.clone());
        }
    }
    assert!(places.len() > 80, "the files were not read");
    places.retain(|_, paths| paths.len() > 1);
    assert!(places.is_empty(), "{places:#?}");
}

/// What is made by a file of `code/` can be made again.
#[test]
fn code_can_be_applied_again() {
    for file in CODE.iter().filter(|file| file.name.starts_with("code/")) {
        for line in without_comments(file.sql).lines().filter(|line| line.starts_with("create ")) {
            assert!(line.starts_with("create or replace "), "{}: {line}", file.name);
        }
    }
}

#[tokio::test]
async fn every_function_is_called_by_somebody() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    let sql = "select proname::text from pg_proc where pronamespace = 'app'::regnamespace";
    let functions: BTreeSet<String> = owner.query_typed(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();

    let mut called = BTreeSet::new();
    for sql in texts("shared/schema", &[".sql"]).values() {
        for statement in without_comments(sql).split(";\n").filter(|text| !text.trim_start().starts_with("grant ")) {
            // Its own name comes first where a function is defined.
            let defines = statement.trim_start().split_inclusive("function ").next().unwrap();
            let own = usize::from(
                defines.starts_with("create") && defines.ends_with("function ") && !defines.contains("trigger"),
            );
            called.extend(names_in(statement).skip(own));
        }
    }
    for folder in ["shared", "functions", "local", "delivery"] {
        for text in texts(folder, &[".rs", ".py"]).values() {
            called.extend(names_in(text));
        }
    }
    let exceptions: BTreeSet<String> = CALLED_BY_OTHERS.map(|(name, _)| name.to_owned()).into();
    let uncalled: BTreeSet<_> = functions.difference(&called).cloned().collect();
    assert_eq!(uncalled, exceptions);
}

#[tokio::test]
async fn every_table_has_row_level_security_in_force_for_its_owner_too() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    let sql = "select c.relname::text from pg_class c
               where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                 and not (c.relrowsecurity and c.relforcerowsecurity)";
    let open: Vec<String> = owner.query_typed(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(open, Vec::<String>::new());
}
