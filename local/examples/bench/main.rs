//! `make bench`: what each function takes, beside the bare SQL for the same in the same run. The functions are the release
//! binaries, each in processes of its own, as Lambda runs them.
//!
//! Times are medians. What counts is the ratio, and the memory: a faster machine changes the rest.

mod bare;
mod function;
mod report;
mod sets;

use std::{
    env,
    time::{Duration, Instant},
};

use function::{Answer, Function};
use futures_util::future::try_join_all;
use local::{
    gateway::Sent,
    prepare::{self, TokenKeys, connect},
};
use report::{Line, Milliseconds, heading, median};
use runtime::{aws::aws_config, lambda::Fatal, secrets::SecretName};
use serde_json::{Value, json};
use sets::Nurse;
use tokio_postgres::{Client, Config, config::Host};
use uuid::Uuid;

const DATABASE: &str = "bench";
/// As many environments as serve many devices at once: more than the cores here, fewer than the devices.
const ENVIRONMENTS: usize = 10;

#[tokio::main]
async fn main() -> Result<(), Fatal> {
    let bench = Bench::prepare().await?;
    println!("Filling the database ...");
    let mut single = Vec::new();
    for records in [1_000, 10_000, 50_000] {
        single.push(sets::agency_of_one(&bench.admin, records).await?);
    }
    let many = sets::agency_of_many(&bench.admin, 100).await?;
    bare::prepare(&bench.admin).await?;
    bench.admin.batch_execute("analyze").await?;

    bench.cold_starts().await?;
    let phones = bench.sign_ins(&single, &many).await?;
    bench.days(&phones[single.len()], &many[0]).await?;
    bench.pulls(&single, &phones).await?;
    bench.pushes(&phones[single.len()..], &many).await
}

struct Bench {
    admin: Client,
    admin_config: Config,
    variables: Vec<(&'static str, String)>,
}

/// Somebody signed in.
struct Phone {
    token: String,
}

impl Bench {
    /// Makes a database, a table and secrets of its own on the services that run.
    async fn prepare() -> Result<Self, Fatal> {
        let admin: Config = env::var("DATABASE_ADMIN_URL")?.parse()?;
        prepare::database(&admin, DATABASE).await?;
        let aws = aws_config().await;
        prepare::table(&aws, &env::var("EPHEMERAL_TABLE")?).await?;
        prepare::bucket(&aws, &env::var("PHOTOS_BUCKET")?).await?;
        TokenKeys::generate("bench-1")?.publish(&aws, "bench").await?;
        let mut admin_config = admin.clone();
        admin_config.dbname(DATABASE);
        let Some(Host::Tcp(host)) = admin.get_hosts().first() else {
            return Err("the database must have a host".into());
        };
        let port = admin.get_ports().first().copied().unwrap_or(5432);
        let settings = |role: &str| json!({"host": host, "port": port, "username": role, "password": "", "dbname": DATABASE, "sslmode": "disable"});
        for (secret, role) in
            [(SecretName::Database, "berthcare_app"), (SecretName::MigrateDatabase, "berthcare_migrate")]
        {
            prepare::secret(&aws, &format!("bench/{}", <&str>::from(secret)), &settings(role)).await?;
        }
        let variables = vec![("BERTHCARE_ENV", "bench".to_owned()), ("LOG_LEVEL", "warn".to_owned())];
        Ok(Self { admin: connect(&admin_config).await?, admin_config, variables })
    }

    async fn function(&self, name: &str, environments: usize) -> Result<Function, Fatal> {
        Function::start(name, environments, &self.variables).await
    }

    /// From the start of a process to its first answer, database connection and keys included.
    async fn cold_starts(&self) -> Result<(), Fatal> {
        heading("Cold start: from the start of the process to the first answer (11 each)");
        for (name, path) in [
            ("auth", "/v1/.well-known/jwks.json"),
            ("clients", "/v1/clients"),
            ("visits", "/v1/visits"),
            ("sync", "/v1/sync"),
            ("health", "/v1/health"),
        ] {
            let (mut times, mut peak_memory, mut bytes) = (Vec::new(), 0, 0);
            for _ in 0..11 {
                let began = Instant::now();
                let function = self.function(name, 1).await?;
                let answer = function.send(&get(path, None)).await?;
                times.push(Milliseconds::since(began));
                (peak_memory, bytes) = (function.peak_memory(), answer.wire.len());
            }
            Line { what: name.into(), took: median(times), bare: None, records: 0, bytes, peak_memory }.print();
        }
        Ok(())
    }

