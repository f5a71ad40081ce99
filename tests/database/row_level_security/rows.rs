//! The rows that these tests add, and the statements that make them.

use std::{collections::BTreeMap, fmt::Write as _};

use tokio_postgres::{SimpleQueryMessage, types::Type};
use uuid::Uuid;

use super::registers;
use crate::harness::{
    Client, TestApp,
    fixtures::{
        ADMIN, ADMIN_B, AGENCY_A, AGENCY_B, AIDE, ALMA, BERNARD, CLIENT_B, COORDINATOR, FAMILY, NURSE, NURSE_B,
        NURSES_VISIT, OTHER_NURSE, OTHER_NURSES_VISIT, OTHER_NURSES_VITALS, Person, VISIT_B,
    },
};

pub const NOBODY: &[&Person] = &[];
pub const PLANNERS: &[&Person] = &[&ADMIN, &COORDINATOR];

/// Coordinators and admins, and one more.
pub const NURSES: &[&Person] = &[&ADMIN, &COORDINATOR, &NURSE];
pub const AIDES: &[&Person] = &[&ADMIN, &COORDINATOR, &AIDE];
pub const FAMILYS: &[&Person] = &[&ADMIN, &COORDINATOR, &FAMILY];

/// Of the people that the tests sign in, those who may see Alma's record.
pub const ALMAS_STAFF: &[&Person] = &[&ADMIN, &COORDINATOR, &NURSE, &AIDE];
pub const ALMAS: &[&Person] = &[&ADMIN, &COORDINATOR, &NURSE, &AIDE, &FAMILY];
pub const BERNARDS: &[&Person] = &[&ADMIN, &COORDINATOR, &OTHER_NURSE];
pub const AGENCY_AS: &[&Person] = &[&ADMIN, &COORDINATOR, &NURSE, &AIDE, &FAMILY, &OTHER_NURSE];
pub const AGENCY_AS_STAFF: &[&Person] = &[&ADMIN, &COORDINATOR, &NURSE, &AIDE, &OTHER_NURSE];
pub const AGENCY_BS: &[&Person] = &[&ADMIN_B, &NURSE_B];
pub const PEOPLE: [&Person; 8] = [&ADMIN, &COORDINATOR, &NURSE, &AIDE, &FAMILY, &OTHER_NURSE, &ADMIN_B, &NURSE_B];

/// What the fixtures lack: rows of every table, for Alma, for Bernard and in the other agency, and deleted ones.
pub const GONE_CLIENT: Uuid = Uuid::from_u128(0xC4);
pub const VISIT_TO_GONE_CLIENT: Uuid = Uuid::from_u128(0xF4);
pub const GONE_VISIT: Uuid = Uuid::from_u128(0xF5);
pub const TASK_OF_GONE_CLIENT: Uuid = Uuid::from_u128(0xD6);
pub const TASK_OF_GONE_VISIT: Uuid = Uuid::from_u128(0xD7);
pub const GONE_TASK: Uuid = Uuid::from_u128(0xD8);
pub const DONE_TASK: Uuid = Uuid::from_u128(0xD9);
pub const TASK_B: Uuid = Uuid::from_u128(0xDB);
pub const PHOTO_OF_ALMA: Uuid = Uuid::from_u128(0xA01);
pub const SHARED_PHOTO: Uuid = Uuid::from_u128(0xA02);
pub const SHARED_PHOTO_OF_VISIT: Uuid = Uuid::from_u128(0xA03);
pub const PENDING_PHOTO: Uuid = Uuid::from_u128(0xA04);
pub const GONE_PHOTO: Uuid = Uuid::from_u128(0xA05);
pub const PHOTO_OF_NURSE: Uuid = Uuid::from_u128(0xA06);
pub const PHOTO_OF_BERNARD: Uuid = Uuid::from_u128(0xA07);
pub const SHARED_PHOTO_OF_BERNARD: Uuid = Uuid::from_u128(0xA08);
pub const PHOTO_AS_IT_CAME: Uuid = Uuid::from_u128(0xA09);
pub const DOCUMENT_OF_ALMA: Uuid = Uuid::from_u128(0xA0A);
pub const PHOTO_B: Uuid = Uuid::from_u128(0xA0B);
pub const ALERT_FOR_ALMA: Uuid = Uuid::from_u128(0xA11);
pub const ALERT_FOR_BERNARD: Uuid = Uuid::from_u128(0xA12);
pub const ALERT_B: Uuid = Uuid::from_u128(0xA1B);
pub const MESSAGE: Uuid = Uuid::from_u128(0xA21);
pub const MESSAGE_B: Uuid = Uuid::from_u128(0xA2B);
pub const REPLY: Uuid = Uuid::from_u128(0xA31);
pub const STRANGERS_REPLY: Uuid = Uuid::from_u128(0xA32);
pub const REPLY_B: Uuid = Uuid::from_u128(0xA3B);
pub const CONFLICT_AT_ALMA: Uuid = Uuid::from_u128(0xA41);
pub const CONFLICT_AT_BERNARD: Uuid = Uuid::from_u128(0xA42);
pub const CONFLICT_B: Uuid = Uuid::from_u128(0xA4B);
pub const REFUSED_PUSH: Uuid = Uuid::from_u128(0xA51);
pub const REFUSED_PUSH_B: Uuid = Uuid::from_u128(0xA5B);
pub const RECEIPT: Uuid = Uuid::from_u128(0xA71);
pub const RECEIPT_B: Uuid = Uuid::from_u128(0xA7B);
pub const CREATED: Uuid = Uuid::from_u128(0xA61);
pub const CREATED_B: Uuid = Uuid::from_u128(0xA6B);

