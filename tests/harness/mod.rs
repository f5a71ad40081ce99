//! What each test has to itself: a copy of a migrated and peopled database, a table, secrets, and the functions.

mod ages;
mod client;
mod config;
mod database;
pub mod event;
pub mod fake_codedeploy;
pub mod fake_lambda;
pub mod files;
pub mod fixtures;
pub mod log;
pub mod old_clients;
pub mod outbox;
pub mod password_proxy;
pub mod phone;
pub mod plans;
pub mod providers;
pub mod random;
pub mod realtime;
pub mod round_trips;
mod scheduler;
pub mod sentry;
pub mod tcp_proxy;
pub mod twilio;

pub use client::{Answer, Client, app_shows};
pub use config::Config;
pub use database::{Database, as_role, begin_as_job};
pub use scheduler::Scheduler;

use std::time::Duration;

use app::{App, AppWithJobs};
use aws_config::{BehaviorVersion, retry::RetryConfig};
use axum::Router;
use domain::identity::Role;
use fixtures::Person;
use jiff::Timestamp;
use jobs::Providers;
use lambda_runtime::LambdaEvent;
use local::prepare::{self, TokenKeys};
use runtime::{
    aws::{SdkConfig, aws_config},
    lambda::Fatal,
    secrets::Secrets,
};
use secrecy::SecretString;
use serde_json::Value;
use store::StatementMode;
use uuid::Uuid;

pub const PUBLIC_URL: &str = "https://api.test.berthcare.ca";

pub struct TestApp {
    pub database: Database,
    pub aws: SdkConfig,
    pub config: Config,
    pub keys: TokenKeys,
    functions: Functions,
}

/// The functions' routers, each with a database connection of its own: one Lambda environment of each.
#[derive(Clone)]
pub struct Functions {
    routers: Vec<(&'static str, Router)>,
    photos: photos::Photos,
    realtime: ::realtime::Realtime,
}

impl TestApp {
    pub async fn new() -> Self {
        let unique = Uuid::now_v7().simple().to_string();
        Self::over(&unique, Database::copy(&unique)).await
    }

    /// As a new environment is before its first migration: nothing in the database, and nobody.
    pub async fn empty() -> Self {
        Self::over(&Uuid::now_v7().simple().to_string(), Database::empty()).await
    }

    async fn over(unique: &str, database: impl Future<Output = Database>) -> Self {
        let aws = aws_config().await;
        let environment = format!("test-{unique}");
        let table = format!("berthcare-{environment}");
        let keys = TokenKeys::generate("test-1").unwrap();
        let [photos_bucket, documents_bucket, anchors_bucket, exports_bucket] =
            ["photos", "documents", "anchors", "exports"].map(|of| format!("{of}-{environment}"));
        let (database, table_made, photos, documents, anchors, exports, keys_and_factors, twilio_made) = tokio::join!(
            database,
            prepare::table(&aws, &table),
            prepare::bucket(&aws, &photos_bucket),
            prepare::bucket(&aws, &documents_bucket),
            prepare::locked_bucket(&aws, &anchors_bucket),
            prepare::bucket(&aws, &exports_bucket),
            async { tokio::join!(keys.publish(&aws, &environment), prepare::second_factor_key(&aws, &environment)) },
            prepare::twilio(&aws, &environment, PUBLIC_URL)
        );
        let rotated = twilio::rotate(&aws, &environment).await;
        let (published, key_made) = keys_and_factors;
        for made in [table_made, photos, documents, anchors, exports, published, key_made, twilio_made, rotated] {
            made.unwrap();
        }
        let config = Config {
            environment,
            database_url: Some(SecretString::from(database.app_url())),
            database_iam: None,
            statement_mode: statement_mode(),
            ephemeral_table: table,
            photos_bucket,
            // Nobody is there: a test that sends has providers of its own.
            providers: Providers {
                twilio_url: "http://127.0.0.1:1".into(),
                expo_url: "http://127.0.0.1:1".into(),
                call_spacing_ms: 1000,
                sms_spacing_ms: 1000,
            },
            anchors_bucket,
            exports_bucket,
            documents_bucket,
            // Nobody is there either.
            realtime: "127.0.0.1:1".into(),
        };
        let functions = Functions::new(&config, &aws);
        Self { database, aws, config, keys, functions }
    }

