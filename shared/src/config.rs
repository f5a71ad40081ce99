//! What a function is told by its environment. Secrets are not among it: their names follow from `BERTHCARE_ENV`.

use std::{env, str::FromStr};

use secrecy::SecretString;

use crate::{
    db::{DatabaseAddress, DatabaseSource, IamSigner, StatementMode},
    push,
    secrets::{SecretName, Secrets},
    twilio,
};

/// The configuration of one Lambda environment.
#[derive(Clone)]
pub struct Config {
    /// `BERTHCARE_ENV`: `local`, `staging` or `production`; the first part of every secret's name.
    pub environment: String,
    /// `PUBLIC_URL`: the origin that clients use, without `/v1`; the issuer of our tokens.
    pub public_url: String,
    /// `DATABASE_URL`: where the database is, instead of what the secret `{env}/database` says.
    pub database_url: Option<SecretString>,
    /// `BEHIND_CLOUDFRONT`: whether requests come by CloudFront, which then shows the secret `{env}/origin`.
    pub behind_cloudfront: bool,
    /// `SENTRY`: whether errors are reported there; the secret `{env}/sentry` says where that is.
    pub sentry: bool,
    /// With `DATABASE_AUTH` `iam` instead of `password`, the default: where the database is that takes IAM's word for us.
    pub database_iam: Option<DatabaseAddress>,
    /// `DB_STATEMENTS`: `typed` (the default) or `named`; see [`StatementMode`].
    pub statement_mode: StatementMode,
    /// `EPHEMERAL_TABLE`: the DynamoDB table of what expires by itself.
    pub ephemeral_table: String,
    /// `PHOTOS_BUCKET`: the S3 bucket of photos and signatures.
    pub photos_bucket: String,
    /// Where messages are handed over, and how fast.
    pub providers: Providers,
    /// `JOBS_FUNCTION`: the name or ARN of `jobs`, which whoever queues a message invokes; `jobs` where it isn't set.
    pub jobs_function: String,
    /// `ANCHORS_BUCKET`: the S3 bucket, under Object Lock, of the audit chain's anchors.
    pub anchors_bucket: String,
    /// `DOCUMENTS_BUCKET`: the S3 bucket of clients' documents.
    pub documents_bucket: String,
}

/// Who sends our messages. Read by `jobs`.
#[derive(Clone, Debug)]
pub struct Providers {
    /// `TWILIO_URL`: where Twilio's REST interface is, where it isn't Twilio's own.
    pub twilio_url: String,
    /// `EXPO_URL`: where Expo's push service is, where it isn't Expo's own.
    pub expo_url: String,
    /// `CALL_SPACING_MS`: milliseconds between two calls from our number; Twilio takes one a second unless it agreed to more.
    pub call_spacing_ms: i32,
    /// `SMS_SPACING_MS`: the same for SMS.
    pub sms_spacing_ms: i32,
}

impl Providers {
    fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            twilio_url: env::var("TWILIO_URL").unwrap_or_else(|_| twilio::PUBLIC_URL.into()),
            expo_url: env::var("EXPO_URL").unwrap_or_else(|_| push::PUBLIC_URL.into()),
            call_spacing_ms: parsed("CALL_SPACING_MS")?.unwrap_or(1000),
            sms_spacing_ms: parsed("SMS_SPACING_MS")?.unwrap_or(1000),
        })
    }
}

/// A setting that is missing or can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {name} {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: &'static str,
}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            environment: required("BERTHCARE_ENV")?,
            public_url: required("PUBLIC_URL")?,
            database_url: env::var("DATABASE_URL").ok().map(SecretString::from),
            behind_cloudfront: parsed("BEHIND_CLOUDFRONT")?.unwrap_or(false),
            sentry: parsed("SENTRY")?.unwrap_or(false),
            database_iam: database_by_iam()?,
            statement_mode: parsed("DB_STATEMENTS")?.unwrap_or_default(),
            ephemeral_table: required("EPHEMERAL_TABLE")?,
            photos_bucket: required("PHOTOS_BUCKET")?,
            providers: Providers::from_env()?,
            jobs_function: env::var("JOBS_FUNCTION").unwrap_or_else(|_| "jobs".into()),
            anchors_bucket: required("ANCHORS_BUCKET")?,
            documents_bucket: required("DOCUMENTS_BUCKET")?,
        })
    }

    /// Where the database is and how it lets us in: `DATABASE_URL` if given, else by IAM if configured, else as the secret
    /// says. By IAM too the secret's name says as whom we come.
    #[must_use]
    pub fn database_source(&self, secrets: &Secrets, secret: SecretName) -> DatabaseSource {
        match (&self.database_url, &self.database_iam) {
            (Some(url), _) => DatabaseSource::Url(url.clone()),
            (None, Some(address)) => {
                DatabaseSource::Iam(address.clone(), secret.database_role(), IamSigner::new(secrets.aws()))
            }
            (None, None) => DatabaseSource::Secret(secrets.clone(), secret),
        }
    }
}

/// `DATABASE_HOST`, `DATABASE_PORT` (5432 where it isn't set) and `DATABASE_NAME`.
fn database_by_iam() -> Result<Option<DatabaseAddress>, ConfigError> {
    match env::var("DATABASE_AUTH").as_deref() {
        Err(_) | Ok("password") => Ok(None),
        Ok("iam") => Ok(Some(DatabaseAddress {
            host: required("DATABASE_HOST")?,
            port: parsed("DATABASE_PORT")?.unwrap_or(5432),
            name: required("DATABASE_NAME")?,
        })),
        Ok(_) => Err(ConfigError { name: "DATABASE_AUTH", problem: "must be password or iam" }),
    }
}

fn required(name: &'static str) -> Result<String, ConfigError> {
    env::var(name).map_err(|_| ConfigError { name, problem: "is not set" })
}

fn parsed<T: FromStr>(name: &'static str) -> Result<Option<T>, ConfigError> {
    match env::var(name) {
        Ok(value) => {
            value.parse().map(Some).map_err(|_| ConfigError { name, problem: "has a value that it can't have" })
        }
        Err(_) => Ok(None),
    }
}
