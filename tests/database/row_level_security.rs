//! The handlers bypassed: plain statements as the application's database role. Row-level security alone shows each
//! caller what the handlers show them, and lets them write what section 4 of the product lets them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use domain::identity::Role;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;
use tokio_postgres::{SimpleQueryMessage, types::Type};
use uuid::Uuid;

use crate::harness::{
    Client, TestApp,
    fixtures::{
        ADMIN, ADMIN_B, AGENCY_A, AGENCY_B, AIDE, AIDES_MEALS, AIDES_VISIT, AIDES_VITALS, ALMA, BERNARD, CHLOE,
        CLIENT_B, COORDINATOR, FAMILY, NURSE, NURSE_B, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS, OTHER_ADMIN,
        OTHER_COORDINATOR, OTHER_NURSE, OTHER_NURSES_VISIT, OTHER_NURSES_VITALS, Person, VISIT_B,
    },
};

const NOBODY: &[&Person] = &[];
const PLANNERS: &[&Person] = &[&ADMIN, &COORDINATOR];
/// Planners, and one more.
const NURSES: &[&Person] = &[&ADMIN, &COORDINATOR, &NURSE];
const AIDES: &[&Person] = &[&ADMIN, &COORDINATOR, &AIDE];
const FAMILYS: &[&Person] = &[&ADMIN, &COORDINATOR, &FAMILY];
/// Of the people that the tests sign in, those who may see Alma's record.
const ALMAS_STAFF: &[&Person] = &[&ADMIN, &COORDINATOR, &NURSE, &AIDE];
const ALMAS: &[&Person] = &[&ADMIN, &COORDINATOR, &NURSE, &AIDE, &FAMILY];
const BERNARDS: &[&Person] = &[&ADMIN, &COORDINATOR, &OTHER_NURSE];
const AGENCY_AS: &[&Person] = &[&ADMIN, &COORDINATOR, &NURSE, &AIDE, &FAMILY, &OTHER_NURSE];
const AGENCY_AS_STAFF: &[&Person] = &[&ADMIN, &COORDINATOR, &NURSE, &AIDE, &OTHER_NURSE];
const AGENCY_BS: &[&Person] = &[&ADMIN_B, &NURSE_B];
const PEOPLE: [&Person; 8] = [&ADMIN, &COORDINATOR, &NURSE, &AIDE, &FAMILY, &OTHER_NURSE, &ADMIN_B, &NURSE_B];

/// What the fixtures lacks: rows of every table, for Alma, for Bernard and in the other agency, and deleted ones.
const GONE_CLIENT: Uuid = Uuid::from_u128(0xC4);
const VISIT_TO_GONE_CLIENT: Uuid = Uuid::from_u128(0xF4);
const GONE_VISIT: Uuid = Uuid::from_u128(0xF5);
const TASK_OF_GONE_CLIENT: Uuid = Uuid::from_u128(0xD6);
const TASK_OF_GONE_VISIT: Uuid = Uuid::from_u128(0xD7);
const GONE_TASK: Uuid = Uuid::from_u128(0xD8);
const DONE_TASK: Uuid = Uuid::from_u128(0xD9);
const TASK_B: Uuid = Uuid::from_u128(0xDB);
const PHOTO_OF_ALMA: Uuid = Uuid::from_u128(0xA01);
const SHARED_PHOTO: Uuid = Uuid::from_u128(0xA02);
const SHARED_PHOTO_OF_VISIT: Uuid = Uuid::from_u128(0xA03);
const PENDING_PHOTO: Uuid = Uuid::from_u128(0xA04);
const GONE_PHOTO: Uuid = Uuid::from_u128(0xA05);
const PHOTO_OF_NURSE: Uuid = Uuid::from_u128(0xA06);
const PHOTO_OF_BERNARD: Uuid = Uuid::from_u128(0xA07);
const SHARED_PHOTO_OF_BERNARD: Uuid = Uuid::from_u128(0xA08);
const PHOTO_AS_IT_CAME: Uuid = Uuid::from_u128(0xA09);
const DOCUMENT_OF_ALMA: Uuid = Uuid::from_u128(0xA0A);
const PHOTO_B: Uuid = Uuid::from_u128(0xA0B);
const ALERT_FOR_ALMA: Uuid = Uuid::from_u128(0xA11);
const ALERT_FOR_BERNARD: Uuid = Uuid::from_u128(0xA12);
const ALERT_B: Uuid = Uuid::from_u128(0xA1B);
const MESSAGE: Uuid = Uuid::from_u128(0xA21);
const MESSAGE_B: Uuid = Uuid::from_u128(0xA2B);
const REPLY: Uuid = Uuid::from_u128(0xA31);
const STRANGERS_REPLY: Uuid = Uuid::from_u128(0xA32);
const REPLY_B: Uuid = Uuid::from_u128(0xA3B);
const CONFLICT_AT_ALMA: Uuid = Uuid::from_u128(0xA41);
const CONFLICT_AT_BERNARD: Uuid = Uuid::from_u128(0xA42);
const CONFLICT_B: Uuid = Uuid::from_u128(0xA4B);
const REFUSED_PUSH: Uuid = Uuid::from_u128(0xA51);
const REFUSED_PUSH_B: Uuid = Uuid::from_u128(0xA5B);
const RECEIPT: Uuid = Uuid::from_u128(0xA71);
const RECEIPT_B: Uuid = Uuid::from_u128(0xA7B);
const CREATED: Uuid = Uuid::from_u128(0xA61);
const CREATED_B: Uuid = Uuid::from_u128(0xA6B);

/// Somebody's session, as a transaction takes it on.
struct Session {
    user: &'static Person,
    client: Client,
    id: Uuid,
}

impl Session {
    async fn start(app: &TestApp, user: &'static Person) -> Self {
        let client = app.sign_in(user).await;
        let id = app
            .database
            .superuser()
            .await
            .query_typed("select session_id from devices where id = $1", &[(&client.device_id, Type::UUID)])
            .await
            .unwrap()[0]
            .get(0);
        Self { user, client, id }
    }

    /// The statement that takes the session on, in an open transaction.
    fn act(&self) -> String {
        let Self { user, client, id } = self;
        format!("select app.act_as('{}', '{}', '{id}', '{}', null, null)", user.id, client.device_id, user.role)
    }
}

/// A furnished database, and a session of everybody in it.
struct Stage {
    app: TestApp,
    app_role: tokio_postgres::Client,
    sessions: Vec<Session>,
}

