//! The table's requests, sent by a member of each role in turn, and by nobody, each time to the fixtures as they were.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use domain::identity::Role;

use super::{
    names::{Names, newest_code, with_conflicts_and_alerts, with_photos, with_registers},
    table::{Outcome, Row, SENDERS, Sender, nameless, table},
};
use crate::harness::{TestApp, fixtures::ADMIN};

/// The database as it was, to go back to after each request: a copy of every table beside it.
struct Snapshot {
    client: tokio_postgres::Client,
    /// Reads of every table what changes with any write to it.
    marks_sql: String,
    marks: BTreeMap<String, String>,
}

impl Snapshot {
    async fn copy(app: &TestApp) -> Self {
        let client = app.database.superuser().await;
        // What is refused may leave a trace on the audit log, and nowhere else.
        let tables = client
            .query_typed(
                "select tablename::text from pg_tables where schemaname = 'public' and tablename <> 'audit_log'",
                &[],
            )
            .await
            .unwrap();
        let mut marks_sql = Vec::new();
        client.batch_execute("create schema kept").await.unwrap();
        for table in tables.iter().map(|row| row.get::<_, &str>(0)) {
            client.batch_execute(&format!("create table kept.{table} as table public.{table}")).await.unwrap();
            // No row is ever removed but softly, and a row written gets the writing transaction's id.
            marks_sql.push(format!("select '{table}', count(*) || ':' || max(xmin::text::bigint) from {table}"));
        }
        let mut kept = Self { client, marks_sql: marks_sql.join(" union all "), marks: BTreeMap::new() };
        kept.marks = kept.read_marks().await;
        kept
    }

    async fn read_marks(&self) -> BTreeMap<String, String> {
        let rows = self.client.query_typed(&self.marks_sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get::<_, Option<String>>(1).unwrap_or_default())).collect()
    }

    /// The tables that were written to.
    async fn changed(&self) -> Vec<String> {
        let marks = self.read_marks().await;
        marks.into_iter().filter(|(table, mark)| self.marks[table] != *mark).map(|(table, _)| table).collect()
    }

    async fn put_back(&mut self, tables: &[String]) {
        // Neither triggers nor foreign keys.
        let mut sql = "begin; set local session_replication_role = replica;".to_owned();
        for table in tables {
            write!(sql, "delete from public.{table}; insert into public.{table} table kept.{table};").unwrap();
        }
        self.client.batch_execute(&(sql + "commit")).await.unwrap();
        self.marks = self.read_marks().await;
    }
}

async fn walk(sender: Sender) {
    let column = SENDERS.iter().position(|each| *each == sender).unwrap();
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    if sender == Sender::AdminWithoutFactor {
        let sql = format!("delete from second_factors where user_id = '{}'", ADMIN.id);
        app.database.superuser().await.batch_execute(&sql).await.unwrap();
    }
    let client = match sender.role() {
        Some(role) => app.of_role(role).await,
        None => app.anonymous(),
    };
    let mut names = Names::of(&app, sender.role(), &client).await;
    with_conflicts_and_alerts(&app).await;
    with_photos(&app).await;
    with_registers(&app).await;
    let mut kept = Snapshot::copy(&app).await;
    let mut wrong = Vec::new();
    let rows = table();
    for row in &rows {
        if let Some((request, body)) = row.first {
            names.send(&coordinator, request, body).await;
            names.0.insert("code", newest_code(&app).await);
        }
        let expected = row.outcomes[column];
        let answer = names.send(&client, row.request, row.body).await;
        let outcome = Outcome::of(&answer);
        if outcome != expected {
            let body = String::from_utf8_lossy(&answer.body);
            wrong
                .push(format!("{} {}: {expected:?} was expected, not {} {body}", row.request, row.body, answer.status));
        }
        let changed = kept.changed().await;
        if !changed.is_empty() {
            if outcome != Outcome::Done && row.first.is_none() {
                wrong.push(format!("{} {}: refused, and yet {changed:?} have changed", row.request, row.body));
            }
            kept.put_back(&changed).await;
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows are wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

macro_rules! walks {
    ($($name:ident: $sender:expr;)+) => {$(
        #[tokio::test]
        async fn $name() {
            walk($sender).await;
        }
    )+};
}

walks! {
    an_admin_may_do_what_the_table_says: Sender::Of(Role::Admin);
    a_coordinator_may_do_what_the_table_says: Sender::Of(Role::Coordinator);
    a_nurse_may_do_what_the_table_says: Sender::Of(Role::Nurse);
    a_care_aide_may_do_what_the_table_says: Sender::Of(Role::CareAide);
    a_family_member_may_do_what_the_table_says: Sender::Of(Role::Family);
    nobody_may_do_more_than_the_table_says: Sender::Nobody;
    an_admin_without_a_second_factor_may_enrol_one_and_nothing_else: Sender::AdminWithoutFactor;
}

#[test]
fn the_table_holds_every_documented_operation_and_no_other() {
    let document = serde_json::to_value(local::document::whole().unwrap()).unwrap();
    let documented: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            methods.map(|method| (method.to_uppercase(), nameless(path)))
        })
        .collect();
    let in_table: BTreeSet<_> = table().iter().map(Row::operation).collect();
    assert_eq!(in_table.difference(&documented).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "not documented");
    assert_eq!(
        documented.difference(&in_table).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "not in the table"
    );
}
