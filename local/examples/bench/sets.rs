//! The data that is measured on, made by plain SQL in the shape that the functions would give it.

use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

use super::internals::{Fatal, hash_password};

const ADDRESS: &str = r#"{"street": "12 Ossington Avenue", "city": "Toronto", "province": "ON",
  "postal_code": "M6G 3V2", "country": "CA"}"#;

/// Everybody's password.
pub const PASSWORD: &str = "berthcare-bench";

/// Visits that are inserted in one transaction.
const BATCH: usize = 20_000;

/// A nurse, and how many clients, visits and tasks together her phone holds.
pub struct Nurse {
    pub id: Uuid,
    pub agency_id: Uuid,
    pub email: String,
    pub records: usize,
}

/// Makes an empty agency.
pub async fn agency(admin: &Client) -> Result<Uuid, Fatal> {
    let id = Uuid::now_v7();
    let insert = format!("insert into agencies (id, name, time_zone) values ('{id}', 'Bench', 'America/Toronto')");
    admin.batch_execute(&insert).await?;
    Ok(id)
}

/// Makes `count` nurses without clients.
pub async fn nurses(admin: &Client, agency_id: Uuid, count: usize) -> Result<Vec<Nurse>, Fatal> {
    let hash = hash_password(PASSWORD.to_owned()).await?;
    let nurses: Vec<_> = (0..count)
        .map(|_| {
            let id = Uuid::now_v7();
            Nurse { id, agency_id, email: format!("{}@bench.berthcare.ca", id.simple()), records: 0 }
        })
        .collect();
    let (ids, emails): (Vec<_>, Vec<_>) = nurses.iter().map(|nurse| (nurse.id, nurse.email.as_str())).unzip();
    admin
        .execute_typed(
            "insert into users (id, agency_id, email, phone, first_name, last_name, role, locale, status, password_hash)
             select n.id, $1, n.email, '+14165550100', 'Noor', 'Haddad', 'nurse', 'en-CA', 'active', $4
             from unnest($2, $3) n (id, email)",
            &[(&agency_id, Type::UUID), (&ids, Type::UUID_ARRAY), (&emails, Type::TEXT_ARRAY), (&hash, Type::TEXT)],
        )
        .await?;
    Ok(nurses)
}

/// Runs statements in a transaction that may write what phones hold in this agency.
pub async fn write(admin: &Client, agency_id: Uuid, numbers: usize, statements: &str) -> Result<(), Fatal> {
    let sql = format!(
        "begin; select app.act_as_job('{agency_id}'), app.reserve_change_numbers({numbers}); {statements}; commit"
    );
    if let Err(error) = admin.batch_execute(&sql).await {
        let detail = error.as_db_error().map(ToString::to_string).unwrap_or_default();
        return Err(format!("{error} {detail}: {statements}").into());
    }
    Ok(())
}

/// What autovacuum would do in time.
pub async fn settle(admin: &Client) -> Result<(), Fatal> {
    // Neither runs in a transaction, as several statements at once would.
    admin.batch_execute("vacuum analyze").await?;
    admin.batch_execute("checkpoint").await?;
    Ok(())
}

/// Clients in the care of one nurse each, in turn; their ids are the SQL `id`.
fn insert_clients(agency_id: Uuid, nurses: &[Nurse], id: &str, from: usize, to: usize) -> String {
    let nurses: Vec<_> = nurses.iter().map(|nurse| format!("'{}'", nurse.id)).collect();
    format!(
        "insert into clients (id, agency_id, first_name, last_name, date_of_birth, phone, address, latitude, longitude,
           emergency_contacts, risks, care_plan)
         select {id}, '{agency_id}', 'Alma ' || n, 'Tremblay', '1940-02-29', '+14165550123', '{ADDRESS}', 43.65, -79.42,
           '[{{\"name\": \"Denis Tremblay\", \"relationship\": \"son\", \"phone\": \"+14165550124\"}}]',
           '{{dog,stairs}}', '{{\"goals\": [\"walks to the park\"], \"allergies\": [\"penicillin\"]}}'
         from generate_series({from}, {to}) n;
         insert into care_team (id, agency_id, client_id, user_id, relation, starts_on)
         select gen_random_uuid(), '{agency_id}', {id}, (array[{}]::uuid[])[n % {} + 1], 'nurse', current_date - 400
         from generate_series({from}, {to}) n",
        nurses.join(","),
        nurses.len(),
    )
}