impl Stage {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let mut sessions = Vec::new();
        for person in PEOPLE {
            sessions.push(Session::start(&app, person).await);
        }
        let device = |person: &Person| sessions.iter().find(|s| s.user.id == person.id).unwrap().client.device_id;
        app.database.write(AGENCY_A, &furniture_of_a(device(&NURSE))).await;
        app.database.write(AGENCY_B, &furniture_of_b(device(&NURSE_B))).await;
        let app_role = app.database.connect_as("berthcare_app").await;
        Self { app, app_role, sessions }
    }

    fn session(&self, person: &Person) -> &Session {
        self.sessions.iter().find(|session| session.user.id == person.id).unwrap()
    }

    /// How many rows of `table` there are by `key`, as `person` sees them, or as the owner of everything does.
    async fn rows(&self, person: Option<&Person>, table: &str, key: &str) -> BTreeMap<String, i64> {
        let sql = format!("select {key}, count(*) from {table} group by 1");
        let Some(person) = person else { return counted(&self.app.database.superuser().await, &sql).await };
        self.app_role.batch_execute(&format!("begin; {}", self.session(person).act())).await.unwrap();
        let rows = counted(&self.app_role, &sql).await;
        self.app_role.batch_execute("rollback").await.unwrap();
        rows
    }

    /// What comes of a statement in a transaction of `person`'s that is rolled back: how many rows it touched, or the
    /// error's code.
    async fn attempt(&self, person: &Person, sql: &str) -> Result<u64, String> {
        let begin = format!("begin; {}; select app.reserve_change_numbers(5)", self.session(person).act());
        self.app_role.batch_execute(&begin).await.unwrap();
        let touched = touched(&self.app_role, sql).await;
        self.app_role.batch_execute("rollback").await.unwrap();
        touched
    }
}

async fn counted(client: &tokio_postgres::Client, sql: &str) -> BTreeMap<String, i64> {
    client.query_typed(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn touched(client: &tokio_postgres::Client, sql: &str) -> Result<u64, String> {
    match client.simple_query(sql).await {
        Ok(messages) => Ok(messages
            .iter()
            .map(|message| if let SimpleQueryMessage::CommandComplete(n) = message { *n } else { 0 })
            .sum()),
        Err(error) => Err(error.code().unwrap().code().to_owned()),
    }
}

const ADDRESS: &str =
    r#"{"street": "1 Main", "city": "Toronto", "province": "ON", "postal_code": "M5V 2T6", "country": "CA"}"#;
const SHA256: &str = "decode(repeat('00', 32), 'hex')";

fn photo(id: Uuid, agency: Uuid, (owner, of): (&str, Uuid), shared: bool, status: &str) -> String {
    format!(
        "insert into photos (id, agency_id, {owner}, kind, shared_with_family, object_key, content_type, bytes, sha256,
           status, redrawn)
         values ('{id}', '{agency}', '{of}', 'photo', {shared}, case '{status}' when 'stored' then 'key' end,
           'image/jpeg', 1, {SHA256}, '{status}', '{status}' = 'stored');"
    )
}

fn of_kind(kind: &str, photo: &str) -> String {
    photo.replace("'photo'", &format!("'{kind}'"))
}

fn alert(id: Uuid, agency: Uuid, client: Uuid, by: &Person) -> String {
    format!(
        "insert into alerts (id, agency_id, client_id, raised_by, severity, reason)
         values ('{id}', '{agency}', '{client}', '{}', 'high', 'a fall');",
        by.id
    )
}

fn plan_version(agency: Uuid, client: Uuid) -> String {
    format!(
        "insert into care_plan_versions (client_id, version, agency_id, plan)
         values ('{client}', 1, '{agency}', '{{}}');"
    )
}

fn consent(agency: Uuid, client: Uuid, kind: &str) -> String {
    format!(
        "insert into consents (id, agency_id, client_id, kind, granted, method)
         values (gen_random_uuid(), '{agency}', '{client}', '{kind}', true, 'signed form');"
    )
}

fn message(id: Uuid, agency: Uuid, to: &Person) -> String {
    format!(
        "insert into messages (id, agency_id, channel, recipient_id, recipient, template, locale, dedupe_key)
         values ('{id}', '{agency}', 'sms', '{}', '+14165550001', 't', 'en-CA', '{id}');",
        to.id
    )
}

fn reply(id: Uuid, agency: Option<Uuid>) -> String {
    let agency = agency.map_or("null".into(), |agency| format!("'{agency}'"));
    format!(
        "insert into inbound_messages (id, agency_id, provider_sid, sender, recipient, body, intent)
         values ('{id}', {agency}, '{id}', '+1', '+2', 'CALL', 'call');"
    )
}

fn conflict(id: Uuid, agency: Uuid, client: Uuid) -> String {
    format!(
        "insert into sync_conflicts (id, agency_id, client_id, table_name, record_id, column_name, stored_side, status)
         values ('{id}', '{agency}', '{client}', 'clients', '{client}', 'phone', 'server', 'needs_review');"
    )
}

fn refused_push(id: Uuid, agency: Uuid, by: &Person, device: Uuid) -> String {
    format!(
        "insert into sync_quarantine
           (id, agency_id, device_id, user_id, table_name, record_id, body, body_sha256, reason)
         values ('{id}', '{agency}', '{device}', '{}', 'visits', 'x', '{{}}', {SHA256}, 'malformed');",
        by.id
    )
}

fn receipt(record: Uuid, agency: Uuid, device: &str) -> String {
    format!(
        "insert into sync_receipts (device_id, record_id, agency_id, body_sha256)
         values ({device}, '{record}', '{agency}', {SHA256});"
    )
}

fn creation(id: Uuid, agency: Uuid) -> String {
    format!(
        "insert into creations (record_id, agency_id, table_name, body_sha256)
         values ('{id}', '{agency}', 'clients', {SHA256});"
    )
}

fn task(id: Uuid, agency: Uuid, visit: Uuid, task_type: &str, completed: bool) -> String {
    format!(
        "insert into visit_tasks (id, agency_id, visit_id, task_type, title, completed, completed_at)
         values ('{id}', '{agency}', '{visit}', '{task_type}', 'T', {completed}, case when {completed} then now() end);"
    )
}

fn visit(id: Uuid, agency: Uuid, client: Uuid, by: &Person) -> String {
    format!(
        "insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end)
         values ('{id}', '{agency}', '{client}', '{}', now() + interval '1 day', now() + interval '25 hours');",
        by.id
    )
}

fn client(id: Uuid, agency: Uuid) -> String {
    format!(
        "insert into clients (id, agency_id, first_name, last_name, date_of_birth, address)
         values ('{id}', '{agency}', 'F', 'L', '1940-01-01', '{ADDRESS}');"
    )
}

fn member(agency: Uuid, client: Uuid, user: &Person, relation: &str) -> String {
    format!(
        "insert into care_team (id, agency_id, client_id, user_id, relation, starts_on)
         values (gen_random_uuid(), '{agency}', '{client}', '{}', '{relation}', '2026-01-01');",
        user.id
    )
}

fn user(role: &str, agency: Uuid) -> String {
    format!(
        "insert into users (id, agency_id, email, phone, first_name, last_name, role, locale, status)
         values (gen_random_uuid(), '{agency}', 'x@x.test', '+14165550888', 'F', 'L', '{role}', 'en-CA', 'invited')"
    )
}

fn furniture_of_a(nurses_device: Uuid) -> String {
    let mut sql = [
        client(GONE_CLIENT, AGENCY_A),
        member(AGENCY_A, GONE_CLIENT, &NURSE, "nurse"),
        visit(VISIT_TO_GONE_CLIENT, AGENCY_A, GONE_CLIENT, &NURSE),
        task(TASK_OF_GONE_CLIENT, AGENCY_A, VISIT_TO_GONE_CLIENT, "meals", true),
        visit(GONE_VISIT, AGENCY_A, ALMA, &NURSE),
        task(TASK_OF_GONE_VISIT, AGENCY_A, GONE_VISIT, "meals", true),
        task(GONE_TASK, AGENCY_A, NURSES_VISIT, "meals", true),
        task(DONE_TASK, AGENCY_A, NURSES_VISIT, "meals", true),
        plan_version(AGENCY_A, ALMA),
        plan_version(AGENCY_A, BERNARD),
        consent(AGENCY_A, ALMA, "photos"),
        consent(AGENCY_A, BERNARD, "data_collection"),
        photo(PHOTO_OF_ALMA, AGENCY_A, ("client_id", ALMA), false, "stored"),
        photo(SHARED_PHOTO, AGENCY_A, ("client_id", ALMA), true, "stored"),
        photo(SHARED_PHOTO_OF_VISIT, AGENCY_A, ("visit_id", NURSES_VISIT), true, "stored"),
        photo(PENDING_PHOTO, AGENCY_A, ("client_id", ALMA), true, "pending"),
        photo(GONE_PHOTO, AGENCY_A, ("client_id", ALMA), true, "stored"),
        photo(PHOTO_OF_NURSE, AGENCY_A, ("user_id", NURSE.id), false, "stored"),
        photo(PHOTO_OF_BERNARD, AGENCY_A, ("client_id", BERNARD), false, "stored"),
        photo(SHARED_PHOTO_OF_BERNARD, AGENCY_A, ("visit_id", OTHER_NURSES_VISIT), true, "stored"),
        photo(PHOTO_AS_IT_CAME, AGENCY_A, ("client_id", ALMA), true, "stored"),
        format!("update photos set redrawn = false where id = '{PHOTO_AS_IT_CAME}';"),
        of_kind("document", &photo(DOCUMENT_OF_ALMA, AGENCY_A, ("client_id", ALMA), true, "stored")),
        alert(ALERT_FOR_ALMA, AGENCY_A, ALMA, &NURSE),
        alert(ALERT_FOR_BERNARD, AGENCY_A, BERNARD, &OTHER_NURSE),
        message(MESSAGE, AGENCY_A, &FAMILY),
        "insert into rate_limits (lane) values ('sms');".into(),
        reply(REPLY, Some(AGENCY_A)),
        reply(STRANGERS_REPLY, None),
        conflict(CONFLICT_AT_ALMA, AGENCY_A, ALMA),
        conflict(CONFLICT_AT_BERNARD, AGENCY_A, BERNARD),
        refused_push(REFUSED_PUSH, AGENCY_A, &NURSE, nurses_device),
        receipt(RECEIPT, AGENCY_A, &format!("'{nurses_device}'")),
        creation(CREATED, AGENCY_A),
        sealed(AGENCY_A, 1),
    ]
    .concat();
    for (table, id) in [
        ("clients", GONE_CLIENT),
        ("visits", GONE_VISIT),
        ("visit_tasks", TASK_OF_GONE_VISIT),
        ("visit_tasks", GONE_TASK),
        ("photos", GONE_PHOTO),
    ] {
        write!(sql, "update {table} set deleted_at = now() where id = '{id}';").unwrap();
    }
    sql
}

fn furniture_of_b(nurses_device: Uuid) -> String {
    [
        task(TASK_B, AGENCY_B, VISIT_B, "meals", true),
        plan_version(AGENCY_B, CLIENT_B),
        consent(AGENCY_B, CLIENT_B, "family_sharing"),
        photo(PHOTO_B, AGENCY_B, ("client_id", CLIENT_B), true, "stored"),
        alert(ALERT_B, AGENCY_B, CLIENT_B, &NURSE_B),
        message(MESSAGE_B, AGENCY_B, &NURSE_B),
        reply(REPLY_B, Some(AGENCY_B)),
        conflict(CONFLICT_B, AGENCY_B, CLIENT_B),
        refused_push(REFUSED_PUSH_B, AGENCY_B, &NURSE_B, nurses_device),
        receipt(RECEIPT_B, AGENCY_B, &format!("'{nurses_device}'")),
        creation(CREATED_B, AGENCY_B),
        sealed(AGENCY_B, 2),
    ]
    .concat()
}

/// A link of the audit chain, over some row of the agency's.
fn sealed(agency: Uuid, number: i64) -> String {
    format!(
        "insert into audit_chain (number, audit_id, agency_id, hash)
         select {number}, id, agency_id, {SHA256} from audit_log where agency_id = '{agency}' limit 1;"
    )
}

/// Who sees which rows of a table.
struct Table {
    name: &'static str,
    /// What tells its rows apart.
    key: &'static str,
    rows: Vec<(String, &'static [&'static Person])>,
}

