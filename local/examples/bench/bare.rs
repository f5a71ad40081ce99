//! The least that PostgreSQL alone takes for the same rows: typed, pipelined, no row-level security, no audit, no
//! merging, no change numbers.

use std::time::Instant;

use futures_util::future::{try_join3, try_join4};
use serde_json::Value;
use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

use super::{internals::Fatal, sets::Nurse, statistics::Milliseconds};

/// Tables like those that are written, without triggers and foreign keys, and with no column that must be given but
/// ours.
pub async fn prepare(admin: &Client) -> Result<(), Fatal> {
    admin
        .batch_execute(
            "create schema bare;
             create table bare.visit_tasks (like visit_tasks including defaults including indexes);
             create table bare.visits (like visits including defaults including indexes);
             create table bare.devices (like devices including defaults including indexes);
             do $$
             declare
               given constant text[] := array['id', 'agency_id', 'visit_id', 'task_type', 'title', 'completed'];
               statement text;
             begin
               for statement in
                 select format('alter table %s alter %I drop not null', a.attrelid::regclass, a.attname)
                 from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind = 'r'
                 where c.relnamespace = 'bare'::regnamespace and a.attnum > 0 and a.attnotnull
                   and a.attname <> all (given)
                 union all
                 -- Nothing numbers these rows.
                 select format('drop index bare.%I', indexname) from pg_indexes
                 where schemaname = 'bare' and indexdef like '%change_number%'
               loop
                 execute statement;
               end loop;
             end $$;
             insert into bare.visits select * from visits where status = 'scheduled'",
        )
        .await?;
    Ok(())
}

/// The rows of everything that a nurse's phone holds, changed after a number, as JSON.
pub async fn pull(client: &Client, nurse: &Nurse, after: i64) -> Result<Milliseconds, Fatal> {
    // A number is the part of a cursor below its epoch.
    let after = after & ((1 << 40) - 1);
    let sql = pull_sql(after == 0);
    // In a small agency beside a large one the planner takes every row for newer than its cursor and reads whole
    // tables, which slows what is measured next, too. Indexes are there, as they are for the function.
    if after > 0 {
        client.batch_execute("set enable_seqscan = off").await?;
    }
    let began = Instant::now();
    client.query_typed(&sql, &[(&nurse.agency_id, Type::UUID), (&after, Type::INT8), (&nurse.id, Type::UUID)]).await?;
    let taken = Milliseconds::since(began);
    client.batch_execute("reset enable_seqscan").await?;
    Ok(taken)
}

/// A first sync goes from the nurse's clients to what is theirs, so that it costs the same in any agency; later ones go
/// by change numbers.
fn pull_sql(first: bool) -> String {
    let selects = PULLED.map(|(table, of_client, columns)| {
        let source = match (first, table) {
            (true, "visit_tasks") => {
                "mine m cross join lateral (select id from visits where client_id = m.client_id and deleted_at is null
                   offset 0) v cross join lateral (select * from visit_tasks where visit_id = v.id offset 0) r"
                    .to_owned()
            }
            (true, "clients") => {
                "mine m cross join lateral (select * from clients where id = m.client_id offset 0) r".to_owned()
            }
            (true, _) => format!(
                "mine m cross join lateral (
                   select * from {table} where client_id = m.client_id and deleted_at is null offset 0) r"
            ),
            (false, "visit_tasks") => "visits v join visit_tasks r on r.visit_id = v.id".to_owned(),
            (false, _) => format!("{table} r"),
        };
        let mine = if first { String::new() } else { format!("and {of_client} in ({MINE})") };
        format!(
            "select row_to_json(b)::text from {source} cross join lateral (select {columns},
               (date_part('epoch', r.created_at) * 1000)::bigint as created_at,
               (date_part('epoch', r.updated_at) * 1000)::bigint as updated_at) b
             where r.deleted_at is null and r.agency_id = $1 and r.change_number > $2 {mine}"
        )
    });
    let mine = if first { format!("with mine as ({MINE}) ") } else { String::new() };
    format!("{mine}{}", selects.join(" union all "))
}

/// The nurse's clients.
const MINE: &str = "select t.client_id from care_team t where t.user_id = $3 and t.deleted_at is null";

