//! Clients whose care ended long ago, with something in every table and bucket, and what is left of one.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp, civil::Date};
use runtime::objects::Objects;
use uuid::Uuid;

use super::{
    TestApp,
    fixtures::{AGENCY_A, NURSE},
};

/// A client of agency A.
pub struct OldClient {
    pub id: Uuid,
    pub visit: Uuid,
    pub photo: Uuid,
    pub born: Date,
    pub province: &'static str,
    /// When the last visit ended.
    pub last_visit: Timestamp,
}

impl OldClient {
    pub fn new(last_visit: Timestamp) -> Self {
        let born = "1938-04-12".parse().unwrap();
        let [id, visit, photo] = [(); 3].map(|()| Uuid::now_v7());
        Self { id, visit, photo, born, province: "ON", last_visit }
    }

    /// The statements that put the client on record, numbered from `number`.
    fn sql(&self, number: i64) -> String {
        let Self { id, visit, photo, born, province, last_visit } = self;
        let [task, alert, message, escalation, member] = [(); 5].map(|()| Uuid::now_v7());
        let start = *last_visit - SignedDuration::from_hours(1);
        let began = *last_visit - SignedDuration::from_hours(24 * 100);
        let nurse = NURSE.id;
        let times = format!("'{start}', '{start}'");
        let mut sql = format!(
            "insert into clients (id, agency_id, first_name, last_name, date_of_birth, address, change_number,
               created_at) values ('{id}', '{AGENCY_A}', 'Old', 'Client', '{born}', '{{\"province\": \"{province}\"}}',
               {number}, '{began}');
             insert into care_plan_versions (client_id, version, agency_id, plan)
             values ('{id}', 1, '{AGENCY_A}', '{{}}');
             insert into care_team (id, agency_id, client_id, user_id, relation, starts_on, ends_on, change_number)
             values ('{member}', '{AGENCY_A}', '{id}', '{nurse}', 'nurse', '{began}', '{start}', {number});
             insert into consents (id, agency_id, client_id, kind, granted, method)
             values (gen_random_uuid(), '{AGENCY_A}', '{id}', 'photos', true, 'paper');
             insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end, actual_start,
               actual_end, check_in_latitude, check_in_longitude, status, notes, change_number, created_at)
             values ('{visit}', '{AGENCY_A}', '{id}', '{nurse}', '{start}', '{last_visit}', '{start}', '{last_visit}',
               43.6, -79.4, 'completed', 'Slept well', {number}, '{start}');
             insert into visit_tasks (id, agency_id, visit_id, client_id, task_type, title, change_number, created_at)
             values ('{task}', '{AGENCY_A}', '{visit}', '{id}', 'meals', 'Lunch', {number}, '{start}');
             insert into chart_revisions (record, record_id, version, agency_id, client_id, visit_id, before, at)
             values ('task', '{task}', 1, '{AGENCY_A}', '{id}', '{visit}', '{{}}', '{start}');
             insert into photos (id, agency_id, visit_id, subject_client_id, kind, object_key, content_type, bytes,
               sha256, status, change_number, created_at)
             values ('{photo}', '{AGENCY_A}', '{visit}', '{id}', 'photo', 'visits/{visit}/photos/{photo}.jpg',
               'image/jpeg', 1, sha256(''), 'stored', {number}, '{start}');
             insert into alerts (id, agency_id, client_id, visit_id, severity, reason, status, escalation_id,
               change_number, created_at)
             values ('{alert}', '{AGENCY_A}', '{id}', '{visit}', 'low', 'fall', 'resolved', '{escalation}', {number},
               '{start}');
             insert into messages (id, agency_id, channel, recipient_id, recipient, template, locale, dedupe_key,
               status, alert_id, created_at, updated_at)
             values ('{message}', '{AGENCY_A}', 'voice', '{nurse}', '+14165550101', 'alert', 'en-CA', '{message}',
               'sent', '{alert}', {times});
             insert into escalations (id, agency_id, client_id, severity, for_family, due_at, call_id)
             values ('{escalation}', '{AGENCY_A}', '{id}', 'low', false, null, '{message}');
             insert into inbound_messages (agency_id, provider_sid, sender, recipient, body, intent, client_id)
             values ('{AGENCY_A}', '{id}', '+14165550101', '+14165550100', 'thank you', 'other', '{id}');
             insert into sync_conflicts (agency_id, client_id, table_name, record_id, column_name, status, stored_side)
             values ('{AGENCY_A}', '{id}', 'visits', '{visit}', 'notes', 'auto_resolved', 'server');
             insert into sync_log (agency_id, number, table_name, record_id, client_id, operation, changed_columns,
               before, after)
             values ('{AGENCY_A}', {number}, 'clients', '{id}', '{id}', 'update', '{{phone}}', '{{}}', '{{}}');
             insert into client_marks (client_id, agency_id, number) values ('{id}', '{AGENCY_A}', {number});
             insert into privacy_requests (id, agency_id, kind, client_id, asked_by, received_at, due_at, state,
               outcome)
             values (gen_random_uuid(), '{AGENCY_A}', 'access', '{id}', 'A son', '{start}', '{last_visit}',
               'fulfilled', 'on paper');
             insert into legal_holds (id, agency_id, client_id, reason, placed_by, lifted_by, lifted_at, lift_reason)
             values (gen_random_uuid(), '{AGENCY_A}', '{id}', 'a file', '{nurse}', '{nurse}', '{last_visit}', 'over');"
        );
        for (record, table) in [(*id, "clients"), (*visit, "visits"), (task, "visit_tasks"), (alert, "alerts")] {
            writeln!(
                sql,
                "insert into creations (record_id, agency_id, table_name, body_sha256)
                 values ('{record}', '{AGENCY_A}', '{table}', sha256(''));"
            )
            .unwrap();
        }
        sql
    }

    /// Where something of the client is in the buckets: photos, documents.
    fn keys(&self) -> [String; 4] {
        let Self { id, visit, photo, .. } = self;
        [
            format!("visits/{visit}/photos/{photo}.jpg"),
            format!("clients/{id}/profile.jpg"),
            format!("uploads/{photo}"),
            format!("care-plans/{id}/{photo}.pdf"),
        ]
    }
}