fn table<K: ToString, const N: usize>(
    name: &'static str,
    key: &'static str,
    rows: [(K, &'static [&'static Person]); N],
) -> Table {
    Table { name, key, rows: rows.into_iter().map(|(key, people)| (key.to_string(), people)).collect() }
}

fn pair(client: Uuid, user: &Person) -> String {
    format!("{client} {}", user.id)
}

/// Every table, every row, and who sees it.
fn who_sees_what() -> Vec<Table> {
    const BY_CLIENT: &str = "coalesce(client_id::text, 'no client')";
    vec![
        table("agencies", "id::text", [(AGENCY_A, AGENCY_AS), (AGENCY_B, AGENCY_BS)]),
        table("agency_counters", "agency_id::text", [(AGENCY_A, AGENCY_AS), (AGENCY_B, AGENCY_BS)]),
        table(
            "users",
            "id::text",
            [
                (ADMIN.id, PLANNERS),
                (OTHER_ADMIN.id, PLANNERS),
                (COORDINATOR.id, PLANNERS),
                (OTHER_COORDINATOR.id, PLANNERS),
                (NURSE.id, ALMAS),
                (AIDE.id, ALMAS),
                (FAMILY.id, ALMAS),
                (OTHER_NURSE.id, BERNARDS),
                (ADMIN_B.id, &[&ADMIN_B]),
                (NURSE_B.id, AGENCY_BS),
            ],
        ),
        table(
            "devices",
            "user_id::text",
            [
                (ADMIN.id, PLANNERS),
                (COORDINATOR.id, PLANNERS),
                (NURSE.id, NURSES),
                (AIDE.id, AIDES),
                (FAMILY.id, FAMILYS),
                (OTHER_NURSE.id, BERNARDS),
                (ADMIN_B.id, &[&ADMIN_B]),
                (NURSE_B.id, AGENCY_BS),
            ],
        ),
        table(
            "clients",
            "id::text",
            [(ALMA, ALMAS), (BERNARD, BERNARDS), (CHLOE, PLANNERS), (GONE_CLIENT, PLANNERS), (CLIENT_B, AGENCY_BS)],
        ),
        table("care_plan_versions", "client_id::text", [(ALMA, NURSES), (BERNARD, BERNARDS), (CLIENT_B, AGENCY_BS)]),
        table(
            "care_team",
            "client_id || ' ' || user_id",
            [
                (pair(ALMA, &NURSE), ALMAS_STAFF),
                (pair(ALMA, &AIDE), ALMAS_STAFF),
                (pair(ALMA, &FAMILY), ALMAS),
                (pair(BERNARD, &OTHER_NURSE), BERNARDS),
                (pair(GONE_CLIENT, &NURSE), NURSES),
                (pair(CLIENT_B, &NURSE_B), AGENCY_BS),
            ],
        ),
        table("consents", "client_id::text", [(ALMA, ALMAS_STAFF), (BERNARD, BERNARDS), (CLIENT_B, AGENCY_BS)]),
        table(
            "visits",
            "id::text",
            [
                (NURSES_VISIT, ALMAS),
                (AIDES_VISIT, ALMAS),
                (GONE_VISIT, PLANNERS),
                (VISIT_TO_GONE_CLIENT, PLANNERS),
                (OTHER_NURSES_VISIT, BERNARDS),
                (VISIT_B, AGENCY_BS),
            ],
        ),
        table(
            "visit_tasks",
            "id::text",
            [
                (NURSES_VITALS, ALMAS_STAFF),
                (NURSES_MEALS, ALMAS_STAFF),
                (AIDES_MEALS, ALMAS_STAFF),
                (AIDES_VITALS, ALMAS_STAFF),
                (DONE_TASK, ALMAS),
                // Whoever removes a task must see it removed, or PostgreSQL refuses the change.
                (GONE_TASK, ALMAS_STAFF),
                (TASK_OF_GONE_VISIT, PLANNERS),
                (TASK_OF_GONE_CLIENT, PLANNERS),
                (OTHER_NURSES_VITALS, BERNARDS),
                (TASK_B, AGENCY_BS),
            ],
        ),
        table(
            "photos",
            "id::text",
            [
                (PHOTO_OF_ALMA, ALMAS_STAFF),
                (SHARED_PHOTO, ALMAS),
                (SHARED_PHOTO_OF_VISIT, ALMAS),
                (PENDING_PHOTO, ALMAS_STAFF),
                (GONE_PHOTO, ALMAS_STAFF),
                (PHOTO_OF_NURSE, ALMAS_STAFF),
                (PHOTO_AS_IT_CAME, ALMAS_STAFF),
                (DOCUMENT_OF_ALMA, NURSES),
                (PHOTO_OF_BERNARD, BERNARDS),
                (SHARED_PHOTO_OF_BERNARD, BERNARDS),
                (PHOTO_B, AGENCY_BS),
            ],
        ),
        table(
            "alerts",
            "id::text",
            [(ALERT_FOR_ALMA, ALMAS_STAFF), (ALERT_FOR_BERNARD, BERNARDS), (ALERT_B, AGENCY_BS)],
        ),
        table(
            "escalations",
            "alert_id::text",
            [(ALERT_FOR_ALMA, NOBODY), (ALERT_FOR_BERNARD, NOBODY), (ALERT_B, NOBODY)],
        ),
        table("messages", "id::text", [(MESSAGE, NOBODY), (MESSAGE_B, NOBODY)]),
        table("rate_limits", "lane", [("sms", NOBODY)]),
        table("inbound_messages", "id::text", [(REPLY, PLANNERS), (STRANGERS_REPLY, NOBODY), (REPLY_B, &[&ADMIN_B])]),
        table(
            "sync_log",
            BY_CLIENT,
            [
                (ALMA.to_string(), ALMAS_STAFF),
                (BERNARD.to_string(), BERNARDS),
                (CHLOE.to_string(), PLANNERS),
                (GONE_CLIENT.to_string(), PLANNERS),
                (CLIENT_B.to_string(), AGENCY_BS),
                // Photos of users.
                ("no client".to_owned(), PLANNERS),
            ],
        ),
        table(
            "sync_conflicts",
            "id::text",
            [(CONFLICT_AT_ALMA, ALMAS_STAFF), (CONFLICT_AT_BERNARD, BERNARDS), (CONFLICT_B, AGENCY_BS)],
        ),
        table("sync_quarantine", "id::text", [(REFUSED_PUSH, NURSES), (REFUSED_PUSH_B, AGENCY_BS)]),
        table("sync_receipts", "record_id::text", [(RECEIPT, &[&NURSE]), (RECEIPT_B, &[&NURSE_B])]),
        table("creations", "record_id::text", [(CREATED, AGENCY_AS), (CREATED_B, AGENCY_BS)]),
        table("audit_log", "agency_id::text", [(AGENCY_A, PLANNERS), (AGENCY_B, &[&ADMIN_B])]),
        table("audit_chain", "agency_id::text", [(AGENCY_A, &[&ADMIN]), (AGENCY_B, &[&ADMIN_B])]),
    ]
}

