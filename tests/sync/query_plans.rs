//! What a pull reads: what changed, not what there is.

use crate::harness::{
    TestApp,
    fixtures::{ALMA, NURSE, NURSES_MEALS},
    phone::{Phone, ids},
    until,
};

/// Visits and tasks enough that a plan which walks them all shows: 20,000 and 40,000, a hundredth of them the nurse's.
async fn fill(app: &TestApp) {
    let sql = format!(
        "set session_replication_role = replica;
         insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end, change_number)
         select md5('v' || n)::uuid, '{agency}', case when n % 100 = 0 then '{ALMA}' else md5('c' || n % 500)::uuid end,
           '{user}', now() - n % 2000 * interval '1 hour', now() - n % 2000 * interval '1 hour' + interval '30 minutes',
             10000 + n
         from generate_series(1, 20000) n;
         insert into visit_tasks (id, agency_id, client_id, visit_id, task_type, title, change_number)
         select md5('t' || n)::uuid, '{agency}', v.client_id, v.id, 'meals', 'Lunch', 100000 + n
         from generate_series(1, 40000) n join visits v on v.id = md5('v' || 1 + n % 20000)::uuid;
         update agency_counters set number = 1000000 where agency_id = '{agency}';
         analyze visits, visit_tasks",
        agency = NURSE.agency,
        user = NURSE.id
    );
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
}

/// What a pull reads of the large tables, in rows. PostgreSQL tells it when the session has ended.
async fn rows_read(app: &TestApp, phone: &mut Phone) -> (i64, Vec<String>) {
    let superuser = app.database.superuser().await;
    superuser.batch_execute("select pg_stat_reset()").await.unwrap();
    let sessions =
        "select count(*) from pg_stat_activity where datname = current_database() and usename = 'berthcare_app'";
    let before = app.database.count(sessions).await;
    let functions = app.with_database(app.database.past_the_pooler());
    let mut through = Phone { client: phone.client.through(functions), cursor: phone.cursor };
    let answer = through.pull(Some(0)).await;
    phone.cursor = through.cursor;
    drop(through);
    until("the session's end", async || app.database.count(sessions).await <= before).await;
    let read = "select (sum(seq_tup_read) + sum(idx_tup_fetch))::bigint from pg_stat_user_tables
        where relname in ('visits', 'visit_tasks')";
    (app.database.count(read).await, ids(&answer, "visit_tasks", "updated"))
}

#[tokio::test]
async fn an_incremental_pull_reads_what_changed() {
    let app = TestApp::new().await;
    fill(&app).await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(Some(0)).await;
    assert!(ids(&first, "visit_tasks", "created").len() > 300);

    let (rows, changed) = rows_read(&app, &mut phone).await;
    assert_eq!(changed, [""; 0]);
    assert_eq!(rows, 0, "rows were read where nothing changed");

    // All that others do to others.
    let others = format!(
        "set session_replication_role = replica;
         update visits set change_number = change_number + 2000000 where agency_id = '{agency}'
           and client_id <> '{ALMA}';
         update visit_tasks set change_number = change_number + 3000000 where agency_id = '{agency}'
           and client_id <> '{ALMA}';
         update agency_counters set number = 4000000 where agency_id = '{agency}'",
        agency = NURSE.agency
    );
    app.database.superuser().await.batch_execute(&others).await.unwrap();
    let (rows, changed) = rows_read(&app, &mut phone).await;
    assert_eq!(changed, [""; 0]);
    assert_eq!(rows, 0, "rows were read where others changed theirs");

    let write = format!("update visit_tasks set title = 'Supper' where id = '{NURSES_MEALS}'");
    app.database.write(NURSE.agency, &write).await;
    let (rows, changed) = rows_read(&app, &mut phone).await;
    assert_eq!(changed, [NURSES_MEALS.to_string()]);
    assert!((1..10).contains(&rows), "{rows} rows were read where one changed");
}