pub const REQUEST: Uuid = Uuid::from_u128(0xA81);
pub const REQUEST_B: Uuid = Uuid::from_u128(0xA8B);
pub const INCIDENT: Uuid = Uuid::from_u128(0xA91);
pub const INCIDENT_B: Uuid = Uuid::from_u128(0xA9B);
pub const HOLD: Uuid = Uuid::from_u128(0xAA1);
pub const HOLD_B: Uuid = Uuid::from_u128(0xAAB);
pub const EXPORT: Uuid = Uuid::from_u128(0xE9A);
pub const EXPORT_B: Uuid = Uuid::from_u128(0xE9B);

/// Somebody's session, as a transaction sets it.
pub struct Session {
    pub user: &'static Person,
    pub client: Client,
    pub id: Uuid,
}

impl Session {
    pub async fn start(app: &TestApp, user: &'static Person) -> Self {
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

    /// The statement that sets the session, in an open transaction.
    pub fn act(&self) -> String {
        let Self { user, client, id } = self;
        format!("select app.act_as('{}', '{}', '{id}', '{}', null, null)", user.id, client.device_id, user.role)
    }
}

/// A furnished database, and a session of everybody in it.
pub struct Stage {
    pub app: TestApp,
    pub app_role: tokio_postgres::Client,
    /// Who alone writes the registers.
    pub privacy_role: tokio_postgres::Client,
    pub sessions: Vec<Session>,
}

impl Stage {
    pub async fn new() -> Self {
        let app = TestApp::new().await;
        let mut sessions = Vec::new();
        for person in PEOPLE {
            sessions.push(Session::start(&app, person).await);
        }
        let device = |person: &Person| sessions.iter().find(|s| s.user.id == person.id).unwrap().client.device_id;
        app.database.write(AGENCY_A, &rows_of_a(device(&NURSE))).await;
        app.database.write(AGENCY_B, &rows_of_b(device(&NURSE_B))).await;
        // Of those who serve callers `auth` may the most.
        let app_role = app.database.connect_as("berthcare_auth").await;
        let privacy_role = app.database.connect_as("berthcare_privacy").await;
        Self { app, app_role, privacy_role, sessions }
    }

    pub fn session(&self, person: &Person) -> &Session {
        self.sessions.iter().find(|session| session.user.id == person.id).unwrap()
    }