#[tokio::test]
async fn a_query_without_a_filter_shows_each_caller_their_rows() {
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
            "select tablename::text from pg_tables
             where schemaname = 'public' and tablename not in ('applied_code', 'refinery_schema_history')",
            &[],
        )
        .await
        .unwrap();
    let every_table: BTreeSet<String> = every_table.iter().map(|row| row.get(0)).collect();
    assert_eq!(every_table, tables.iter().map(|table| table.name.to_owned()).collect(), "a table is not tested");
}

/// The ids of a list's items, or of an answer that is a list.
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

/// A write, and who may do it.
#[derive(Clone)]
struct Attempt {
    table: &'static str,
    sql: String,
    may: Vec<&'static Person>,
}

fn attempt(table: &'static str, may: &[&'static Person], sql: impl Into<String>) -> Attempt {
    Attempt { table, sql: sql.into(), may: may.to_vec() }
}

/// A statement that names [`MYSELF`], to be about whoever sends it.
fn by_myself(sql: &str) -> String {
    sql.replace(&format!("'{}'", Uuid::nil()), "app.user_id()")
}

const MYSELF: Person = Person { id: Uuid::nil(), agency: AGENCY_A, email: "whoever tries", role: Role::Nurse };

fn attempts_at_people() -> Vec<Attempt> {
    let change = |person: &Person, set: &str| format!("update users set {set} where id = '{}'", person.id);
    let mut attempts = vec![
        attempt("agencies", NOBODY, "update agencies set name = 'Mine'"),
        attempt(
            "agencies",
            NOBODY,
            "insert into agencies (id, name, time_zone) values (gen_random_uuid(), 'N', 'UTC')",
        ),
        attempt("agency_counters", NOBODY, "update agency_counters set number = 0"),
        attempt("users", PLANNERS, user("nurse", AGENCY_A)),
        attempt("users", PLANNERS, user("care_aide", AGENCY_A)),
        attempt("users", PLANNERS, user("family", AGENCY_A)),
        attempt("users", &[&ADMIN], user("coordinator", AGENCY_A)),
        attempt("users", &[&ADMIN], user("admin", AGENCY_A)),
        attempt("users", &[&ADMIN_B], user("nurse", AGENCY_B)),
        attempt("users", NURSES, change(&NURSE, "first_name = 'N'")),
        attempt("users", FAMILYS, change(&FAMILY, "first_name = 'N'")),
        attempt("users", PLANNERS, change(&COORDINATOR, "first_name = 'N'")),
        attempt("users", &[&ADMIN], change(&OTHER_COORDINATOR, "first_name = 'N'")),
        attempt("users", &[&ADMIN], change(&OTHER_ADMIN, "first_name = 'N'")),
        attempt("users", AGENCY_BS, change(&NURSE_B, "first_name = 'N'")),
        attempt("users", PLANNERS, change(&OTHER_NURSE, "role = 'care_aide'")),
        attempt("users", &[&ADMIN], change(&OTHER_NURSE, "role = 'coordinator'")),
        attempt("users", &[&ADMIN], change(&OTHER_NURSE, "role = 'admin'")),
        attempt("users", PLANNERS, change(&AIDE, "status = 'suspended'")),
        attempt("users", &[&ADMIN], change(&OTHER_COORDINATOR, "status = 'suspended'")),
        attempt("users", &[&ADMIN], change(&OTHER_NURSE, "deleted_at = now()")),
        attempt("users", &[&ADMIN, &ADMIN_B], "update users set status = 'suspended' where id = app.user_id()"),
        attempt("users", &[&ADMIN, &ADMIN_B], "update users set deleted_at = now() where id = app.user_id()"),
        attempt("users", NOBODY, change(&NURSE, "password_hash = 'x'")),
        attempt("users", NOBODY, change(&NURSE, &format!("agency_id = '{AGENCY_B}'"))),
    ];
    // Nobody but an admin makes themselves anything that they aren't.
    for role in ["admin", "coordinator", "nurse", "care_aide", "family"] {
        let are = |person: &&&Person| <&str>::from(person.role) == role || person.role == Role::Admin;
        let may: Vec<_> = PEOPLE.iter().filter(are).copied().collect();
        attempts.push(attempt("users", &may, format!("update users set role = '{role}' where id = app.user_id()")));
    }
    let revoke = |person: &Person| format!("update devices set revoked_at = now() where user_id = '{}'", person.id);
    attempts.extend([
        attempt("devices", &[&ADMIN], revoke(&ADMIN)),
        attempt("devices", PLANNERS, revoke(&COORDINATOR)),
        attempt("devices", NURSES, revoke(&NURSE)),
        attempt("devices", FAMILYS, revoke(&FAMILY)),
        attempt("devices", AGENCY_BS, revoke(&NURSE_B)),
        attempt("devices", NOBODY, format!("update devices set user_id = '{}'", NURSE.id)),
        attempt(
            "devices",
            NOBODY,
            format!(
                "insert into devices (id, agency_id, user_id, name, platform, app_version)
                 values (gen_random_uuid(), '{AGENCY_A}', app.user_id(), 'D', 'ios', '1')"
            ),
        ),
    ]);
    attempts
}

