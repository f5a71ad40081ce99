//! What each caller reads where no handler filters: the same as the handlers show them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use domain::identity::Role;
use serde_json::Value;
use tokio_postgres::types::Type;

use super::rows::{GONE_CLIENT, GONE_PHOTO, GONE_TASK, GONE_VISIT, PEOPLE, Session, Stage, TASK_OF_GONE_VISIT};
use super::visible_rows::{Table, who_sees_what};
use crate::database::catalog::FUNCTION_ROLES;
use crate::harness::{
    Client,
    fixtures::{NURSE, Person},
};

#[tokio::test]
async fn an_unfiltered_query_shows_each_caller_their_own_rows() {
    let stage = Stage::new().await;
    let tables = who_sees_what();
    let mut wrong = String::new();
    for Table { name, key, rows } in &tables {
        let all = stage.rows(None, name, key).await;
        let listed: BTreeSet<_> = rows.iter().map(|(key, _)| key).collect();
        assert_eq!(all.keys().collect::<BTreeSet<_>>(), listed, "{name}: this test must list every row");
        for person in PEOPLE {
            let expected: BTreeMap<_, _> = rows
                .iter()
                .filter(|(_, people)| people.iter().any(|other| other.id == person.id))
                .map(|(key, _)| (key.clone(), all[key]))
                .collect();
            let seen = stage.rows(Some(person), name, key).await;
            if seen != expected {
                writeln!(wrong, "{name}, {}: sees {seen:?}, not {expected:?}", person.email).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");

    let every_table = stage
        .app
        .database
        .superuser()
        .await
        .query_typed(
            "select relname::text from pg_class
             where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
               and relname not in ('applied_code', 'refinery_schema_history')
               -- What no function may read any column of can't be queried at all: tests/database/privileges.rs.
               and exists (select from unnest($1::text[]) r where has_any_column_privilege(r, oid, 'select'))",
            &[(&&FUNCTION_ROLES[..], Type::TEXT_ARRAY)],
        )
        .await
        .unwrap();
    let every_table: BTreeSet<String> = every_table.iter().map(|row| row.get(0)).collect();
    assert_eq!(every_table, tables.iter().map(|table| table.name.to_owned()).collect(), "a table is not tested");
}

/// The ids of a list's items, or of a list within an answer.
fn ids(answer: &Value) -> BTreeSet<String> {
    let items = answer.get("items").unwrap_or(answer).as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// What the handlers show a member of staff, by table.
async fn shown_to_staff(person: &Person, client: &Client) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut shown: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    shown.insert("clients", ids(&client.get("/v1/clients?limit=200").await.expect(200)));
    shown.insert("visits", ids(&client.get("/v1/visits?limit=200").await.expect(200)));
    for of in shown["clients"].clone() {
        for (table, path) in [("care_team", "care-team"), ("consents", "consents")] {
            let rows = client.get(&format!("/v1/clients/{of}/{path}")).await.expect(200);
            shown.entry(table).or_default().extend(ids(&rows));
        }
    }
    let owners = shown["clients"].iter().map(|of| format!("client_id={of}"));
    for owner in owners.chain([format!("user_id={}", NURSE.id)]).collect::<Vec<_>>() {
        let photos = client.get(&format!("/v1/photos?limit=200&{owner}")).await.expect(200);
        shown.entry("photos").or_default().extend(ids(&photos));
    }
    for of in shown["visits"].clone() {
        let rows = client.get(&format!("/v1/visits/{of}/tasks")).await.expect(200);
        shown.entry("visit_tasks").or_default().extend(ids(&rows));
    }
    let mut users = BTreeSet::from([person.id.to_string()]);
    if person.role.sees_agency() {
        users = ids(&client.get("/v1/users?limit=200").await.expect(200));
        shown.insert("users", users.clone());
    }
    for of in users {
        let rows = client.get(&format!("/v1/users/{of}/devices")).await.expect(200);
        shown.entry("devices").or_default().extend(ids(&rows));
    }
    shown
}

/// What the handlers show a family member, by table.
async fn shown_to_family(client: &Client) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut shown: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    shown.insert("clients", ids(&client.get("/v1/family/clients").await.expect(200)));
    for of in shown["clients"].clone() {
        let view = client.get(&format!("/v1/family/clients/{of}")).await.expect(200);
        for table in ["visits", "photos"] {
            shown.entry(table).or_default().extend(ids(&view[table]));
        }
        let photos = client.get(&format!("/v1/photos?client_id={of}")).await.expect(200);
        assert_eq!(ids(&photos), shown["photos"], "the two ways of a family to a client's photos");
    }
    shown
}

#[tokio::test]
async fn row_level_security_alone_shows_what_the_handlers_show() {
    // What handlers show nobody.
    let gone: BTreeSet<_> = [GONE_CLIENT, GONE_VISIT, GONE_TASK, TASK_OF_GONE_VISIT, GONE_PHOTO]
        .map(|id| id.to_string())
        .into_iter()
        .collect();
    let stage = Stage::new().await;
    let mut wrong = String::new();
    for Session { user: person, client, .. } in &stage.sessions {
        let shown = match person.role {
            Role::Family => shown_to_family(client).await,
            _ => shown_to_staff(person, client).await,
        };
        for (table, shown) in shown {
            let key = if table == "care_team" { "id || ' ' || client_id" } else { "id::text" };
            let seen = stage.rows(Some(person), table, key).await;
            let seen: BTreeSet<_> = seen
                .keys()
                .filter(|key| !key.ends_with(&GONE_CLIENT.to_string()))
                .map(|key| key.split(' ').next().unwrap().to_owned())
                .filter(|id| !gone.contains(id))
                .collect();
            if seen != shown {
                writeln!(wrong, "{table}, {}: {seen:?} are seen, {shown:?} are shown", person.email).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
