//! The data that is measured on, made by plain SQL: agencies of one nurse each, who holds a given number of records.

use auth::password::hash_password;
use runtime::lambda::Fatal;
use tokio_postgres::Client;
use uuid::Uuid;

const ADDRESS: &str = r#"{"street": "12 Ossington Avenue", "city": "Toronto", "province": "ON", "postal_code": "M6G 3V2",
  "country": "CA"}"#;

/// Everybody's password.
pub const PASSWORD: &str = "berthcare-bench";

/// A nurse, and what her phone holds.
pub struct Nurse {
    pub id: Uuid,
    pub agency_id: Uuid,
    pub email: String,
    /// Clients, visits and tasks together.
    pub records: usize,
}

/// Makes an agency whose one nurse holds `records` records: one in a hundred a client, a quarter visits of the last 80
/// days and the next one, the rest their tasks.
pub async fn agency_of_one(admin: &Client, records: usize) -> Result<Nurse, Fatal> {
    let agency_id = agency(admin).await?;
    let nurse = nurse(admin, agency_id, records).await?;
    let clients = (records / 100).max(1);
    let visits = records / 4;
    let tasks = records - clients - visits;
    let (nurse_id, numbers) = (nurse.id, records + clients);
    admin
        .batch_execute(&format!(
            "begin;
             select app.act_as_job('{agency_id}'), app.reserve_change_numbers({numbers});
             insert into clients (id, agency_id, first_name, last_name, date_of_birth, phone, address, latitude, longitude,
               emergency_contacts, risks, care_plan)
             select gen_random_uuid(), '{agency_id}', 'Alma ' || n, 'Tremblay', '1940-02-29', '+14165550123',
               '{ADDRESS}',
               43.65, -79.42,
               '[{{\"name\": \"Denis Tremblay\", \"relationship\": \"son\", \"phone\": \"+14165550124\"}}]',
               '{{dog,stairs}}', '{{\"goals\": [\"walks to the park\"], \"allergies\": [\"penicillin\"]}}'
             from generate_series(1, {clients}) n;
             insert into care_team (id, agency_id, client_id, user_id, relation, starts_on)
             select gen_random_uuid(), '{agency_id}', id, '{nurse_id}', 'nurse', current_date - 100
             from clients where agency_id = '{agency_id}';
             with numbered as (
               select id, row_number() over (order by id) - 1 as n from clients where agency_id = '{agency_id}'
             )
             insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end, actual_start, actual_end,
               check_in_latitude, check_in_longitude, check_in_accuracy_m, status, notes, family_note)
             select gen_random_uuid(), '{agency_id}', c.id, '{nurse_id}', t.at, t.at + interval '45 min', t.at,
               t.at + interval '44 min', 43.6501, -79.4202, 12.5, 'completed',
               'Walked to the kitchen with the frame, ate half of breakfast. Left ankle less swollen than on Monday.',
               'Had a good morning.'
             from generate_series(0, {visits} - 1) v (n)
             join numbered c on c.n = v.n % {clients}
             cross join lateral (select now() - interval '80 days' + interval '80 days' * v.n / {visits} as at) t;
             with numbered as (
               select id, actual_start, row_number() over (order by id) - 1 as n from visits where agency_id = '{agency_id}'
             )
             insert into visit_tasks (id, agency_id, visit_id, task_type, title, completed, completed_at, outcome, data)
             select gen_random_uuid(), '{agency_id}', v.id,
               (array['vitals', 'meals', 'mobility'])[t.n % 3 + 1]::task_type,
               (array['Blood pressure and pulse', 'Breakfast', 'Walk in the hallway'])[t.n % 3 + 1],
               true, v.actual_start + interval '20 min', 'As planned.',
               case when t.n % 3 = 0 then '{{\"blood_pressure\": {{\"systolic\": 128, \"diastolic\": 78, \"unit\": \"mmHg\"}},
                 \"heart_rate\": {{\"value\": 72, \"unit\": \"bpm\"}}}}'::jsonb end
             from generate_series(0, {tasks} - 1) t (n) join numbered v on v.n = t.n % {visits};
             commit"
        ))
        .await?;
    Ok(nurse)
}

/// Makes an agency with `count` nurses, each with one client and a day of eight visits of four tasks.
pub async fn agency_of_many(admin: &Client, count: usize) -> Result<Vec<Nurse>, Fatal> {
    let agency_id = agency(admin).await?;
    let mut nurses = Vec::new();
    for _ in 0..count {
        nurses.push(nurse(admin, agency_id, 1 + 8 + 32).await?);
    }
    let numbers = count * 50;
    admin
        .batch_execute(&format!(
            "begin;
             select app.act_as_job('{agency_id}'), app.reserve_change_numbers({numbers});
             insert into clients (id, agency_id, first_name, last_name, date_of_birth, address, latitude, longitude)
             select id, agency_id, 'Alma', 'Tremblay', '1940-02-29', '{ADDRESS}', 43.65, -79.42
             from users where agency_id = '{agency_id}';
             insert into care_team (id, agency_id, client_id, user_id, relation, starts_on)
             select gen_random_uuid(), agency_id, id, id, 'nurse', current_date - 100 from users
             where agency_id = '{agency_id}';
             insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end)
             select gen_random_uuid(), agency_id, id, id, t.at, t.at + interval '45 min'
             from users cross join generate_series(0, 7) h (n)
             cross join lateral (select date_trunc('day', now()) + interval '10 hours' + interval '1 hour' * h.n as at) t
             where agency_id = '{agency_id}';
             insert into visit_tasks (id, agency_id, visit_id, task_type, title)
             select gen_random_uuid(), agency_id, id, 'meals', 'Breakfast' from visits cross join generate_series(1, 4)
             where agency_id = '{agency_id}';
             commit"
        ))
        .await?;
    Ok(nurses)
}

async fn agency(admin: &Client) -> Result<Uuid, Fatal> {
    let id = Uuid::now_v7();
    let insert = format!("insert into agencies (id, name, time_zone) values ('{id}', 'Bench', 'America/Toronto')");
    admin.batch_execute(&insert).await?;
    Ok(id)
}

async fn nurse(admin: &Client, agency_id: Uuid, records: usize) -> Result<Nurse, Fatal> {
    let id = Uuid::now_v7();
    let email = format!("{}@bench.berthcare.ca", id.simple());
    let hash = hash_password(PASSWORD.to_owned()).await?;
    admin
        .batch_execute(&format!(
            "insert into users (id, agency_id, email, phone, first_name, last_name, role, locale, status, password_hash)
             values ('{id}', '{agency_id}', '{email}', '+14165550100', 'Noor', 'Haddad', 'nurse', 'en-CA', 'active', '{hash}')"
        ))
        .await?;
    Ok(Nurse { id, agency_id, email, records })
}
