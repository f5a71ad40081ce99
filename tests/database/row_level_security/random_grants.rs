//! Random grants, roles, relations and consents: each role sees exactly its clients.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use domain::identity::Role;
use proptest::{prelude::*, test_runner::TestRunner};
use uuid::Uuid;

use super::rows::{Session, client, counted, visit};
use crate::harness::{
    TestApp,
    fixtures::{AGENCY_A, AIDE, COORDINATOR, FAMILY, NURSE, OTHER_ADMIN, OTHER_NURSE, Person},
    random,
};

/// A membership of a care team: days are counted from today.
#[derive(Clone, Debug)]
struct Grant {
    client: usize,
    user: usize,
    relation: &'static str,
    scheduled: bool,
    starts: i64,
    ends: Option<i64>,
    removed: bool,
}

/// What may be so of a few clients and those who might see them.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// Whether each client is deleted.
    deleted: Vec<bool>,
    /// Consents to family sharing and their withdrawals, in their order, by client.
    sharing: Vec<Vec<bool>>,
    grants: Vec<Grant>,
}

pub const CLIENTS: usize = 3;
pub const MEMBERS: [&Person; 5] = [&COORDINATOR, &NURSE, &OTHER_NURSE, &AIDE, &FAMILY];

pub fn circumstances() -> impl Strategy<Value = Circumstances> {
    let relation = prop::sample::select(vec!["primary_nurse", "nurse", "care_aide", "coordinator", "family"]);
    let ends = prop::option::of(0..3_i64);
    let grant = (0..CLIENTS, 0..MEMBERS.len(), relation, any::<bool>(), -2..=1_i64, ends, prop::bool::weighted(0.1))
        .prop_map(|(client, user, relation, scheduled, starts, days, removed)| Grant {
            client,
            user,
            relation,
            scheduled,
            starts,
            ends: days.map(|days| starts + days),
            removed,
        });
    (
        prop::collection::vec(prop::bool::weighted(0.2), CLIENTS),
        prop::collection::vec(prop::collection::vec(any::<bool>(), 0..3), CLIENTS),
        prop::collection::vec(grant, 0..16),
    )
        .prop_map(|(deleted, sharing, mut grants)| {
            // One membership per person, client and source, and one primary nurse per client, as constraints have it.
            let (mut members, mut primaries) = (BTreeSet::new(), BTreeSet::new());
            grants.retain(|grant| {
                grant.removed
                    || (members.insert((grant.client, grant.user, grant.scheduled))
                        && (grant.relation != "primary_nurse" || primaries.insert(grant.client)))
            });
            Circumstances { deleted, sharing, grants }
        })
}

impl Circumstances {
    /// Section 4, in Rust: whether a member sees a client.
    fn sees(&self, user: usize, client: usize) -> bool {
        let family = MEMBERS[user].role == Role::Family;
        if MEMBERS[user].role.sees_agency() {
            return true;
        }
        let granted = self.grants.iter().any(|grant| {
            (grant.user, grant.client) == (user, client)
                && !grant.removed
                && grant.starts <= 0
                && grant.ends.is_none_or(|day| day >= 0)
                && (grant.relation == "family") == family
        });
        granted && !self.deleted[client] && (!family || self.sharing[client].last() == Some(&true))
    }

    pub fn client(client: usize) -> Uuid {
        Uuid::from_u128(0xCA00 + u128::try_from(client).unwrap())
    }

    fn visit(client: usize) -> Uuid {
        Uuid::from_u128(0xFA00 + u128::try_from(client).unwrap())
    }

    pub fn sql(&self) -> String {
        let mut sql = String::new();
        for (i, deleted) in self.deleted.iter().enumerate() {
            sql += &client(Self::client(i), AGENCY_A);
            sql += &visit(Self::visit(i), AGENCY_A, Self::client(i), &OTHER_ADMIN);
            if *deleted {
                write!(sql, "update clients set deleted_at = now() where id = '{}';", Self::client(i)).unwrap();
            }
            for (n, granted) in self.sharing[i].iter().enumerate() {
                write!(
                    sql,
                    "insert into consents (id, agency_id, client_id, kind, granted, method, recorded_at)
                     values (gen_random_uuid(), '{AGENCY_A}', '{}', 'family_sharing', {granted}, 'form',
                       now() + interval '{n} s');",
                    Self::client(i)
                )
                .unwrap();
            }
        }
        for Grant { client, user, relation, scheduled, starts, ends, removed } in &self.grants {
            let source = if *scheduled { "scheduled" } else { "assigned" };
            let ends = ends.map_or("null".into(), |day| format!("app.today() + ({day})"));
            write!(
                sql,
                "insert into care_team
                   (id, agency_id, client_id, user_id, relation, source, starts_on, ends_on, deleted_at)
                 values (gen_random_uuid(), '{AGENCY_A}', '{}', '{}', '{relation}', '{source}',
                   app.today() + ({starts}), {ends}, case when {removed} then now() end);",
                Self::client(*client),
                MEMBERS[*user].id
            )
            .unwrap();
        }
        sql
    }
}

#[test]
fn whatever_the_circumstances_each_role_sees_exactly_its_clients() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (app, app_role, sessions) = runtime.block_on(async {
        let app = TestApp::new().await;
        let app_role = app.database.connect_as("berthcare_jobs").await;
        let mut sessions = Vec::new();
        for person in MEMBERS {
            sessions.push(Session::start(&app, person).await);
        }
        (app, app_role, sessions)
    });
    // What they see of the fixtures is not at issue.
    let seen = async |table: &str, new: &BTreeMap<String, usize>| -> BTreeSet<usize> {
        let sql = format!("select id::text, count(*) from {table} group by 1");
        counted(&app_role, &sql).await.keys().filter_map(|id| new.get(id).copied()).collect()
    };
    let clients: BTreeMap<_, _> = (0..CLIENTS).map(|i| (Circumstances::client(i).to_string(), i)).collect();
    let visits: BTreeMap<_, _> = (0..CLIENTS).map(|i| (Circumstances::visit(i).to_string(), i)).collect();

    let outcome = TestRunner::new(random::cases(64)).run(&circumstances(), |circumstances| {
        runtime.block_on(async {
            let begin = format!("begin; select app.act_as_job('{AGENCY_A}'); select app.reserve_change_numbers(50);");
            app_role.batch_execute(&format!("{begin} {}", circumstances.sql())).await.unwrap();
            let mut found = Vec::new();
            for session in &sessions {
                app_role.batch_execute(&session.act()).await.unwrap();
                found.push((seen("clients", &clients).await, seen("visits", &visits).await));
            }
            app_role.batch_execute("rollback").await.unwrap();
            for (user, (found_clients, found_visits)) in found.into_iter().enumerate() {
                let expected: BTreeSet<_> = (0..CLIENTS).filter(|client| circumstances.sees(user, *client)).collect();
                prop_assert_eq!(&found_clients, &expected, "clients of {}", MEMBERS[user].email);
                prop_assert_eq!(&found_visits, &expected, "visits of {}", MEMBERS[user].email);
            }
            Ok(())
        })
    });
    drop(app);
    outcome.unwrap();
}
