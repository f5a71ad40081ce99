//! The database's schema, embedded, and what applies it: the `migrate` function and `make start`; never a cold start.
//!
//! `tables/` is history: refinery applies each file once, and one that has landed is never edited. `code/` and
//! `policies/` are the present: each file is applied again whenever its text changed ([`CODE`]).
//!
//! A migration never breaks the release before it. What the new release needs is added first (`V017__photos.sql`, phase
//! [`Phase::Expand`], before traffic shifts); what only the old one needed is taken away when nobody runs it any more
//! (`U018__contract_old_photos.sql`, phase [`Phase::Contract`], after the rollout), functions that `code/` no longer
//! defines among it. Numbers are shared by both kinds. `U` is refinery's mark of what may run after higher numbers: an
//! expansion doesn't wait for a contraction.

mod code;
mod embedded {
    refinery::embed_migrations!("tables");
}

pub use code::{CODE, SqlFile};
pub use refinery::Migration;
use refinery::Runner;
use serde::Deserialize;
use tokio_postgres::{Client, error::SqlState};

/// The statements that make the cluster's roles; an administrator runs them once before the first migration.
pub const ROLES: &str = include_str!("../roles.sql");
/// What a contraction's name begins with.
const CONTRACTS: &str = "contract_";
/// How long a migration waits for a table: while it does, everybody queues behind it.
const LOCK_TIMEOUT: &str = "set lock_timeout = '10s'";

/// Which migrations are to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before a release: all but contractions.
    #[default]
    Expand,
    /// When the release before is gone for good: everything.
    Contract,
}

/// What a run did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What was missing or had changed and is applied now, in its order: migrations, then files of functions and
    /// policies.
    pub applied: Vec<String>,
    /// The contractions that wait for their phase.
    pub waiting: Vec<String>,
}

/// A migration that can't be applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A migration failed, or one that was applied before has changed since.
    #[error("migration: {0}")]
    Migration(#[from] refinery::Error),
    /// A file of functions or policies failed. Nothing of any was applied.
    #[error("{file}: {source}")]
    Code {
        /// Its name, as in [`CODE`].
        file: String,
        /// What it failed with.
        source: tokio_postgres::Error,
    },
    /// The database failed beside that.
    #[error("database: {0}")]
    Database(#[from] tokio_postgres::Error),
}

impl MigrationError {
    /// Whether a table was in use for too long.
    fn is_lock_timeout(&self) -> bool {
        let (Self::Code { source, .. } | Self::Database(source)) = self else { return false };
        source.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
    }
}

/// Brings the database that `client` is connected to (as `berthcare_migrate`) up to date. Each migration runs in a
/// transaction of its own, and so do the functions and policies together; what was applied stays when a later one
/// fails, and the next run goes on from there. A second run at the same time waits for the first.
///
/// # Errors
/// When a migration fails, or one that was applied before has changed since (its checksum differs).
pub async fn run(client: &mut Client, phase: Phase) -> Result<Done, MigrationError> {
    run_these(client, embedded::migrations::runner().get_migrations(), CODE, phase).await
}

/// The same for any history, and any functions and policies.
///
/// # Errors
/// As [`run`].
pub async fn run_these(
    client: &mut Client,
    history: &[Migration],
    code: &[SqlFile<'_>],
    phase: Phase,
) -> Result<Done, MigrationError> {
    // Two runs at once would both find the same migrations missing. The lock goes with the connection, at the latest.
    client.batch_execute("select pg_advisory_lock(hashtext('berthcare migrations'))").await?;
    let outcome = one_at_a_time(client, history, code, phase).await;
    client.batch_execute("reset lock_timeout; select pg_advisory_unlock(hashtext('berthcare migrations'))").await?;
    outcome
}

async fn one_at_a_time(
    client: &mut Client,
    history: &[Migration],
    code: &[SqlFile<'_>],
    phase: Phase,
) -> Result<Done, MigrationError> {
    client.batch_execute(LOCK_TIMEOUT).await?;
    // With nothing to apply refinery makes its table, which the next question needs.
    Runner::new(&[]).set_abort_missing(false).run_async(client).await?;
    let known = Runner::new(history).get_applied_migrations_async(client).await?;
    let waits = |migration: &&Migration| {
        phase == Phase::Expand
            && migration.name().starts_with(CONTRACTS)
            && !known.iter().any(|applied| applied.version() == migration.version())
    };
    let (waiting, wanted): (Vec<&Migration>, Vec<&Migration>) = history.iter().partition(waits);
    let wanted: Vec<Migration> = wanted.into_iter().cloned().collect();
    let report = Runner::new(&wanted).run_async(client).await?;
    let mut applied: Vec<String> = report.applied_migrations().iter().map(ToString::to_string).collect();
    applied.extend(code::apply(client, code).await?);
    Ok(Done { applied, waiting: waiting.into_iter().map(ToString::to_string).collect() })
}

/// The history of the tables itself.
#[must_use]
pub fn history() -> Vec<Migration> {
    embedded::migrations::runner().get_migrations().clone()
}

/// A number that changes with any file of the schema, for whoever keeps a migrated template.
#[must_use]
pub fn fingerprint() -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    ROLES.hash(&mut hasher);
    for migration in history() {
        migration.checksum().hash(&mut hasher);
    }
    for file in CODE {
        file.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}