    /// How many rows of `table` there are by `key`, as `person` sees them, or as the owner of everything does.
    pub async fn rows(&self, person: Option<&Person>, table: &str, key: &str) -> BTreeMap<String, i64> {
        let sql = format!("select {key}, count(*) from {table} group by 1");
        let Some(person) = person else { return counted(&self.app.database.superuser().await, &sql).await };
        self.app_role.batch_execute(&format!("begin; {}", self.session(person).act())).await.unwrap();
        let may_ask = format!("select has_any_column_privilege('{table}', 'select')");
        let may_ask: bool = self.app_role.query_typed(&may_ask, &[]).await.unwrap()[0].get(0);
        let rows = if may_ask { counted(&self.app_role, &sql).await } else { BTreeMap::new() };
        self.app_role.batch_execute("rollback").await.unwrap();
        rows
    }

    /// What comes of a statement in a transaction of `person`'s that is rolled back: how many rows it touched, or the
    /// error's code.
    pub async fn attempt(&self, role: &tokio_postgres::Client, person: &Person, sql: &str) -> Result<u64, String> {
        let begin = format!("begin; {}; select app.reserve_change_numbers(5)", self.session(person).act());
        role.batch_execute(&begin).await.unwrap();
        let touched = touched(role, sql).await;
        role.batch_execute("rollback").await.unwrap();
        touched
    }
}

pub async fn counted(client: &tokio_postgres::Client, sql: &str) -> BTreeMap<String, i64> {
    client.query_typed(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

pub async fn touched(client: &tokio_postgres::Client, sql: &str) -> Result<u64, String> {
    match client.simple_query(sql).await {
        Ok(messages) => Ok(messages
            .iter()
            .map(|message| if let SimpleQueryMessage::CommandComplete(n) = message { *n } else { 0 })
            .sum()),
        Err(error) => Err(error.code().unwrap().code().to_owned()),
    }
}

pub const ADDRESS: &str =
    r#"{"street": "1 Main", "city": "Toronto", "province": "ON", "postal_code": "M5V 2T6", "country": "CA"}"#;

pub const SHA256: &str = "decode(repeat('00', 32), 'hex')";

pub fn photo(id: Uuid, agency: Uuid, (owner, of): (&str, Uuid), shared: bool, status: &str) -> String {
    format!(
        "insert into photos (id, agency_id, {owner}, kind, shared_with_family, object_key, content_type, bytes, sha256,
           status, redrawn)
         values ('{id}', '{agency}', '{of}', 'photo', {shared}, case '{status}' when 'stored' then 'key' end,
           'image/jpeg', 1, {SHA256}, '{status}', '{status}' = 'stored');"
    )
}

pub fn of_kind(kind: &str, photo: &str) -> String {
    photo.replace("'photo'", &format!("'{kind}'"))
}

pub fn alert(id: Uuid, agency: Uuid, client: Uuid, by: &Person) -> String {
    format!(
        "insert into alerts (id, agency_id, client_id, raised_by, severity, reason)
         values ('{id}', '{agency}', '{client}', '{}', 'high', 'a fall');",
        by.id
    )
}

pub fn plan_version(agency: Uuid, client: Uuid) -> String {
    format!(
        "insert into care_plan_versions (client_id, version, agency_id, plan)
         values ('{client}', 1, '{agency}', '{{}}');"
    )
}

pub fn consent(agency: Uuid, client: Uuid, kind: &str) -> String {
    format!(
        "insert into consents (id, agency_id, client_id, kind, granted, method)
         values (gen_random_uuid(), '{agency}', '{client}', '{kind}', true, 'signed form');"
    )
}

pub fn message(id: Uuid, agency: Uuid, to: &Person) -> String {
    format!(
        "insert into messages (id, agency_id, channel, recipient_id, recipient, template, locale, dedupe_key)
         values ('{id}', '{agency}', 'sms', '{}', '+14165550001', 't', 'en-CA', '{id}');",
        to.id
    )
}

pub fn reply(id: Uuid, agency: Option<Uuid>) -> String {
    let agency = agency.map_or("null".into(), |agency| format!("'{agency}'"));
    format!(
        "insert into inbound_messages (id, agency_id, provider_sid, sender, recipient, body, intent)
         values ('{id}', {agency}, '{id}', '+1', '+2', 'CALL', 'call');"
    )
}

pub fn conflict(id: Uuid, agency: Uuid, client: Uuid) -> String {
    format!(
        "insert into sync_conflicts (id, agency_id, client_id, table_name, record_id, column_name, stored_side, status)
         values ('{id}', '{agency}', '{client}', 'clients', '{client}', 'phone', 'server', 'needs_review');"
    )
}

pub fn refused_push(id: Uuid, agency: Uuid, by: &Person, device: Uuid) -> String {
    format!(
        "insert into sync_quarantine
           (id, agency_id, device_id, user_id, table_name, record_id, body, body_sha256, reason)
         values ('{id}', '{agency}', '{device}', '{}', 'visits', 'x', '{{}}', {SHA256}, 'malformed');",
        by.id
    )
}

pub fn receipt(record: Uuid, agency: Uuid, device: &str) -> String {
    format!(
        "insert into sync_receipts (device_id, record_id, agency_id, body_sha256)
         values ({device}, '{record}', '{agency}', {SHA256});"
    )
}

pub fn creation(id: Uuid, agency: Uuid) -> String {
    format!(
        "insert into creations (record_id, agency_id, table_name, body_sha256)
         values ('{id}', '{agency}', 'clients', {SHA256});"
    )
}

pub fn task(id: Uuid, agency: Uuid, visit: Uuid, task_type: &str, completed: bool) -> String {
    format!(
        "insert into visit_tasks (id, agency_id, visit_id, task_type, title, completed, completed_at)
         values ('{id}', '{agency}', '{visit}', '{task_type}', 'T', {completed}, case when {completed} then now() end);"
    )
}

/// A change of a task, whose former values are kept.
pub fn charted(task: Uuid) -> String {
    format!("update visit_tasks set outcome = 'well' where id = '{task}';")
}

pub fn visit(id: Uuid, agency: Uuid, client: Uuid, by: &Person) -> String {
    format!(
        "insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end)
         values ('{id}', '{agency}', '{client}', '{}', now() + interval '1 day', now() + interval '25 hours');",
        by.id
    )
}

pub fn client(id: Uuid, agency: Uuid) -> String {
    format!(
        "insert into clients (id, agency_id, first_name, last_name, date_of_birth, address)
         values ('{id}', '{agency}', 'F', 'L', '1940-01-01', '{ADDRESS}');"
    )
}

pub fn member(agency: Uuid, client: Uuid, user: &Person, relation: &str) -> String {
    format!(
        "insert into care_team (id, agency_id, client_id, user_id, relation, starts_on)
         values (gen_random_uuid(), '{agency}', '{client}', '{}', '{relation}', '2026-01-01');",
        user.id
    )
}

pub fn user(role: &str, agency: Uuid) -> String {
    format!(
        "insert into users (id, agency_id, email, phone, first_name, last_name, role, locale, status)
         values (gen_random_uuid(), '{agency}', 'x@x.test', '+14165550888', 'F', 'L', '{role}', 'en-CA', 'invited')"
    )
}

pub fn rows_of_a(nurses_device: Uuid) -> String {
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
        format!(
            "insert into agency_turns (lane, agency_id, turn)
             values ('sms', '{AGENCY_A}', 1), ('sms', '{AGENCY_B}', 2);"
        ),
        reply(REPLY, Some(AGENCY_A)),
        reply(STRANGERS_REPLY, None),
        conflict(CONFLICT_AT_ALMA, AGENCY_A, ALMA),
        conflict(CONFLICT_AT_BERNARD, AGENCY_A, BERNARD),
        refused_push(REFUSED_PUSH, AGENCY_A, &NURSE, nurses_device),
        receipt(RECEIPT, AGENCY_A, &format!("'{nurses_device}'")),
        creation(CREATED, AGENCY_A),
        sealed(AGENCY_A, 1),
        registers::of_a(),
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
    sql.push_str(&charted(OTHER_NURSES_VITALS));
    sql
}

pub fn rows_of_b(nurses_device: Uuid) -> String {
    [
        task(TASK_B, AGENCY_B, VISIT_B, "meals", true),
        charted(TASK_B),
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
        registers::of_b(),
    ]
    .concat()
}

/// A link of the audit chain, over some row of the agency's.
pub fn sealed(agency: Uuid, number: i64) -> String {
    format!(
        "insert into audit_chain (number, audit_id, agency_id, hash)
         select {number}, id, agency_id, {SHA256} from audit_log where agency_id = '{agency}' limit 1;"
    )
}
