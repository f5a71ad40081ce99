//! What a visit with three tasks costs on the disk, from its planning to its chart.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::{
    budget::Budget,
    internals::Fatal,
    report::{Fact, Report},
    requests::{Phone, push},
    sets::{self, Nurse},
    stack::{Distance, Stack},
};

const VISITS: usize = 200;
const TASKS: usize = 3;
/// Bytes of storage for each visit.
const BUDGET: f64 = 10_000.0;

/// Plans visits by SQL, then charts each by a push of its own, as a phone does; what grew meanwhile is shared among
/// them.
#[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
pub async fn per_visit(stack: &Stack, report: &mut Report, phone: &Phone, nurse: &Nurse) -> Result<(), Fatal> {
    if !stack.options.wants("bytes of storage for a visit with three tasks") {
        return Ok(());
    }
    let admin = &stack.admin;
    let sync = stack.function("sync", 1, Distance::Near).await?;
    // The first write to a page after a checkpoint writes all of it to the log.
    sets::settle(admin).await?;
    let before = sizes(admin).await?;
    plan(admin, nurse).await?;
    let planned = sizes(admin).await?;
    let cursor = crate::requests::pull_all(&sync, phone, 0).await?;
    let pulled = sizes(admin).await?;
    for number in 0..VISITS {
        push(&sync, phone, cursor, &chart(admin, nurse, number).await?).await?;
    }
    let after = sizes(admin).await?;
    let share = |of: fn(&Sizes) -> i64| (of(&after) - of(&pulled) + of(&planned) - of(&before)) as f64 / VISITS as f64;
    for (what, figure, budget) in [
        ("bytes of storage for a visit with three tasks", share(|sizes| sizes.database), Budget::AtMost(BUDGET)),
        ("of them in visits and tasks and their indexes", share(|sizes| sizes.live), Budget::None),
        ("bytes of write-ahead log for it", share(|sizes| sizes.wal), Budget::None),
    ] {
        let verdict = budget.verdict(figure, None);
        let (what, unit) = (what.to_owned(), "bytes".to_owned());
        report.state(Fact { what, figure, unit, bare: None, budget, verdict, more_is_worse: true });
    }
    Ok(())
}

struct Sizes {
    database: i64,
    live: i64,
    wal: i64,
}

async fn sizes(admin: &Client) -> Result<Sizes, Fatal> {
    let row = admin
        .query_typed(
            "select (select sum(pg_total_relation_size(oid))::bigint from pg_class where relkind in ('r', 'm')
                 and relnamespace in ('public'::regnamespace, 'partitions'::regnamespace)),
               pg_total_relation_size('visits') + pg_total_relation_size('visit_tasks'),
               (pg_current_wal_insert_lsn() - '0/0')::bigint",
            &[],
        )
        .await?;
    let row = row.first().ok_or("no sizes")?;
    Ok(Sizes { database: row.get(0), live: row.get(1), wal: row.get(2) })
}

async fn plan(admin: &Client, nurse: &Nurse) -> Result<(), Fatal> {
    let (agency_id, nurse_id) = (nurse.agency_id, nurse.id);
    for number in 0..VISITS {
        let statements = format!(
            "insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end)
             values (md5('{nurse_id} stored {number}')::uuid, '{agency_id}', md5('{nurse_id} today')::uuid,
               '{nurse_id}', now() - interval '1 hour' * {number},
               now() - interval '1 hour' * {number} + interval '45 min');
             insert into visit_tasks (id, agency_id, visit_id, task_type, title)
             select md5('{nurse_id} stored {number} ' || n)::uuid, '{agency_id}',
               md5('{nurse_id} stored {number}')::uuid, 'meals', 'Breakfast' from generate_series(1, {TASKS}) n"
        );
        sets::write(admin, agency_id, 1 + TASKS, &statements).await?;
    }
    Ok(())
}

/// What a phone pushes when the visit is over.
async fn chart(admin: &Client, nurse: &Nurse, number: usize) -> Result<Value, Fatal> {
    let sql = format!(
        "select jsonb_build_object('id', v.id, '_status', 'updated',
             '_changed', 'status,actual_start,actual_end,notes,check_in_latitude,check_in_longitude',
             'client_id', v.client_id, 'user_id', v.user_id, 'scheduled_start', {start}, 'scheduled_end', {end},
             'status', 'completed', 'actual_start', {start}, 'actual_end', {end}, 'check_in_latitude', 43.65,
             'check_in_longitude', -79.42, 'created_at', {created}, 'updated_at', {created},
             'notes', 'Walked to the kitchen with the frame, ate half of breakfast. Left ankle less swollen.'),
           (select jsonb_agg(jsonb_build_object('id', t.id, '_status', 'updated',
               '_changed', 'completed,completed_at,outcome', 'visit_id', t.visit_id, 'task_type', t.task_type,
               'title', t.title, 'completed', true, 'completed_at', {end}, 'outcome', 'As planned.', 'data', null,
               'created_at', {created}, 'updated_at', {created}))
             from visit_tasks t where t.visit_id = v.id)
         from visits v where v.id = md5('{nurse} stored {number}')::uuid",
        start = milliseconds("v.scheduled_start"),
        end = milliseconds("v.scheduled_end"),
        created = milliseconds("v.created_at"),
        nurse = nurse.id,
    );
    let row = admin.query_typed(&sql, &[]).await?;
    let row = row.first().ok_or("no visit to chart")?;
    let (visit, tasks): (Value, Value) = (row.get(0), row.get(1));
    Ok(json!({"visits": {"created": [], "updated": [visit], "deleted": []},
        "visit_tasks": {"created": [], "updated": tasks, "deleted": []}}))
}

fn milliseconds(column: &str) -> String {
    format!("(date_part('epoch', {column}) * 1000)::bigint")
}