fn attempts_at_clients() -> Vec<Attempt> {
    let id = Uuid::from_u128(0xAAA);
    let change = |client: Uuid, set: &str| format!("update clients set {set} where id = '{client}'");
    vec![
        attempt("clients", PLANNERS, client(id, AGENCY_A)),
        attempt("clients", &[&ADMIN_B], client(id, AGENCY_B)),
        attempt("clients", PLANNERS, change(ALMA, "phone = null")),
        attempt("clients", PLANNERS, change(ALMA, "care_plan = '{\"summary\": \"x\"}'")),
        attempt("clients", PLANNERS, change(CHLOE, "deleted_at = now()")),
        attempt("clients", &[&ADMIN_B], change(CLIENT_B, "phone = null")),
        attempt("clients", NOBODY, change(ALMA, &format!("agency_id = '{AGENCY_B}'"))),
        attempt("care_plan_versions", PLANNERS, plan_version(AGENCY_A, CHLOE)),
        attempt("care_plan_versions", NOBODY, "update care_plan_versions set plan = '{\"summary\": \"x\"}'"),
        // Nobody lets themselves in.
        attempt("care_team", PLANNERS, by_myself(&member(AGENCY_A, CHLOE, &MYSELF, "nurse"))),
        attempt("care_team", PLANNERS, by_myself(&member(AGENCY_A, CHLOE, &MYSELF, "family"))),
        attempt(
            "care_team",
            PLANNERS,
            format!("update care_team set ends_on = '2030-01-01' where client_id = '{ALMA}'"),
        ),
        attempt(
            "care_team",
            &[&ADMIN_B],
            format!("update care_team set ends_on = '2030-01-01' where client_id = '{CLIENT_B}'"),
        ),
        attempt("consents", PLANNERS, consent(AGENCY_A, ALMA, "family_sharing")),
        attempt("consents", NOBODY, "update consents set granted = false"),
    ]
}

fn attempts_at_visits() -> Vec<Attempt> {
    let id = Uuid::from_u128(0xAAA);
    let change = |visit: Uuid, set: &str| format!("update visits set {set} where id = '{visit}'");
    let change_task = |task: Uuid, set: &str| format!("update visit_tasks set {set} where id = '{task}'");
    vec![
        attempt("visits", ALMAS_STAFF, by_myself(&visit(id, AGENCY_A, ALMA, &MYSELF))),
        attempt("visits", NURSES, visit(id, AGENCY_A, ALMA, &NURSE)),
        attempt("visits", PLANNERS, visit(id, AGENCY_A, ALMA, &OTHER_NURSE)),
        attempt("visits", BERNARDS, by_myself(&visit(id, AGENCY_A, BERNARD, &MYSELF))),
        attempt("visits", AGENCY_BS, by_myself(&visit(id, AGENCY_B, CLIENT_B, &MYSELF))),
        attempt("visits", NURSES, change(NURSES_VISIT, "notes = 'N'")),
        attempt("visits", AIDES, change(AIDES_VISIT, "notes = 'N'")),
        attempt("visits", BERNARDS, change(OTHER_NURSES_VISIT, "notes = 'N'")),
        attempt("visits", AGENCY_BS, change(VISIT_B, "notes = 'N'")),
        attempt("visits", PLANNERS, change(NURSES_VISIT, &format!("user_id = '{}'", AIDE.id))),
        attempt("visits", PLANNERS, change(NURSES_VISIT, &format!("client_id = '{BERNARD}'"))),
        attempt("visits", PLANNERS, change(NURSES_VISIT, "deleted_at = now()")),
        attempt("visit_tasks", NURSES, task(id, AGENCY_A, NURSES_VISIT, "vitals", false)),
        attempt("visit_tasks", NURSES, task(id, AGENCY_A, NURSES_VISIT, "meals", false)),
        attempt("visit_tasks", AIDES, task(id, AGENCY_A, AIDES_VISIT, "meals", false)),
        attempt("visit_tasks", PLANNERS, task(id, AGENCY_A, AIDES_VISIT, "vitals", false)),
        attempt("visit_tasks", PLANNERS, task(id, AGENCY_A, AIDES_VISIT, "medication", false)),
        attempt("visit_tasks", PLANNERS, task(id, AGENCY_A, AIDES_VISIT, "wound_care", false)),
        attempt("visit_tasks", BERNARDS, task(id, AGENCY_A, OTHER_NURSES_VISIT, "meals", false)),
        attempt("visit_tasks", AGENCY_BS, task(id, AGENCY_B, VISIT_B, "meals", false)),
        attempt("visit_tasks", NURSES, change_task(NURSES_VITALS, "outcome = 'O'")),
        attempt("visit_tasks", AIDES, change_task(AIDES_MEALS, "outcome = 'O'")),
        attempt("visit_tasks", AIDES, change_task(AIDES_MEALS, "deleted_at = now()")),
        attempt("visit_tasks", PLANNERS, change_task(AIDES_VITALS, "outcome = 'O'")),
        attempt("visit_tasks", PLANNERS, change_task(AIDES_MEALS, "task_type = 'vitals'")),
        attempt("visit_tasks", PLANNERS, change_task(AIDES_MEALS, &format!("visit_id = '{NURSES_VISIT}'"))),
        attempt("visit_tasks", BERNARDS, change_task(OTHER_NURSES_VITALS, "outcome = 'O'")),
        attempt("visit_tasks", AGENCY_BS, change_task(TASK_B, "outcome = 'O'")),
    ]
}

