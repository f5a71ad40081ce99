//! What the read functions answer is what the plain tables show under row-level security, whatever the circumstances:
//! the functions' own filter by the caller's clients neither leaves out a row nor lets one through.

use std::{collections::BTreeSet, fmt::Write as _};

use proptest::{prelude::*, test_runner::TestRunner};
use tokio_postgres::Client as Connection;
use uuid::Uuid;

use super::{
    random_grants::{CLIENTS, Circumstances, MEMBERS, circumstances},
    rows::Session,
};
use crate::{
    database::catalog::texts,
    harness::{TestApp, fixtures::AGENCY_A, random},
};

/// A visit, and what hangs on it.
#[derive(Clone, Debug)]
struct Visit {
    client: usize,
    user: usize,
    /// From today; a phone keeps 90 days.
    day: i64,
    deleted: bool,
    tasks: Vec<bool>,
    photo: bool,
    alert: bool,
}

fn visits() -> impl Strategy<Value = Vec<Visit>> {
    let day = prop::sample::select(vec![-200_i64, -91, -89, -1, 0, 1, 30]);
    let tasks = prop::collection::vec(prop::bool::weighted(0.2), 0..3);
    let visit = (0..CLIENTS, 0..MEMBERS.len(), day, prop::bool::weighted(0.2), tasks, any::<bool>(), any::<bool>());
    let visit = visit.prop_map(|(client, user, day, deleted, tasks, photo, alert)| Visit {
        client,
        user,
        day,
        deleted,
        tasks,
        photo,
        alert,
    });
    prop::collection::vec(visit, 0..8)
}

fn deleted_at(deleted: bool) -> &'static str {
    if deleted { "now()" } else { "null" }
}

fn rows(visits: &[Visit]) -> String {
    let mut sql = String::new();
    for (number, visit) in visits.iter().enumerate() {
        let (id, client) = (Uuid::now_v7(), Circumstances::client(visit.client));
        let (user, day, deleted) = (MEMBERS[visit.user].id, visit.day, deleted_at(visit.deleted));
        write!(
            sql,
            "insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end, deleted_at)
             values ('{id}', '{AGENCY_A}', '{client}', '{user}', now() + interval '{day} days {number} minutes',
               now() + interval '{day} days 1 hour', {deleted});"
        )
        .unwrap();
        for deleted in &visit.tasks {
            write!(
                sql,
                "insert into visit_tasks (id, agency_id, visit_id, task_type, title, deleted_at)
                 values (gen_random_uuid(), '{AGENCY_A}', '{id}', 'meals', 'Lunch', {});",
                deleted_at(*deleted)
            )
            .unwrap();
        }
        if visit.photo {
            write!(
                sql,
                "insert into photos (id, agency_id, client_id, kind, content_type, bytes, sha256)
                 values (gen_random_uuid(), '{AGENCY_A}', '{client}', 'photo', 'image/png', 1, sha256(''));"
            )
            .unwrap();
        }
        if visit.alert {
            write!(
                sql,
                "insert into alerts (id, agency_id, client_id, severity, reason)
                 values (gen_random_uuid(), '{AGENCY_A}', '{client}', 'high', 'a fall');"
            )
            .unwrap();
        }
    }
    sql
}

/// What a phone keeps, as the plain tables say: their rows, under whatever policies there are.
const KEPT: &str = "
    select '0 ' || id from clients where deleted_at is null
    union all
    select '1 ' || id from visits where deleted_at is null and scheduled_end >= now() - interval '90 days'
    union all
    select '2 ' || t.id from visit_tasks t join visits v on v.id = t.visit_id
    where t.deleted_at is null and v.deleted_at is null and v.scheduled_end >= now() - interval '90 days'
    union all
    select '3 ' || p.id from photos p join clients c on c.id = p.client_id
    where p.deleted_at is null and c.deleted_at is null
    union all
    select '4 ' || id from alerts where deleted_at is null";

