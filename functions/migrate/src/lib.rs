//! `migrate`: what only the schema's owner may do, invoked by whoever runs the installation and never by a request.
//!
//! - Without a command it brings the schema up to date: before a release's traffic shifts, and with
//!   `{"phase": "contract"}` once the release before is gone for good.
//! - With a command it administers agencies; see [`operator`].

pub mod operator;

use app::{DatabaseConfig, DatabaseSource};
use auth::Codes;
use runtime::{
    aws::SdkConfig,
    config::{EphemeralTable, JobsFunction},
    ephemeral::Ephemeral,
    jobs::JobsInvoker,
    lambda::Fatal,
    secrets::{SecretName, Secrets},
};
use schema::{Done, Phase};
use serde::{Deserialize, Serialize};
use serde_json::{Value, to_value};
use store::Db;

/// Which migrations the invoker asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `expand`, the default, or `contract`.
    #[serde(default)]
    pub phase: Phase,
}

/// The migrations that ran.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What was missing or had changed, in its order; empty where the schema was up to date.
    pub applied: Vec<String>,
    /// The contractions that wait until the release before is gone.
    pub waiting: Vec<String>,
}

runtime::config! {
    /// The configuration of `migrate`.
    pub struct Config {
        /// Where the database is.
        pub database: DatabaseConfig,
        /// Where invitations' codes are.
        pub ephemeral_table: EphemeralTable,
        /// Who sends them.
        pub jobs_function: JobsFunction,
    }
}

/// What the function holds.
pub struct Migrate {
    source: DatabaseSource,
    db: Db,
    codes: Codes,
    jobs: JobsInvoker,
}

impl Migrate {
    /// Wires the function.
    #[must_use]
    pub fn new(config: &Config, secrets: &Secrets, aws: &SdkConfig) -> Self {
        Self {
            source: config.database.source(SecretName::MigrateDatabase, secrets),
            db: config.database.connect_as(SecretName::MigrateDatabase, secrets),
            codes: Codes(Ephemeral::new(aws, &config.ephemeral_table)),
            jobs: JobsInvoker::new(aws, &config.jobs_function),
        }
    }

    /// Does what the event asks for, and answers with a report.
    ///
    /// # Errors
    /// As [`run`] and [`operator`] say.
    pub async fn handle(&self, event: Value, request_id: &str) -> Result<Value, Fatal> {
        if event.get("command").is_some() {
            return Box::pin(self.operate(event, request_id)).await;
        }
        let request = serde_json::from_value(event)?;
        Ok(to_value(Box::pin(run(&self.source, request)).await?)?)
    }
}

/// Applies what is missing, one run at a time.
///
/// # Errors
/// When the database can't be reached, a migration fails, or one that was applied before has changed since.
pub async fn run(source: &DatabaseSource, request: Request) -> Result<Report, Fatal> {
    let (mut client, _) = store::connect(source).await?;
    let Done { applied, waiting } = schema::run(&mut client, request.phase).await?;
    tracing::info!(?applied, ?waiting, "the schema is up to date");
    Ok(Report { applied, waiting })
}