fn attempts_at_photos() -> Vec<Attempt> {
    let id = Uuid::from_u128(0xAAA);
    let photo = |(owner, of)| photo(id, AGENCY_A, (owner, of), false, "pending");
    let change = |photo: Uuid, set: &str| format!("update photos set {set} where id = '{photo}'");
    let own_photo = format!("{} {}", photo(("client_id", ALMA)), change(id, "caption = 'C'"));
    let unheard_of = Uuid::from_u128(0xFFF);
    let stored = photo(("client_id", ALMA)).replace("'pending'", "'stored'");
    vec![
        attempt("photos", ALMAS_STAFF, own_photo),
        attempt("photos", BERNARDS, photo(("client_id", BERNARD))),
        attempt("photos", ALMAS_STAFF, photo(("visit_id", NURSES_VISIT))),
        attempt("photos", BERNARDS, photo(("visit_id", OTHER_NURSES_VISIT))),
        // A phone may send the photo before the visit; but not one for somebody else's.
        attempt("photos", AGENCY_AS_STAFF, photo(("visit_id", unheard_of))),
        attempt("photos", NOBODY, photo(("visit_id", VISIT_B))),
        attempt("photos", NURSES, of_kind("signature", &photo(("visit_id", NURSES_VISIT)))),
        attempt("photos", AIDES, of_kind("signature", &photo(("visit_id", AIDES_VISIT)))),
        attempt("photos", NURSES, of_kind("document", &photo(("client_id", ALMA)))),
        attempt("photos", AGENCY_AS_STAFF, by_myself(&photo(("user_id", MYSELF.id)))),
        attempt("photos", NURSES, photo(("user_id", NURSE.id))),
        attempt("photos", &[&ADMIN], photo(("user_id", OTHER_ADMIN.id))),
        attempt("photos", PLANNERS, change(PHOTO_OF_ALMA, "shared_with_family = true")),
        attempt("photos", PLANNERS, change(PHOTO_OF_ALMA, "deleted_at = now()")),
        // What was uploaded stays what it is, and whether it is good is for the function to say.
        attempt("photos", NOBODY, stored),
        attempt("photos", NOBODY, change(PENDING_PHOTO, "status = 'stored', object_key = 'x'")),
        attempt("photos", NOBODY, change(PHOTO_OF_ALMA, &format!("client_id = '{BERNARD}'"))),
        attempt("photos", NOBODY, change(PHOTO_OF_ALMA, "object_key = 'clients/another.jpg'")),
        attempt("photos", NOBODY, change(PHOTO_AS_IT_CAME, "redrawn = true")),
    ]
}

fn attempts_at_the_rest() -> Vec<Attempt> {
    let id = Uuid::from_u128(0xAAA);
    let moved_alert = format!("update alerts set client_id = '{BERNARD}' where id = '{ALERT_FOR_ALMA}'");
    let quarantined = |device: &str| {
        format!(
            "insert into sync_quarantine
               (agency_id, device_id, user_id, table_name, record_id, body, body_sha256, reason)
             values ('{AGENCY_A}', {device}, app.user_id(), 'visits', 'y', '{{\"a\": 1}}', {SHA256}, 'malformed')"
        )
    };
    let logged = "insert into audit_log (action, resource";
    vec![
        attempt("alerts", ALMAS_STAFF, by_myself(&alert(id, AGENCY_A, ALMA, &MYSELF))),
        attempt("alerts", NURSES, alert(id, AGENCY_A, ALMA, &NURSE)),
        attempt("alerts", BERNARDS, by_myself(&alert(id, AGENCY_A, BERNARD, &MYSELF))),
        attempt("alerts", NURSES, format!("update alerts set message = 'M' where id = '{ALERT_FOR_ALMA}'")),
        attempt("alerts", PLANNERS, moved_alert),
        attempt("alerts", AGENCY_BS, format!("update alerts set message = 'M' where id = '{ALERT_B}'")),
        attempt("escalations", NOBODY, "update escalations set due_at = null"),
        attempt("messages", AGENCY_AS_STAFF, message(id, AGENCY_A, &FAMILY)),
        attempt("messages", NOBODY, "update messages set status = 'cancelled'"),
        attempt("rate_limits", NOBODY, "insert into rate_limits (lane) values ('voice')"),
        attempt("rate_limits", NOBODY, "update rate_limits set next_slot_at = now()"),
        attempt("inbound_messages", NOBODY, reply(id, Some(AGENCY_A))),
        attempt("inbound_messages", NOBODY, "update inbound_messages set body = 'x'"),
        attempt("sync_log", NOBODY, "update sync_log set before = null"),
        attempt(
            "sync_log",
            NOBODY,
            format!(
                "insert into sync_log (agency_id, number, table_name, record_id, operation, changed_columns, after)
                 values ('{AGENCY_A}', 0, 'clients', '{ALMA}', 'create', '{{}}', '{{}}')"
            ),
        ),
        attempt("sync_conflicts", AGENCY_AS_STAFF, conflict(id, AGENCY_A, ALMA)),
        attempt(
            "sync_conflicts",
            PLANNERS,
            format!("update sync_conflicts set resolved_by = app.user_id() where id = '{CONFLICT_AT_ALMA}'"),
        ),
        attempt("sync_quarantine", AGENCY_AS_STAFF, quarantined("app.device_id()")),
        attempt("sync_quarantine", NOBODY, quarantined("gen_random_uuid()")),
        attempt("sync_quarantine", NOBODY, "update sync_quarantine set reason = 'x'"),
        attempt("sync_receipts", AGENCY_AS_STAFF, receipt(id, AGENCY_A, "app.device_id()")),
        attempt("sync_receipts", NOBODY, receipt(id, AGENCY_A, "gen_random_uuid()")),
        attempt(
            "sync_receipts",
            &[&NURSE],
            format!("update sync_receipts set body_sha256 = sha256('') where record_id = '{RECEIPT}'"),
        ),
        attempt("creations", AGENCY_AS_STAFF, creation(id, AGENCY_A)),
        attempt("creations", NOBODY, "update creations set table_name = 'x'"),
        // Under their own name, from where they are, and now.
        attempt("audit_log", &PEOPLE, format!("{logged}) values ('test.try', 'test')")),
        attempt("audit_log", NOBODY, format!("{logged}, actor_id) values ('test.try', 'test', '{}')", OTHER_ADMIN.id)),
        attempt("audit_log", NOBODY, format!("{logged}, source_ip) values ('test.try', 'test', '192.0.2.9')")),
        attempt("audit_log", NOBODY, format!("{logged}, at) values ('test.try', 'test', '2020-01-01')")),
        attempt("audit_log", NOBODY, "update audit_log set details = '{}'"),
        attempt("audit_chain", NOBODY, sealed(AGENCY_A, 9)),
        attempt("audit_chain", NOBODY, "update audit_chain set number = 9"),
    ]
}