impl Session {
    /// The arguments with which each read function begins.
    fn caller(&self) -> String {
        let Self { user, client, id } = self;
        format!("'{}', '{}', '{id}', '{}', null, null", user.id, client.device_id, user.role)
    }
}

/// How the functions' answers differ from what the tables show to this session.
async fn differences(app_role: &Connection, session: &Session, before: i64) -> Vec<String> {
    let mut wrong = Vec::new();
    let caller = session.caller();
    let mut compare = |what: String, answered: BTreeSet<String>, shown: &BTreeSet<String>| {
        if &answered != shown {
            let [more, fewer] =
                [answered.difference(shown), shown.difference(&answered)].map(Iterator::collect::<Vec<_>>);
            wrong.push(format!("{}: {what} shows {more:?} and leaves out {fewer:?}", session.user.email));
        }
    };
    app_role.batch_execute(&session.act()).await.unwrap();
    let seen = texts(app_role, "select id::text from visits where deleted_at is null").await;
    let every = texts(app_role, "select app.every_visit()::text").await;
    let mut found = BTreeSet::new();
    for id in &every {
        found.extend(texts(app_role, &format!("select id::text from app.visit_by_id({caller}, '{id}')")).await);
    }
    compare("app.visit_by_id".into(), found, &seen);
    for member in MEMBERS {
        let of = format!("select id::text from visits where deleted_at is null and user_id = '{}'", member.id);
        let day = format!(
            "select id::text from app.nurses_day({caller}, '{}', now() - interval '1 year',
               now() + interval '1 year', 1000)",
            member.id
        );
        compare(format!("the day of {}", member.email), texts(app_role, &day).await, &texts(app_role, &of).await);
    }
    if session.user.role != domain::identity::Role::Family {
        let kept = texts(app_role, KEPT).await;
        let pull = |cursor: &str| {
            format!(
                "select place || ' ' || id from app.pull({caller}, {cursor}, null, 2, 100000)
                 where place >= 0 and body is not null"
            )
        };
        compare("a first pull".into(), texts(app_role, &pull("null")).await, &kept);
        // In pages: what has come to the caller with its client follows later.
        let later = texts(app_role, &pull(&format!("(1::bigint << 40) + {before}"))).await;
        let through: Vec<_> = later.difference(&kept).collect();
        if !through.is_empty() {
            wrong.push(format!("{}: a later pull lets through {through:?}", session.user.email));
        }
    }
    wrong
}

#[test]
fn whatever_the_circumstances_functions_answer_what_the_policies_show() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (app, app_role, sessions) = runtime.block_on(async {
        let app = TestApp::new().await;
        let mut sessions = Vec::new();
        for person in MEMBERS {
            sessions.push(Session::start(&app, person).await);
        }
        // Which ids there are is for who sees all to say.
        let every = "create function app.every_visit() returns setof uuid language sql stable security definer
            as 'select id from public.visits'; grant execute on function app.every_visit to berthcare_app";
        app.database.superuser().await.batch_execute(every).await.unwrap();
        let app_role = app.database.connect_as("berthcare_jobs").await;
        (app, app_role, sessions)
    });
    let outcome = TestRunner::new(random::cases(24)).run(&(circumstances(), visits()), |(circumstances, visits)| {
        runtime.block_on(async {
            let begin = format!("begin; select app.act_as_job('{AGENCY_A}')");
            app_role.batch_execute(&begin).await.unwrap();
            let before = "select number from agency_counters where agency_id = app.agency_id()";
            let before: i64 = app_role.query_typed(before, &[]).await.unwrap()[0].get(0);
            let write = format!("select app.reserve_change_numbers(100); {}{}", circumstances.sql(), rows(&visits));
            app_role.batch_execute(&write).await.unwrap();
            let mut wrong = Vec::new();
            for session in &sessions {
                wrong.extend(differences(&app_role, session, before).await);
            }
            app_role.batch_execute("rollback").await.unwrap();
            prop_assert!(wrong.is_empty(), "{:#?}", wrong);
            Ok(())
        })
    });
    drop(app);
    outcome.unwrap();
}
