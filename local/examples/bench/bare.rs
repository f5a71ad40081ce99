//! The least that PostgreSQL alone takes for the same: no row-level security, no audit, no merging, no change numbers.

use std::time::Instant;

use domain::sync::schema::{TABLES, VERSION};
use runtime::lambda::Fatal;
use serde_json::{Value, json};
use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

use super::{report::Milliseconds, sets::Nurse};

/// A table like `visit_tasks` without triggers.
pub async fn prepare(admin: &Client) -> Result<(), Fatal> {
    admin.batch_execute("create table bare_tasks (like visit_tasks including all)").await?;
    admin.batch_execute("alter table bare_tasks alter change_number set default 0").await?;
    // As many pushes fill it as fill the real one, with one number for all.
    admin.batch_execute("drop index bare_tasks_agency_id_change_number_idx").await?;
    Ok(())
}

/// The rows of everything that a nurse's phone holds, changed after a number, as JSON.
pub async fn pull(client: &Client, nurse: &Nurse, after: i64) -> Result<Milliseconds, Fatal> {
    let selects: Vec<_> = TABLES
        .iter()
        .map(|table| {
            let columns: Vec<_> = table
                .columns_of(VERSION)
                .map(|column| column.select("r").replace("app.caller_role() <> 'care_aide'", "true"))
                .collect();
            let (source, of_client) = match table.name {
                "clients" => ("clients r", "r.id"),
                "visit_tasks" => ("visit_tasks r join visits v on v.id = r.visit_id", "v.client_id"),
                "photos" => ("photos r left join visits v on v.id = r.visit_id", "coalesce(r.client_id, v.client_id)"),
                name => (if name == "visits" { "visits r" } else { "alerts r" }, "r.client_id"),
            };
            format!(
                "select row_to_json(b)::text from {source} cross join lateral (select r.id, {}) b
                 where r.deleted_at is null and r.agency_id = $1 and r.change_number > $2
                   and {of_client} in (select t.client_id from care_team t where t.user_id = $3 and t.deleted_at is null)",
                columns.join(", ")
            )
        })
        .collect();
    let sql = selects.join(" union all ");
    let began = Instant::now();
    client.query_typed(&sql, &[(&nurse.agency_id, Type::UUID), (&after, Type::INT8), (&nurse.id, Type::UUID)]).await?;
    Ok(Milliseconds::since(began))
}

/// New tasks of a visit, in one statement and one transaction.
pub async fn push(client: &Client, agency_id: Uuid, tasks: &Value) -> Result<Milliseconds, Fatal> {
    let began = Instant::now();
    client.batch_execute("begin").await?;
    client
        .execute_typed(
            "insert into bare_tasks (id, agency_id, visit_id, task_type, title)
             select id, $1, visit_id, task_type::task_type, title
             from jsonb_to_recordset($2) r (id uuid, visit_id uuid, task_type text, title text)",
            &[(&agency_id, Type::UUID), (tasks, Type::JSONB)],
        )
        .await?;
    client.batch_execute("commit").await?;
    Ok(Milliseconds::since(began))
}

/// A nurse's day: her visits with client and tasks.
pub async fn day(client: &Client, nurse: &Nurse) -> Result<Milliseconds, Fatal> {
    let began = Instant::now();
    client
        .query_typed(
            "select v.id, v.client_id, v.scheduled_start, v.scheduled_end, v.status::text, v.notes, c.first_name, c.last_name,
               c.address::text, u.first_name,
               (select json_agg(t order by t.created_at, t.id) from (
                 select id, task_type, title, completed, completed_at, outcome, data, created_at
                 from visit_tasks where visit_id = v.id and deleted_at is null) t)::text
             from visits v join clients c on c.id = v.client_id join users u on u.id = v.user_id
             where v.user_id = $1 and v.scheduled_start >= date_trunc('day', now())
               and v.scheduled_start < date_trunc('day', now()) + interval '1 day' and v.deleted_at is null
             order by v.scheduled_start, v.id limit 51",
            &[(&nurse.id, Type::UUID)],
        )
        .await?;
    Ok(Milliseconds::since(began))
}

/// New tasks as a phone pushes them.
pub fn tasks(visit_id: Uuid, count: usize) -> Value {
    let now = jiff::Timestamp::now().as_millisecond();
    (0..count)
        .map(|_| {
            json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "visit_id": visit_id, "task_type": "meals",
                "title": "Breakfast", "completed": true, "completed_at": now, "outcome": "Ate half of it.", "data": null,
                "created_at": now, "updated_at": now})
        })
        .collect()
}
