//! The configuration of functions that answer requests or use the database.

use std::collections::BTreeSet;

use runtime::{
    config::{ConfigError, optional, parsed, required},
    realtime::RealtimeInvoker,
    secrets::{SecretName, Secrets},
};
use secrecy::SecretString;
use store::{Db, Listeners, Pending, StatementMode};
use uuid::Uuid;

use crate::{DatabaseAddress, DatabaseSource, IamSigner};

/// What an [`App`](crate::App) is made from.
#[derive(Clone)]
pub struct AppConfig {
    /// `PUBLIC_URL`: the origin that clients use, without `/v1`; the issuer of our tokens.
    pub public_url: String,
    /// Where the database is.
    pub database: DatabaseConfig,
}

impl AppConfig {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self { public_url: required("PUBLIC_URL")?, database: DatabaseConfig::from_env()? })
    }
}

/// Where the database is, and how to speak with it.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// `DATABASE_URL`: where the database is, instead of what the function's secret says.
    pub url: Option<SecretString>,
    /// With `DATABASE_AUTH` `iam` instead of `password`, the default: where the database is that we sign in to by IAM.
    pub iam: Option<DatabaseAddress>,
    /// `DB_STATEMENTS`: `typed` (the default) or `named`; see [`StatementMode`].
    pub statement_mode: StatementMode,
    /// `REALTIME_FUNCTION`: the name or ARN of the function that tells those who listen; where it isn't set, nobody is
    /// told.
    pub realtime_function: Option<String>,
}

impl DatabaseConfig {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            url: optional("DATABASE_URL").map(SecretString::from),
            iam: address_for_iam()?,
            statement_mode: parsed("DB_STATEMENTS")?.unwrap_or_default(),
            realtime_function: optional("REALTIME_FUNCTION"),
        })
    }

    /// Where the database is and how it lets us in: `DATABASE_URL` if given, else by IAM if configured, else as the
    /// secret says. The secret's name says as whom we come, by IAM too, and by a URL that doesn't.
    #[must_use]
    pub fn source(&self, secret: SecretName, secrets: &Secrets) -> DatabaseSource {
        match (&self.url, &self.iam) {
            (Some(url), _) => DatabaseSource::UrlFor(url.clone(), secret.database_role()),
            (None, Some(address)) => {
                DatabaseSource::Iam(address.clone(), secret.database_role(), IamSigner::new(secrets.aws()))
            }
            (None, None) => DatabaseSource::Secret(secrets.clone(), secret),
        }
    }

    /// The database, as the role of `secret`; nothing is sent yet.
    #[must_use]
    pub fn connect_as(&self, secret: SecretName, secrets: &Secrets) -> Db {
        let db = Db::new(self.source(secret, secrets), self.statement_mode);
        match &self.realtime_function {
            Some(function) => db.telling(ByInvocation(RealtimeInvoker::new(secrets.aws(), function))),
            None => db,
        }
    }
}

/// Those who listen are told by a function of its own.
struct ByInvocation(RealtimeInvoker);

impl Listeners for ByInvocation {
    fn changed(&self, agencies: BTreeSet<Uuid>) -> Pending<'_, ()> {
        Box::pin(async move { self.0.changed(&agencies).await })
    }
}

/// `DATABASE_HOST`, `DATABASE_PORT` (5432 where it isn't set) and `DATABASE_NAME`.
fn address_for_iam() -> Result<Option<DatabaseAddress>, ConfigError> {
    match optional("DATABASE_AUTH").as_deref() {
        None | Some("password") => Ok(None),
        Some("iam") => Ok(Some(DatabaseAddress {
            host: required("DATABASE_HOST")?,
            port: parsed("DATABASE_PORT")?.unwrap_or(5432),
            name: required("DATABASE_NAME")?,
        })),
        Some(_) => Err(ConfigError::new("DATABASE_AUTH", "must be password or iam")),
    }
}