/// Gives a nurse `records` records: one in a hundred a client, a quarter visits of the last 80 days, the rest their
/// tasks.
pub async fn give_records(admin: &Client, nurse: &mut Nurse, records: usize) -> Result<(), Fatal> {
    let (clients, visits) = ((records / 100).max(1), records / 4);
    let tasks = records - clients - visits;
    let (agency_id, nurse_id) = (nurse.agency_id, nurse.id);
    let client_id = format!("md5('{nurse_id} client ' || n)::uuid");
    let insert_clients = insert_clients(agency_id, std::slice::from_ref(nurse), &client_id, 0, clients - 1);
    let statements = format!(
        "{insert_clients};
         insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end, actual_start,
           actual_end, check_in_latitude, check_in_longitude, check_in_accuracy_m, status, notes, family_note)
         select md5('{nurse_id} visit ' || v.n)::uuid, '{agency_id}',
           md5('{nurse_id} client ' || v.n % {clients})::uuid, '{nurse_id}', t.at, t.at + interval '45 min', t.at,
           t.at + interval '44 min', 43.6501, -79.4202, 12.5, 'completed',
           'Walked to the kitchen with the frame, ate half of breakfast. Left ankle less swollen than on Monday.',
           'Had a good morning.'
         from generate_series(0, {visits} - 1) v (n)
         cross join lateral (select now() - interval '80 days' + interval '79 days' * v.n / {visits} as at) t;
         insert into visit_tasks (id, agency_id, visit_id, task_type, title, completed, completed_at, outcome, data)
         select gen_random_uuid(), '{agency_id}', md5('{nurse_id} visit ' || n % {visits})::uuid,
           (array['vitals', 'meals', 'mobility'])[n % 3 + 1]::task_type,
           (array['Blood pressure and pulse', 'Breakfast', 'Walk in the hallway'])[n % 3 + 1],
           true, now() - interval '1 day', 'As planned.',
           case when n % 3 = 0 then '{{\"blood_pressure\": {{\"systolic\": 128, \"diastolic\": 78, \"unit\": \"mmHg\"}},
             \"heart_rate\": {{\"value\": 72, \"unit\": \"bpm\"}}}}'::jsonb end
         from generate_series(0, {tasks} - 1) n"
    );
    write(admin, agency_id, records + clients, &statements).await?;
    nurse.records += records;
    Ok(())
}

/// Gives each nurse one client and today, from midnight on in UTC, `visits` planned visits of four tasks.
pub async fn give_day(admin: &Client, nurses: &mut [Nurse], visits: usize) -> Result<(), Fatal> {
    for nurse in nurses {
        let (agency_id, nurse_id) = (nurse.agency_id, nurse.id);
        let insert_client =
            insert_clients(agency_id, std::slice::from_ref(nurse), &format!("md5('{nurse_id} today')::uuid"), 0, 0);
        let statements = format!(
            "{insert_client};
             insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end)
             select md5('{nurse_id} visit today ' || n)::uuid, '{agency_id}', md5('{nurse_id} today')::uuid,
               '{nurse_id}', t.at, t.at + interval '45 min'
             from generate_series(0, {visits} - 1) n
             cross join lateral (
               select date_trunc('day', now(), 'UTC') + interval '23 hours' * n / {visits} as at) t;
             insert into visit_tasks (id, agency_id, visit_id, task_type, title)
             select gen_random_uuid(), '{agency_id}', md5('{nurse_id} visit today ' || n)::uuid, 'meals', 'Breakfast'
             from generate_series(0, {visits} - 1) n cross join generate_series(1, 4)"
        );
        write(admin, agency_id, 2 + visits * 5, &statements).await?;
        nurse.records += 1 + visits * 5;
    }
    Ok(())
}