/// How many versions and markers [`TestApp::with_objects`] leaves of a client.
pub const OBJECTS: u64 = 12;

impl TestApp {
    /// Puts clients on record.
    pub async fn with_old_clients(&self, clients: &[OldClient]) {
        let mut sql = "set session_replication_role = replica;".to_owned();
        for (client, number) in clients.iter().zip(1_000_000_i64..) {
            sql += &client.sql(number);
        }
        sql += "update agency_counters set number = 2000000;";
        self.database.superuser().await.batch_execute(&sql).await.unwrap();
    }

    pub fn buckets(&self) -> [Objects; 2] {
        [&self.config.photos_bucket, &self.config.documents_bucket].map(|bucket| Objects::new(&self.aws, bucket))
    }

    /// Stores each object of a client twice, and deletes it once: two versions, and the marker of a deletion.
    pub async fn with_objects(&self, client: &OldClient) {
        let [photos, documents] = self.buckets();
        for key in client.keys() {
            let bucket = if key.starts_with("care-plans") { &documents } else { &photos };
            bucket.put(&key, "image/jpeg", b"one".to_vec()).await.unwrap();
            bucket.put(&key, "image/jpeg", b"two".to_vec()).await.unwrap();
            bucket.delete(&key, None).await.unwrap();
        }
    }

    /// How many versions and markers there are of a client's objects.
    pub async fn objects_of(&self, client: &OldClient) -> u64 {
        let [photos, documents] = self.buckets();
        let all = [photos.versions("").await.unwrap(), documents.versions("").await.unwrap()].concat();
        all.iter().filter(|object| client.keys().contains(&object.key)).count() as u64
    }

    /// Runs the retention, lets the plan stand for 30 days, and runs it again.
    pub async fn retain_at(&self, now: Timestamp) -> jobs::Answer {
        let jobs = self.jobs();
        jobs.at("retention", now).await;
        self.age_plans().await;
        jobs.at("retention", now).await
    }

    pub async fn age_plans(&self) {
        let aged = "set session_replication_role = replica;
            update erasures set planned_at = planned_at - interval '30 days' where begun_at is null";
        self.database.superuser().await.batch_execute(aged).await.unwrap();
    }

    /// In which tables a client, or a record of theirs, is named.
    pub async fn traces_of(&self, client: &OldClient) -> Vec<String> {
        let database = self.database.superuser().await;
        let tables = "select c.relname::text from pg_class c where c.relnamespace = 'public'::regnamespace
            and c.relkind in ('r', 'p') and not c.relispartition order by 1";
        let mut found = Vec::new();
        for row in database.query_typed(tables, &[]).await.unwrap() {
            let table: String = row.get(0);
            let named = format!(
                "select count(*) from {table} t where t::text ~ '{}|{}|{}'",
                client.id, client.visit, client.photo
            );
            if self.database.count(&named).await > 0 {
                found.push(table);
            }
        }
        found
    }
}