    /// Another environment of each function, as Lambda starts when requests come at once.
    pub fn another_environment(&self) -> Functions {
        Functions::new(&self.config, &self.aws)
    }

    pub fn functions(&self) -> Functions {
        self.functions.clone()
    }

    /// Functions whose database is at another address, as behind something that a test can cut.
    pub fn with_database(&self, url: String) -> Functions {
        Functions::new(&Config { database_url: Some(SecretString::from(url)), ..self.config.clone() }, &self.aws)
    }

    /// Functions that find their secrets, but neither the table nor the buckets.
    pub async fn without_table(&self) -> Functions {
        // Nothing listens on port 1; there is no use in trying again.
        let nowhere = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url("http://127.0.0.1:1")
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        Functions::wire(&self.config, &Secrets::new(&self.aws, &self.config.environment), &nowhere)
    }

    /// Functions that find everything in its place, but Lambda at another address.
    pub async fn with_lambda(&self, url: &str) -> Functions {
        let elsewhere = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(url).load().await;
        Functions::wire(&self.config, &Secrets::new(&self.aws, &self.config.environment), &elsewhere)
    }

    /// Invokes the function `migrate`, as whoever runs the installation does.
    pub async fn operate(&self, command: Value) -> Result<Value, Fatal> {
        let url = self.database.direct_url("berthcare_migrate");
        let config = Config { database_url: Some(SecretString::from(url)), ..self.config.clone() };
        let secrets = Secrets::new(&self.aws, &self.config.environment);
        migrate::Migrate::new(&config.migrate(), &secrets, &self.aws).handle(command, "an-operators-request").await
    }

    /// One environment of the function `jobs`, and who invokes it.
    pub fn jobs(&self) -> Scheduler {
        Scheduler::new(&self.config, &self.aws)
    }

    /// One environment of the function `exports`.
    pub fn exports(&self) -> privacy::Exports {
        privacy::Exports::new(&self.config.exports(), &Secrets::new(&self.aws, &self.config.environment), &self.aws)
    }

    /// One environment of the function `webhooks`, going by another clock.
    pub fn webhooks_by(&self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Router {
        let secrets = Secrets::new(&self.aws, &self.config.environment);
        webhooks::router(webhooks::Webhooks::new(&self.config.webhooks(), secrets, &self.aws).by_clock(clock))
    }

    /// Somebody who asks functions that are told to be of another environment; they have no secrets there.
    pub fn in_environment(&self, environment: &str) -> Client {
        let config = Config { environment: environment.into(), ..self.config.clone() };
        Client::anonymous(Functions::new(&config, &self.aws))
    }

    /// Signs `person` in on a new device.
    pub async fn sign_in(&self, person: &Person) -> Client {
        Client::sign_in(self.functions(), person).await
    }

    /// The same with a password that isn't the fixtures'.
    pub async fn sign_in_with(&self, person: &Person, password: &str) -> Client {
        let client = self.anonymous();
        client.with_tokens(&client.login(person.email, password).await.expect(200))
    }

    /// Adds so many of the nurse's visits to Alma, one each half hour back from now, with `sql` in this column; in it,
    /// `n` counts them.
    pub async fn add_visits(&self, count: usize, (column, sql): (&str, &str)) {
        let (agency, nurse) = (fixtures::NURSE.agency, fixtures::NURSE.id);
        let alma = fixtures::ALMA;
        self.database
            .write(
                agency,
                &format!(
                    "select app.reserve_change_numbers({count});
                     insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end, {column})
                     select gen_random_uuid(), '{agency}', '{alma}', '{nurse}', now() - n * interval '30 minutes',
                       now() - n * interval '30 minutes' + interval '20 minutes', {sql}
                     from generate_series(1, {count}) n"
                ),
            )
            .await;
    }

    pub async fn nurse(&self) -> Client {
        self.sign_in(&fixtures::NURSE).await
    }

    pub async fn aide(&self) -> Client {
        self.sign_in(&fixtures::AIDE).await
    }

    pub async fn coordinator(&self) -> Client {
        self.sign_in(&fixtures::COORDINATOR).await
    }