    /// Signs everybody in, each on a phone of their own.
    async fn sign_ins(&self, single: &[Nurse], many: &[Nurse]) -> Result<Vec<Phone>, Fatal> {
        heading("Sign in (Argon2id, 19 MiB, two passes)");
        let auth = self.function("auth", 1).await?;
        let (mut phones, mut times) = (Vec::new(), Vec::new());
        for (number, nurse) in single.iter().chain(many).enumerate() {
            let device = json!({"id": Uuid::now_v7(), "name": "Phone", "platform": "ios", "app_version": "1.0.0"});
            let body = json!({"email": nurse.email, "password": sets::PASSWORD, "device": device});
            // The limit for each address is not what is measured.
            let source_ip = format!("192.0.2.{}", number + 1);
            let answer = auth.send(&Sent { source_ip: &source_ip, ..post("/v1/auth/login", None, &body) }).await?;
            let tokens = expect(200, &answer)?;
            times.push(answer.took.into());
            phones.push(Phone { token: tokens["access_token"].as_str().ok_or("no token")?.to_owned() });
        }
        let peak_memory = auth.peak_memory();
        Line { what: "sign in".into(), took: median(times), bare: None, records: 0, bytes: 0, peak_memory }.print();
        Ok(phones)
    }

    /// What a phone without sync, or the portal, asks most.
    async fn days(&self, phone: &Phone, nurse: &Nurse) -> Result<(), Fatal> {
        heading("A nurse's day: eight visits with their tasks (300 each)");
        let visits = self.function("visits", 1).await?;
        let today = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).start_of_day()?.timestamp();
        let tomorrow = today + jiff::SignedDuration::from_hours(24);
        let path = format!("/v1/visits?from={today}&to={tomorrow}&user_id={}", nurse.id);
        let (mut times, mut bare, mut bytes) = (Vec::new(), Vec::new(), 0);
        for _ in 0..300 {
            let answer = visits.send(&get(&path, Some(phone))).await?;
            let day = expect(200, &answer)?;
            if day["items"].as_array().map(Vec::len) != Some(8) {
                return Err(format!("not eight visits: {day}").into());
            }
            times.push(answer.took.into());
            bytes = answer.wire.len();
            bare.push(bare::day(&self.admin, nurse).await?);
        }
        let (took, bare, peak_memory) = (median(times), Some(median(bare)), visits.peak_memory());
        Line { what: "GET /v1/visits".into(), took, bare, records: 8, bytes, peak_memory }.print();
        Ok(())
    }

    async fn pulls(&self, nurses: &[Nurse], phones: &[Phone]) -> Result<(), Fatal> {
        heading("Pull");
        for (nurse, phone) in nurses.iter().zip(phones) {
            let sync = self.function("sync", 1).await?;
            let rounds = if nurse.records > 10_000 { 5 } else { 11 };
            let (mut times, mut bare, mut bytes, mut pages) = (Vec::new(), Vec::new(), 0, 0);
            let mut cursor = 0;
            for _ in 0..rounds {
                let (mut took, mut records) = (Duration::ZERO, 0);
                (cursor, bytes, pages) = (0, 0, 0);
                loop {
                    let answer = sync.send(&get(&pull(cursor), Some(phone))).await?;
                    let page = expect(200, &answer)?;
                    records += rows(&page);
                    (took, bytes, pages) = (took + answer.took, bytes + answer.wire.len(), pages + 1);
                    cursor = page["timestamp"].as_i64().ok_or("no cursor")?;
                    if page["has_more"] != true {
                        break;
                    }
                }
                if records != nurse.records {
                    return Err(format!("{records} records instead of {}", nurse.records).into());
                }
                times.push(took.into());
                bare.push(bare::pull(&self.admin, nurse, 0).await?);
            }
            let what = format!("first sync of {} records, {pages} page(s)", nurse.records);
            let (took, bare, peak_memory) = (median(times), Some(median(bare)), sync.peak_memory());
            Line { what, took, bare, records: nurse.records, bytes, peak_memory }.print();

            let (mut times, mut bare, mut bytes) = (Vec::new(), Vec::new(), 0);
            for _ in 0..100 {
                let answer = sync.send(&get(&pull(cursor), Some(phone))).await?;
                if rows(&expect(200, &answer)?) != 0 {
                    return Err("an incremental pull was not empty".into());
                }
                times.push(answer.took.into());
                bytes = answer.wire.len();
                bare.push(bare::pull(&self.admin, nurse, cursor & ((1 << 40) - 1)).await?);
            }
            let what = format!("empty incremental beside {} records", nurse.records);
            let (took, bare, peak_memory) = (median(times), Some(median(bare)), sync.peak_memory());
            Line { what, took, bare, records: 0, bytes, peak_memory }.print();
        }
        Ok(())
    }

