//! The schema's history, embedded. Run by the `migrate` function and by `make start`; never at a cold start.

mod embedded {
    refinery::embed_migrations!("migrations");
}

use tokio_postgres::Client;

/// The statements that make the cluster's roles; an administrator runs them once before the first migration.
pub const ROLES: &str = include_str!("../migrations/roles.sql");

/// A migration that can't be applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A migration failed, or one that was applied before has changed since.
    #[error("migration: {0}")]
    Migration(#[from] refinery::Error),
    /// The database failed beside that.
    #[error("database: {0}")]
    Database(#[from] tokio_postgres::Error),
}

/// Brings the database that `client` is connected to (as `berthcare_migrate`) up to date, and answers the names of
/// the migrations that were missing. Each runs in a transaction of its own.
///
/// # Errors
/// When a migration fails, or one that was applied before has changed since (its checksum differs).
pub async fn run(client: &mut Client) -> Result<Vec<String>, MigrationError> {
    // Two runs at once would both find the same migrations missing. The lock goes with the connection.
    client.batch_execute("select pg_advisory_lock(hashtext('berthcare migrations'))").await?;
    let report = embedded::migrations::runner().run_async(client).await?;
    client.batch_execute("select pg_advisory_unlock(hashtext('berthcare migrations'))").await?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}

/// A number that changes with any migration, for whoever keeps a migrated template.
#[must_use]
pub fn fingerprint() -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    ROLES.hash(&mut hasher);
    for migration in embedded::migrations::runner().get_migrations() {
        migration.checksum().hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}
