//! A template database, migrated and peopled once for all tests, and a copy of it for each.

use std::{env, str::FromStr, time::Duration};

use local::prepare;
use tokio_postgres::{Client, Config, config::Host, types::Type};
use uuid::Uuid;

use super::fixtures;

/// A test's own database; dropped with it.
pub struct Database {
    pub name: String,
    pub admin: Config,
}

/// Copies older than this were left by a crash, in seconds.
const LEFT_BEHIND: u64 = 3600;
/// Part of the template's name: raise it when the fixtures change.
const FIXTURES_VERSION: u32 = 4;

fn admin_config() -> Config {
    let url = env::var("DATABASE_ADMIN_URL").expect("run through `make test`, or under `python3 local/stack exec --`");
    Config::from_str(&url).unwrap()
}

fn host_and_port(config: &Config) -> (String, u16) {
    let Some(Host::Tcp(host)) = config.get_hosts().first() else { panic!("DATABASE_ADMIN_URL must name a host") };
    (host.clone(), config.get_ports().first().copied().unwrap_or(5432))
}

/// A copy's name: the second it was made in tells `sweep` its age.
fn name_of(unique: &str) -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO).as_secs();
    format!("test_{now}_{unique}")
}

impl Database {
    /// Copies the template, making it first where this run has none yet.
    pub async fn copy(unique: &str) -> Self {
        let admin = admin_config();
        let client = prepare::connect(&admin).await.unwrap();
        let template = template(&admin, &client).await;
        let name = name_of(unique);
        client
            .batch_execute(&format!("create database {name} template {template} owner berthcare_migrate"))
            .await
            .unwrap();
        Self { name, admin }
    }

    /// A database without a schema, as `berthcare_migrate` finds it before the first migration.
    pub async fn empty() -> Self {
        let admin = admin_config();
        let client = prepare::connect(&admin).await.unwrap();
        // Which makes the roles.
        template(&admin, &client).await;
        let name = name_of(&Uuid::now_v7().simple().to_string());
        client.batch_execute(&format!("create database {name} owner berthcare_migrate")).await.unwrap();
        Self { name, admin }
    }

    /// How the functions connect, through the pooler where there is one: it names no role, so that each comes as its
    /// own.
    pub fn app_url(&self) -> String {
        match env::var("TEST_POOLER_URL") {
            Ok(pooler) => format!("{pooler}/{}?sslmode=disable", self.name),
            Err(_) => self.past_the_pooler(),
        }
    }

    /// The same past the pooler.
    pub fn past_the_pooler(&self) -> String {
        let (host, port) = host_and_port(&self.admin);
        format!("postgres://{host}:{port}/{}?sslmode=disable", self.name)
    }

    pub fn direct_url(&self, role: &str) -> String {
        as_role(&self.past_the_pooler(), role)
    }

    /// Where PostgreSQL listens.
    pub fn host_and_port(&self) -> (String, u16) {
        host_and_port(&self.admin)
    }

    /// A plain connection as one of the database's roles.
    pub async fn connect_as(&self, role: &str) -> Client {
        prepare::connect(self.admin.clone().user(role).dbname(&self.name)).await.unwrap()
    }

    /// A plain connection that sees and may do everything.
    pub async fn superuser(&self) -> Client {
        prepare::connect(self.admin.clone().dbname(&self.name)).await.unwrap()
    }

    /// Runs statements for what no function writes yet: as a job of `agency`, with change numbers, in one transaction.
    pub async fn write(&self, agency: Uuid, sql: &str) {
        self.superuser().await.batch_execute(&format!("{}; {sql}; commit", begin_as_job(agency))).await.unwrap();
    }

    /// How many rows `query` (a `select count(*)`) counts.
    pub async fn count(&self, query: &str) -> i64 {
        self.superuser().await.query_typed(query, &[]).await.unwrap()[0].get(0)
    }
}

/// A URL without a role, with one.
pub fn as_role(url: &str, role: &str) -> String {
    url.replace("//", &format!("//{role}@"))
}

/// How a job of `agency` begins a transaction that writes what phones hold.
pub fn begin_as_job(agency: Uuid) -> String {
    format!("begin; select app.act_as_job('{agency}'), app.reserve_change_numbers(100)")
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        // Dropping can't await; the runtime of the test goes on beside this one.
        let _ = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let client = prepare::connect(&admin).await.unwrap();
                client.batch_execute(&format!("drop database if exists {name} with (force)")).await.unwrap();
            });
        })
        .join();
    }
}

/// The template's name. Whoever comes first makes it; the others wait.
async fn template(admin: &Config, client: &Client) -> String {
    let name = format!("template_{}_{FIXTURES_VERSION}", schema::fingerprint());
    client.batch_execute("select pg_advisory_lock(4711)").await.unwrap();
    let known = client
        .query_typed("select 1 from pg_database where datname = $1 and datistemplate", &[(&name, Type::TEXT)])
        .await
        .unwrap();
    if known.is_empty() {
        sweep(client).await;
        client.batch_execute(&format!("drop database if exists {name} with (force)")).await.unwrap();
        prepare::database(admin, &name).await.unwrap();
        let owner = prepare::connect(admin.clone().dbname(&name)).await.unwrap();
        let (host, port) = host_and_port(admin);
        fixtures::people(&format!("postgres://berthcare_migrate@{host}:{port}/{name}?sslmode=disable"), &owner).await;
        drop(owner);
        client.batch_execute(&format!("alter database {name} is_template true")).await.unwrap();
    }
    client.batch_execute("select pg_advisory_unlock(4711)").await.unwrap();
    // A template with a connection to it can't be copied; those that filled it may still be closing.
    client
        .query_typed(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()",
            &[(&name, Type::TEXT)],
        )
        .await
        .unwrap();
    name
}

/// Removes copies that crashed runs left.
async fn sweep(client: &Client) {
    let rows = client.query_typed("select datname from pg_database where datname like 'test\\_%'", &[]).await.unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO).as_secs();
    for row in rows {
        let name: String = row.get(0);
        let made: u64 = name.split('_').nth(1).and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
        if now.saturating_sub(made) > LEFT_BEHIND {
            client.batch_execute(&format!("drop database if exists {name} with (force)")).await.unwrap();
        }
    }
}