/// Table, its client's id, and its columns as the wire has them.
const PULLED: [(&str, &str, &str); 5] = [
    (
        "clients",
        "r.id",
        "r.id, r.first_name, r.last_name, r.date_of_birth::text, r.phone, r.preferred_language, r.address::text,
         r.latitude,
         r.longitude, r.emergency_contacts::text, array_to_json(r.risks)::text as risks, r.care_plan::text,
         r.care_plan_version, r.coordinator_id",
    ),
    (
        "visits",
        "r.client_id",
        "r.id, r.client_id, r.user_id, (date_part('epoch', r.scheduled_start) * 1000)::bigint as scheduled_start,
         (date_part('epoch', r.scheduled_end) * 1000)::bigint as scheduled_end,
         (date_part('epoch', r.actual_start) * 1000)::bigint as actual_start, r.check_in_latitude, r.check_in_longitude,
         r.check_in_accuracy_m, r.check_in_distance_m, (date_part('epoch', r.actual_end) * 1000)::bigint as actual_end,
         r.check_out_latitude, r.check_out_longitude, r.check_out_accuracy_m, r.check_out_distance_m, r.status::text,
         r.cancel_reason, r.notes, r.family_note",
    ),
    (
        "visit_tasks",
        "v.client_id",
        "r.id, r.visit_id, r.task_type::text, r.title, r.completed,
         (date_part('epoch', r.completed_at) * 1000)::bigint as completed_at, r.outcome, r.data::text",
    ),
    (
        "photos",
        "r.client_id",
        "r.id, r.client_id, r.visit_id, r.user_id, r.kind::text, r.shared_with_family, r.content_type, r.bytes,
         encode(r.sha256, 'hex') as sha256, r.status::text, r.caption",
    ),
    (
        "alerts",
        "r.client_id",
        "r.id, r.client_id, r.visit_id, r.raised_by, r.severity::text, r.reason, r.message, r.status::text,
         r.acknowledged_by, (date_part('epoch', r.acknowledged_at) * 1000)::bigint as acknowledged_at,
         r.escalation_level",
    ),
];

/// New tasks of a visit, in one statement and one transaction, in one round trip.
pub async fn push(client: &Client, agency_id: Uuid, tasks: &Value) -> Result<Milliseconds, Fatal> {
    let began = Instant::now();
    try_join3(
        client.batch_execute("begin"),
        client.execute_typed(
            "insert into bare.visit_tasks (id, agency_id, visit_id, task_type, title, completed, completed_at, outcome)
             select id, $1, visit_id, task_type::task_type, title, completed, to_timestamp(completed_at / 1000.0),
               outcome
             from jsonb_to_recordset($2) r (id uuid, visit_id uuid, task_type text, title text, completed boolean,
               completed_at bigint, outcome text)",
            &[(&agency_id, Type::UUID), (tasks, Type::JSONB)],
        ),
        client.batch_execute("commit"),
    )
    .await?;
    Ok(Milliseconds::since(began))
}

/// What a visit is read as.
const VISIT: &str =
    "select v.id, v.client_id, v.scheduled_start, v.scheduled_end, v.status::text, v.notes, c.first_name,
   c.last_name, c.address::text, u.first_name,
   (select json_agg(t order by t.created_at, t.id) from (
     select id, task_type, title, completed, completed_at, outcome, data, created_at
     from visit_tasks where visit_id = v.id and deleted_at is null) t)::text
 from visits v join clients c on c.id = v.client_id join users u on u.id = v.user_id";

/// A nurse's day: her visits with client and tasks.
pub async fn day(client: &Client, nurse: &Nurse) -> Result<Milliseconds, Fatal> {
    let sql = format!(
        "{VISIT} where v.user_id = $1 and v.scheduled_start >= date_trunc('day', now(), 'UTC')
           and v.scheduled_start < date_trunc('day', now(), 'UTC') + interval '1 day' and v.deleted_at is null
         order by v.scheduled_start, v.id limit 51"
    );
    let began = Instant::now();
    client.query_typed(&sql, &[(&nurse.id, Type::UUID)]).await?;
    Ok(Milliseconds::since(began))
}

/// One visit with client and tasks.
pub async fn visit(client: &Client, id: Uuid) -> Result<Milliseconds, Fatal> {
    let sql = format!("{VISIT} where v.id = $1 and v.deleted_at is null");
    let began = Instant::now();
    client.query_typed(&sql, &[(&id, Type::UUID)]).await?;
    Ok(Milliseconds::since(began))
}

/// Check-in: the visit is written and read again, in one round trip.
pub async fn check_in(client: &Client, id: Uuid) -> Result<Milliseconds, Fatal> {
    let read = format!("{VISIT} where v.id = $1");
    let began = Instant::now();
    try_join4(
        client.batch_execute("begin"),
        client.execute_typed(
            "update bare.visits set status = 'in_progress', actual_start = now(), check_in_latitude = 43.65,
               check_in_longitude = -79.42, check_in_accuracy_m = 12, updated_at = now()
             where id = $1",
            &[(&id, Type::UUID)],
        ),
        client.query_typed(&read, &[(&id, Type::UUID)]),
        client.batch_execute("commit"),
    )
    .await?;
    Ok(Milliseconds::since(began))
}

/// Sign-in without Argon2: who it is, and the device.
pub async fn sign_in(client: &Client, nurse: &Nurse) -> Result<Milliseconds, Fatal> {
    let began = Instant::now();
    client
        .query_typed(
            "select id, password_hash, status::text, role::text from users
             where lower(email) = $1 and deleted_at is null",
            &[(&nurse.email, Type::TEXT)],
        )
        .await?;
    client
        .execute_typed(
            "insert into bare.devices (id, agency_id, user_id, name, platform, app_version, session_id)
             values ($1, $2, $3, 'Phone', 'ios', '1.0.0', $1)",
            &[(&Uuid::now_v7(), Type::UUID), (&nurse.agency_id, Type::UUID), (&nurse.id, Type::UUID)],
        )
        .await?;
    Ok(Milliseconds::since(began))
}