    pub async fn admin(&self) -> Client {
        self.sign_in(&fixtures::ADMIN).await
    }

    pub async fn family(&self) -> Client {
        self.sign_in(&fixtures::FAMILY).await
    }

    pub async fn of_role(&self, role: Role) -> Client {
        self.sign_in(fixtures::of_role(role)).await
    }

    pub fn anonymous(&self) -> Client {
        Client::anonymous(self.functions())
    }
}

/// Behind a pooler only typed statements are safe; `DB_STATEMENTS` tries the other mode on a direct connection.
fn statement_mode() -> StatementMode {
    std::env::var("DB_STATEMENTS").ok().map_or_else(StatementMode::default, |mode| mode.parse().unwrap())
}

/// Waits for a fact, not for a time.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..2000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 20 seconds: {what}");
}

impl Functions {
    pub fn new(config: &Config, aws: &SdkConfig) -> Self {
        Self::wire(config, &Secrets::new(aws, &config.environment), aws)
    }

    fn wire(config: &Config, secrets: &Secrets, aws: &SdkConfig) -> Self {
        let app = || App::new(&config.app(), secrets);
        let with_jobs = || AppWithJobs::new(&config.app(), &Config::jobs_function(), secrets, aws);
        let photos = photos::Photos::new(&config.photos(), secrets, aws);
        let realtime = ::realtime::Realtime::new(&config.realtime(), secrets, aws);
        Self {
            routers: vec![
                ("auth", auth::router(auth::Auth::new(&config.auth(), secrets.clone(), aws))),
                ("clients", clients::router(app())),
                ("visits", visits::router(app())),
                ("photos", photos::router(photos.clone())),
                ("sync", sync::router(with_jobs())),
                ("alerts", alerts::router(with_jobs())),
                ("privacy", privacy::router(privacy::Privacy::new(&config.privacy(), secrets, aws))),
                ("realtime", ::realtime::router(realtime.clone())),
                ("webhooks", webhooks::router(webhooks::Webhooks::new(&config.webhooks(), secrets.clone(), aws))),
                ("health", health::router(health::Health::new(&config.health(), secrets, aws))),
            ],
            photos,
            realtime,
        }
    }

    /// The same, with something around each.
    pub fn each(self, change: impl Fn(Router) -> Router) -> Self {
        let routers = self.routers.into_iter().map(|(name, router)| (name, change(router))).collect();
        Self { routers, ..self }
    }

    /// The function that API Gateway would send this path to.
    pub fn of_path(&self, path: &str) -> Router {
        const OF_PRIVACY: [&str; 3] = ["access-log", "export", "exports"];
        let mut parts = path.trim_start_matches("/v1/").split(['/', '?']);
        let (first, is_of_privacy) = (parts.next().unwrap_or_default(), parts.any(|part| OF_PRIVACY.contains(&part)));
        let name = match first {
            "privacy" | "audit" => "privacy",
            "clients" | "family" if is_of_privacy => "privacy",
            "auth" | "users" | ".well-known" => "auth",
            "clients" | "family" => "clients",
            "visits" | "conflicts" => "visits",
            "photos" => "photos",
            "sync" | "refusals" | "devices" => "sync",
            "realtime" | "presence" | "events" => "realtime",
            "alerts" | "replies" => "alerts",
            "voice" | "sms" => "webhooks",
            _ => "health",
        };
        self.routers.iter().find(|(of, _)| *of == name).map(|(_, router)| router.clone()).unwrap()
    }

    /// Sends the function `photos` an event as Lambda does, whatever kind it is of.
    pub async fn tell_photos(&self, event: Value) -> Result<Value, Fatal> {
        let event = LambdaEvent::new(event, lambda_runtime::Context::default());
        photos::invoke(&self.photos, self.of_path("/v1/photos"), event).await
    }

    /// Sends the function `realtime` an event that is no request.
    pub fn tell_realtime(&self, event: Value) -> impl Future<Output = Result<Value, Fatal>> + Send + use<> {
        let realtime = self.realtime.clone();
        async move { ::realtime::take(&realtime, ::realtime::event_name(&event).unwrap(), event).await }
    }
}
