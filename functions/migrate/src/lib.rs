//! `migrate`: brings the schema up to date. Invoked before a release's traffic shifts, never by a request.

use serde::{Deserialize, Serialize};
use shared::{db::DatabaseSource, lambda::Fatal, migrations};

/// What the invoker asks for. There is nothing to choose yet.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {}

/// What was done.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The migrations that were missing, in their order; empty where the schema was up to date.
    pub applied: Vec<String>,
}

/// Applies what is missing, one run at a time.
///
/// # Errors
/// When the database can't be reached, a migration fails, or one that was applied before has changed since.
pub async fn run(source: &DatabaseSource, _: Request) -> Result<Report, Fatal> {
    let mut client = source.connect().await?;
    let applied = migrations::run(&mut client).await?;
    tracing::info!(?applied, "the schema is up to date");
    Ok(Report { applied })
}