#[tokio::test]
async fn a_write_past_the_handlers_changes_only_what_its_writer_may_change() {
    const NO_PRIVILEGE: &str = "42501";
    let stage = Stage::new().await;
    let mut attempts = [
        attempts_at_people(),
        attempts_at_clients(),
        attempts_at_visits(),
        attempts_at_photos(),
        attempts_at_the_rest(),
    ]
    .concat();
    let tables: BTreeSet<_> = who_sees_what().iter().map(|table| table.name).collect();
    assert_eq!(attempts.iter().map(|attempt| attempt.table).collect::<BTreeSet<_>>(), tables, "a table is not tested");
    for table in tables {
        attempts.push(attempt(table, NOBODY, format!("delete from {table}")));
        attempts.push(attempt(table, NOBODY, format!("truncate {table} cascade")));
    }
    let mut wrong = String::new();
    for Attempt { sql, may, .. } in &attempts {
        for person in PEOPLE {
            let outcome = stage.attempt(person, sql).await;
            let may = may.iter().any(|other| other.id == person.id);
            let right = match &outcome {
                Ok(touched) => (*touched > 0) == may,
                Err(code) => !may && code == NO_PRIVILEGE,
            };
            if !right {
                writeln!(wrong, "{} {}: {outcome:?}: {sql}", person.email, if may { "may" } else { "may not" })
                    .unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[tokio::test]
async fn without_a_caller_there_is_nothing() {
    let stage = Stage::new().await;
    let tables: Vec<_> = who_sees_what().iter().map(|table| table.name).collect();
    let nothing = async |when: &str| {
        for table in &tables {
            let count: i64 =
                stage.app_role.query_typed(&format!("select count(*) from {table}"), &[]).await.unwrap()[0].get(0);
            assert_eq!(count, 0, "{table} {when}");
        }
    };
    nothing("before anyone").await;
    // An identity ends with its transaction, however that ends.
    for end in ["commit", "rollback"] {
        stage.app_role.batch_execute(&format!("begin; {}", stage.session(&ADMIN).act())).await.unwrap();
        stage.app_role.batch_execute(end).await.unwrap();
        nothing(end).await;
    }
    for sql in [
        "select app.reserve_change_numbers(1)",
        "insert into audit_log (action, resource) values ('test.try', 'test')",
        &user("admin", AGENCY_A),
        &creation(Uuid::from_u128(0xAAA), AGENCY_A),
    ] {
        assert_eq!(touched(&stage.app_role, sql).await, Err("42501".into()), "{sql}");
    }
}

#[tokio::test]
async fn a_job_works_for_one_agency() {
    let stage = Stage::new().await;
    for (agency, client, stranger) in [(AGENCY_A, ALMA, CLIENT_B), (AGENCY_B, CLIENT_B, ALMA)] {
        stage
            .app_role
            .batch_execute(&format!("begin; select app.act_as_job('{agency}'); select app.reserve_change_numbers(5)"))
            .await
            .unwrap();
        // Our sending numbers are every agency's.
        for table in who_sees_what().iter().map(|table| table.name).filter(|name| *name != "rate_limits") {
            let agency_id = if table == "agencies" { "id" } else { "agency_id" };
            let of_others = format!("select count(*) from {table} where {agency_id} is distinct from '{agency}'");
            assert_eq!(stage.app_role.query_typed(&of_others, &[]).await.unwrap()[0].get::<_, i64>(0), 0, "{table}");
        }
        let change = |id| format!("update clients set phone = '+14165550000' where id = '{id}'");
        assert_eq!(touched(&stage.app_role, &change(client)).await, Ok(1));
        assert_eq!(touched(&stage.app_role, &change(stranger)).await, Ok(0));
        assert_eq!(touched(&stage.app_role, "update messages set status = 'sent'").await, Ok(1));
        stage.app_role.batch_execute("rollback").await.unwrap();
    }
}

#[tokio::test]
async fn a_webhook_sees_what_calls_and_replies_need_and_nothing_else() {
    let stage = Stage::new().await;
    for (agency, message, alert, client) in
        [(AGENCY_A, MESSAGE, ALERT_FOR_ALMA, ALMA), (AGENCY_B, MESSAGE_B, ALERT_B, CLIENT_B)]
    {
        let act = format!(
            "begin; select app.act_as_webhook('{message}', null, null, null); select app.reserve_change_numbers(5)"
        );
        stage.app_role.batch_execute(&act).await.unwrap();
        let mut seen = BTreeSet::new();
        for table in who_sees_what().iter().map(|table| table.name) {
            let agency_id = if table == "agencies" { "id" } else { "agency_id" };
            // A lane is nobody's.
            let agency_id = if table == "rate_limits" { "null::uuid" } else { agency_id };
            let sql = format!(
                "select count(*), count(*) filter (where {agency_id} is distinct from '{agency}') from {table}"
            );
            let row = &stage.app_role.query_typed(&sql, &[]).await.unwrap()[0];
            assert_eq!(row.get::<_, i64>(1), 0, "{table}");
            if row.get::<_, i64>(0) > 0 {
                seen.insert(table);
            }
        }
        let needed =
            ["agencies", "agency_counters", "alerts", "creations", "escalations", "inbound_messages", "messages"];
        assert_eq!(seen, BTreeSet::from(needed));
        for (sql, rows) in [
            (format!("update alerts set status = 'calling' where id = '{alert}'"), 1),
            ("update alerts set status = 'calling'".into(), if agency == AGENCY_A { 2 } else { 1 }),
            ("update messages set status = 'sent'".into(), 1),
            (format!("update escalations set due_at = null where alert_id = '{alert}'"), 1),
            (format!("update clients set phone = null where id = '{client}'"), 0),
            ("update visits set notes = 'N'".into(), 0),
            ("update users set first_name = 'N'".into(), 0),
            ("update devices set push_token = null".into(), 0),
        ] {
            assert_eq!(touched(&stage.app_role, &sql).await, Ok(rows), "{sql}");
        }
        stage.app_role.batch_execute("rollback").await.unwrap();
    }
    let unknown = format!("select app.act_as_webhook('{}', null, null, null)", Uuid::from_u128(0xAAA));
    assert_eq!(touched(&stage.app_role, &unknown).await, Err("BC404".into()));
}

#[tokio::test]
async fn whoever_lost_their_session_is_refused_at_once() {
    let app = TestApp::new().await;
    let nurse = Session::start(&app, &NURSE).await;
    let admin = Session::start(&app, &ADMIN).await;
    let app_role = app.database.connect_as("berthcare_app").await;
    let owner = app.database.superuser().await;
    let code = async |act: &str| {
        app_role.query_typed(act, &[]).await.err().map(|error| error.code().unwrap().code().to_owned())
    };
    let refused = Some("BC401".to_owned());
    assert_eq!(code(&nurse.act()).await, None);

    for (why, set, back) in [
        ("suspended", "users set status = 'suspended'", "users set status = 'active'"),
        ("invited", "users set status = 'invited'", "users set status = 'active'"),
        ("deleted", "users set deleted_at = now()", "users set deleted_at = null"),
        ("now an aide", "users set role = 'care_aide'", "users set role = 'nurse'"),
        ("device revoked", "devices set revoked_at = now()", "devices set revoked_at = null"),
        ("signed out", "devices set session_id = null", &format!("devices set session_id = '{}'", nurse.id)),
        (
            "signed in anew",
            "devices set session_id = gen_random_uuid()",
            &format!("devices set session_id = '{}'", nurse.id),
        ),
    ] {
        let whose = if set.starts_with("users") { "id" } else { "user_id" };
        owner.batch_execute(&format!("update {set} where {whose} = '{}'", NURSE.id)).await.unwrap();
        assert_eq!(code(&nurse.act()).await, refused, "{why}");
        assert_eq!(code(&admin.act()).await, None, "another's session stands: {why}");
        owner.batch_execute(&format!("update {back} where {whose} = '{}'", NURSE.id)).await.unwrap();
        assert_eq!(code(&nurse.act()).await, None, "no longer {why}");
    }

    let with = |user: &Person, device: Uuid, session: Uuid, role: &str| {
        format!("select app.act_as('{}', '{device}', '{session}', '{role}', null, null)", user.id)
    };
    let (device, session) = (nurse.client.device_id, nurse.id);
    for (why, act) in [
        ("another's device and session", with(&ADMIN, device, session, "admin")),
        ("another's device", with(&NURSE, admin.client.device_id, session, "nurse")),
        ("another's session", with(&NURSE, device, admin.id, "nurse")),
        ("another role", with(&NURSE, device, session, "admin")),
    ] {
        assert_eq!(code(&act).await, refused, "{why}");
    }
}

#[tokio::test]
async fn a_family_reads_along_while_the_client_consents() {
    const OF_CLIENTS: [&str; 4] = ["clients", "visits", "visit_tasks", "photos"];
    let stage = Stage::new().await;
    for table in OF_CLIENTS {
        assert!(!stage.rows(Some(&FAMILY), table, "id::text").await.is_empty(), "{table}");
    }
    let withdraw = |kind: &str, user: &str| {
        format!(
            "insert into consents (id, agency_id, client_id, kind, granted, method, user_id)
             values (gen_random_uuid(), '{AGENCY_A}', '{ALMA}', '{kind}', false, 'by phone', {user})"
        )
    };
    stage.app.database.write(AGENCY_A, &withdraw("photos", "null")).await;
    assert_eq!(stage.rows(Some(&FAMILY), "photos", "id::text").await, BTreeMap::new());
    assert_eq!(stage.rows(Some(&FAMILY), "clients", "id::text").await.len(), 1);

    stage.app.database.write(AGENCY_A, &withdraw("family_sharing", "null")).await;
    for table in OF_CLIENTS {
        assert_eq!(stage.rows(Some(&FAMILY), table, "id::text").await, BTreeMap::new(), "{table}");
    }
    assert_eq!(stage.rows(Some(&FAMILY), "users", "id::text").await.len(), 1, "no caregiver's name either");
    assert!(stage.rows(Some(&NURSE), "clients", "id::text").await.contains_key(&ALMA.to_string()));
}

#[tokio::test]
async fn a_grant_begins_and_ends_at_the_agencys_midnight() {
    let app = TestApp::new().await;
    let aide = Session::start(&app, &AIDE).await;
    let app_role = app.database.connect_as("berthcare_app").await;
    let sees_chloe = async |starts_on: &str, ends_on: &str| -> bool {
        app_role
            .batch_execute(&format!(
                "begin; select app.act_as_job('{AGENCY_A}'); select app.reserve_change_numbers(1);
             insert into care_team (id, agency_id, client_id, user_id, relation, starts_on, ends_on)
             values (gen_random_uuid(), '{AGENCY_A}', '{CHLOE}', '{}', 'care_aide', {starts_on}, {ends_on});
             {}",
                AIDE.id,
                aide.act()
            ))
            .await
            .unwrap();
        let seen = counted(&app_role, "select id::text, count(*) from clients group by 1").await;
        app_role.batch_execute("rollback").await.unwrap();
        seen.contains_key(&CHLOE.to_string())
    };
    for (starts_on, ends_on, visible) in [
        ("app.today() - 9", "app.today() - 1", false),
        ("app.today() - 9", "app.today()", true),
        ("app.today() - 9", "null", true),
        ("app.today()", "app.today()", true),
        ("app.today() + 1", "null", false),
    ] {
        assert_eq!(sees_chloe(starts_on, ends_on).await, visible, "from {starts_on} to {ends_on}");
    }

    // Pago Pago and Kiritimati are 25 hours apart: today in one is never today in the other.
    let day_in = |zone: &str| format!("(now() at time zone '{zone}')::date");
    let (behind, ahead) = ("Pacific/Pago_Pago", "Pacific/Kiritimati");
    let owner = app.database.superuser().await;
    for (zone, ending_behind, beginning_ahead) in [(behind, true, false), (ahead, false, true)] {
        owner
            .batch_execute(&format!("update agencies set time_zone = '{zone}' where id = '{AGENCY_A}'"))
            .await
            .unwrap();
        assert_eq!(sees_chloe("app.today() - 9", &day_in(behind)).await, ending_behind, "{zone}");
        assert_eq!(sees_chloe(&day_in(ahead), "null").await, beginning_ahead, "{zone}");
    }
}

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
struct Circumstances {
    /// Whether each client is deleted.
    deleted: Vec<bool>,
    /// Consents to family sharing and their withdrawals, in their order, by client.
    sharing: Vec<Vec<bool>>,
    grants: Vec<Grant>,
}

const CLIENTS: usize = 3;
const MEMBERS: [&Person; 5] = [&COORDINATOR, &NURSE, &OTHER_NURSE, &AIDE, &FAMILY];

fn circumstances() -> impl Strategy<Value = Circumstances> {
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

    fn client(client: usize) -> Uuid {
        Uuid::from_u128(0xCA00 + u128::try_from(client).unwrap())
    }

    fn visit(client: usize) -> Uuid {
        Uuid::from_u128(0xFA00 + u128::try_from(client).unwrap())
    }

    fn sql(&self) -> String {
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
        let app_role = app.database.connect_as("berthcare_app").await;
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

    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&circumstances(), |circumstances| {
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