    async fn pushes(&self, phones: &[Phone], nurses: &[Nurse]) -> Result<(), Fatal> {
        heading("Push");
        let mut visits = Vec::new();
        for nurse in nurses {
            visits.push(self.visit_of(nurse).await?);
        }
        for (records, rounds) in [(1, 100), (50, 40), (1_000, 7)] {
            let sync = self.function("sync", 1).await?;
            let cursor = first_pull(&sync, &phones[0]).await?;
            let (mut times, mut bare, mut bytes) = (Vec::new(), Vec::new(), 0);
            for _ in 0..rounds {
                let tasks = bare::tasks(visits[0], records);
                let (took, sent) = push(&sync, &phones[0], cursor, &tasks).await?;
                times.push(took);
                bytes = sent;
                bare.push(bare::push(&self.admin, nurses[0].agency_id, &tasks).await?);
            }
            let what = format!("push of {records} record(s)");
            let (took, bare, peak_memory) = (median(times), Some(median(bare)), sync.peak_memory());
            Line { what, took, bare, records, bytes, peak_memory }.print();
        }

        heading("Push of 50 records from many devices of one agency at once: until the last is answered");
        for devices in [1, 10, 100] {
            let environments = devices.min(ENVIRONMENTS);
            let sync = self.function("sync", environments).await?;
            let cursors = try_join_all(phones[..devices].iter().map(|phone| first_pull(&sync, phone))).await?;
            let connections = try_join_all((0..environments).map(|_| connect(&self.admin_config))).await?;
            let (mut times, mut bare, mut bytes) = (Vec::new(), Vec::new(), 0);
            for _ in 0..5 {
                let tasks: Vec<_> = visits[..devices].iter().map(|visit| bare::tasks(*visit, 50)).collect();
                let began = Instant::now();
                let sent = phones
                    .iter()
                    .zip(&cursors)
                    .zip(&tasks)
                    .map(|((phone, cursor), tasks)| push(&sync, phone, *cursor, tasks));
                bytes = try_join_all(sent).await?.into_iter().map(|(_, bytes)| bytes).sum();
                times.push(Milliseconds::since(began));

                let began = Instant::now();
                let workers = connections.iter().enumerate().map(|(worker, connection)| {
                    let mine = tasks.iter().skip(worker).step_by(environments);
                    async move {
                        for tasks in mine {
                            bare::push(connection, nurses[0].agency_id, tasks).await?;
                        }
                        Ok::<_, Fatal>(())
                    }
                });
                try_join_all(workers).await?;
                bare.push(Milliseconds::since(began));
            }
            let what = format!("{devices} device(s), {environments} environment(s)");
            let (took, bare, peak_memory) = (median(times), Some(median(bare)), sync.peak_memory());
            Line { what, took, bare, records: devices * 50, bytes, peak_memory }.print();
        }
        Ok(())
    }

    async fn visit_of(&self, nurse: &Nurse) -> Result<Uuid, Fatal> {
        let sql = format!("select id from visits where user_id = '{}' limit 1", nurse.id);
        Ok(self.admin.query_typed(&sql, &[]).await?.first().ok_or("no visit")?.get(0))
    }
}

fn get<'a>(path: &'a str, phone: Option<&Phone>) -> Sent<'a> {
    Sent { method: "GET", path, source_ip: "192.0.2.1", headers: headers(phone), body: None }
}

fn post<'a>(path: &'a str, phone: Option<&Phone>, body: &Value) -> Sent<'a> {
    let mut headers = headers(phone);
    headers.push(("content-type".into(), "application/json".into()));
    Sent { method: "POST", path, source_ip: "192.0.2.1", headers, body: Some(body.to_string().into_bytes()) }
}

fn headers(phone: Option<&Phone>) -> Vec<(String, String)> {
    let mut headers = vec![("accept-encoding".to_owned(), "gzip".to_owned())];
    headers.extend(phone.map(|phone| ("authorization".to_owned(), format!("Bearer {}", phone.token))));
    headers
}

fn expect(status: u16, answer: &Answer) -> Result<Value, Fatal> {
    let body = answer.json()?;
    if answer.status == status {
        Ok(body)
    } else {
        Err(format!("{} instead of {status}: {body}", answer.status).into())
    }
}

fn pull(cursor: i64) -> String {
    format!("/v1/sync?last_pulled_at={cursor}&schema_version=2&migration=null&pending=0")
}

/// How many rows and tombstones a pull brought.
fn rows(answer: &Value) -> usize {
    let lists = answer["changes"].as_object().into_iter().flatten().filter_map(|(_, lists)| lists.as_object());
    lists.flatten().filter_map(|(_, list)| list.as_array()).map(Vec::len).sum()
}

async fn first_pull(sync: &Function, phone: &Phone) -> Result<i64, Fatal> {
    let answer = expect(200, &sync.send(&get(&pull(0), Some(phone))).await?)?;
    Ok(answer["timestamp"].as_i64().ok_or("no cursor")?)
}

/// Pushes new tasks; answers how long the function took and how many bytes went to it.
async fn push(sync: &Function, phone: &Phone, cursor: i64, tasks: &Value) -> Result<(Milliseconds, usize), Fatal> {
    let body = json!({"changes": {"visit_tasks": {"created": tasks, "updated": [], "deleted": []}}});
    let path = format!("/v1/sync?last_pulled_at={cursor}");
    let sent = post(&path, Some(phone), &body);
    let bytes = sent.body.as_ref().map_or(0, Vec::len);
    let answer = sync.send(&sent).await?;
    let told = expect(200, &answer)?;
    if told["rejected"].as_array().is_some_and(|rejected| !rejected.is_empty()) {
        return Err(format!("refused: {}", told["rejected"]).into());
    }
    Ok((answer.took.into(), bytes))
}
