//! `migrate`: brings the schema up to date. Invoked before a release's traffic shifts, and with
//! `{"phase": "contract"}` once the release before is gone for good; never by a request.

use app::DatabaseSource;
use runtime::lambda::Fatal;
use schema::{Done, Phase};
use serde::{Deserialize, Serialize};

/// What the invoker asks for.
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

/// Applies what is missing, one run at a time.
///
/// # Errors
/// When the database can't be reached, a migration fails, or one that was applied before has changed since.
pub async fn run(source: &DatabaseSource, request: Request) -> Result<Report, Fatal> {
    let mut client = store::connect(source).await?;
    let Done { applied, waiting } = schema::run(&mut client, request.phase).await?;
    tracing::info!(?applied, ?waiting, "the schema is up to date");
    Ok(Report { applied, waiting })
}