/// Fills an agency with what others do: a client for each hundred visits, a nurse for each thousand, a task a visit,
/// spread over the past year.
pub async fn fill(admin: &Client, agency_id: Uuid, visits: usize) -> Result<(), Fatal> {
    let others = nurses(admin, agency_id, (visits / 1000).clamp(1, 1000)).await?;
    let clients = (visits / 100).max(1);
    let insert_clients =
        insert_clients(agency_id, &others, &format!("md5('{agency_id} client ' || n)::uuid"), 0, clients - 1);
    write(admin, agency_id, clients * 2, &insert_clients).await?;
    let ids: Vec<_> = others.iter().map(|nurse| format!("'{}'", nurse.id)).collect();
    let (nurses, count) = (ids.join(","), ids.len());
    for from in (0..visits).step_by(BATCH) {
        let to = (from + BATCH).min(visits) - 1;
        let statements = format!(
            "insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end, actual_start,
               actual_end, status, notes)
             select md5('{agency_id} visit ' || v.n)::uuid, '{agency_id}',
               md5('{agency_id} client ' || v.n % {clients})::uuid,
               (array[{nurses}]::uuid[])[v.n % {clients} % {count} + 1], t.at, t.at + interval '45 min', t.at,
               t.at + interval '44 min', 'completed', 'Walked to the kitchen with the frame, ate half of breakfast.'
             from generate_series({from}, {to}) v (n)
             cross join lateral (select now() - interval '365 days' + interval '364 days' * v.n / {visits} as at) t;
             insert into visit_tasks (id, agency_id, visit_id, task_type, title, completed, completed_at, outcome)
             select gen_random_uuid(), '{agency_id}', md5('{agency_id} visit ' || n)::uuid, 'meals', 'Breakfast', true,
               now() - interval '1 day', 'As planned.'
             from generate_series({from}, {to}) n"
        );
        write(admin, agency_id, BATCH * 2, &statements).await?;
    }
    Ok(())
}

/// What was logged in the half year before, in each month's partition: changes to records that are gone since, one in
/// fifty a deletion.
pub async fn log_of_months(admin: &Client, agency_id: Uuid, entries: usize) -> Result<(), Fatal> {
    const MONTHS: usize = 6;
    for month in (0..=MONTHS).rev() {
        admin.batch_execute(&format!("select app.make_partitions(now() - interval '{month} months')")).await?;
    }
    let counter = format!("update agency_counters set number = number + {entries} where agency_id = '{agency_id}'");
    admin.batch_execute(&counter).await?;
    for from in (0..entries).step_by(BATCH * 10) {
        let to = (from + BATCH * 10).min(entries) - 1;
        // Without the checks and triggers of each row, as it is a copy of what they made.
        let statements = format!(
            "set local session_replication_role = replica;
             insert into sync_log (agency_id, number, user_id, device_id, table_name, record_id, client_id, operation,
               changed_columns, before, after, synced_at)
             select '{agency_id}', n + 1, md5('{agency_id} user ' || n % 500)::uuid,
               md5('{agency_id} device ' || n % 500)::uuid, 'visits', md5('{agency_id} gone ' || n / 4)::uuid,
               md5('{agency_id} client ' || n % 1000)::uuid,
               (case n % 50 when 0 then 'delete' else 'update' end)::change_operation, '{{notes}}',
               jsonb_build_object('notes', null),
               jsonb_build_object('notes', 'Walked to the kitchen with the frame, ate half of breakfast.'),
               now() - interval '{MONTHS} months' * (1 - n::float8 / {entries})
             from generate_series({from}, {to}) n"
        );
        admin.batch_execute(&format!("begin; {statements}; commit")).await?;
    }
    admin.batch_execute("select app.read_counters()").await?;
    Ok(())
}

/// Others' changes to visits that this nurse doesn't hold.
pub async fn change_others(admin: &Client, agency_id: Uuid, count: usize, note: &str) -> Result<(), Fatal> {
    let mut left = count;
    while left > 0 {
        let batch = left.min(BATCH);
        let statements = format!(
            "update visits set notes = '{note} {left}' where id in (
               select md5('{agency_id} visit ' || n)::uuid from generate_series(0, {batch} - 1) n)"
        );
        write(admin, agency_id, batch, &statements).await?;
        left -= batch;
    }
    Ok(())
}

/// Somebody changes `visits` visits that the nurse holds, and four tasks of each.
pub async fn change_own(admin: &Client, nurse: &Nurse, visits: usize, note: &str) -> Result<(), Fatal> {
    let ids = format!("select md5('{} visit ' || n)::uuid from generate_series(0, {visits} - 1) n", nurse.id);
    let statements = format!(
        "update visits set notes = '{note}' where id in ({ids});
         update visit_tasks set outcome = '{note}' where id in (
           select t.id from ({ids}) v (id) cross join lateral (
             select id from visit_tasks where visit_id = v.id order by id limit 2) t)"
    );
    write(admin, nurse.agency_id, visits * 3, &statements).await
}

/// The ids of the first `count` visits of the nurse's day.
pub async fn visits_today(admin: &Client, nurse: &Nurse, count: usize) -> Result<Vec<Uuid>, Fatal> {
    let sql = format!("select md5('{} visit today ' || n)::uuid from generate_series(0, {count} - 1) n", nurse.id);
    Ok(admin.query_typed(&sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}
