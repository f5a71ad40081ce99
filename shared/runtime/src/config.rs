//! Configuration from the environment: each function asks for what it uses, and starts without the rest. Secrets are
//! not among it: their names follow from `BERTHCARE_ENV`.

use std::{env, str::FromStr};

/// A setting that is missing or can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {name} {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: &'static str,
}

impl ConfigError {
    /// What is wrong with the variable `name`.
    #[must_use]
    pub fn new(name: &'static str, problem: &'static str) -> Self {
        Self { name, problem }
    }
}

/// A variable that must be set.
///
/// # Errors
/// When it isn't.
pub fn required(name: &'static str) -> Result<String, ConfigError> {
    env::var(name).map_err(|_| ConfigError::new(name, "is not set"))
}

/// A variable that may be set.
#[must_use]
pub fn optional(name: &'static str) -> Option<String> {
    env::var(name).ok()
}

/// A variable that may be set, as a `T`.
///
/// # Errors
/// When it is set to what is no `T`.
pub fn parsed<T: FromStr>(name: &'static str) -> Result<Option<T>, ConfigError> {
    let parse = |value: String| value.parse().map_err(|_| ConfigError::new(name, "has an invalid value"));
    optional(name).map(parse).transpose()
}

/// The environment that a function runs in.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `BERTHCARE_ENV`: `local`, `staging` or `production`; the first part of every secret's name.
    pub name: String,
    /// `SENTRY`: whether errors are reported there; the secret `{env}/sentry` says where that is.
    pub sentry: bool,
}

impl Environment {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// When `BERTHCARE_ENV` is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self { name: required("BERTHCARE_ENV")?, sentry: parsed("SENTRY")?.unwrap_or(false) })
    }
}

/// The configuration of a function: fields that each read their own variables, by their type's `from_env`.
#[macro_export]
macro_rules! config {
    ($(#[$attribute:meta])* pub struct $name:ident {
        $($(#[$doc:meta])* pub $field:ident: $type:ty,)+
    }) => {
        $(#[$attribute])*
        #[derive(Clone)]
        pub struct $name { $($(#[$doc])* pub $field: $type,)+ }

        impl $name {
            /// Reads the process's environment.
            ///
            /// # Errors
            /// Names the first variable that is missing or wrong.
            pub fn from_env() -> Result<Self, $crate::config::ConfigError> {
                Ok(Self { $($field: <$type>::from_env()?,)+ })
            }
        }
    };
}
pub use crate::config;

macro_rules! settings {
    ($($(#[$doc:meta])+ $name:ident = $variable:literal;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Debug)]
        pub struct $name(pub String);

        impl $name {
            /// Reads the process's environment.
            ///
            /// # Errors
            /// When the variable is missing.
            pub fn from_env() -> Result<Self, ConfigError> {
                required($variable).map(Self)
            }
        }
    )+};
}

settings! {
    /// `EPHEMERAL_TABLE`: the DynamoDB table of what expires by itself.
    EphemeralTable = "EPHEMERAL_TABLE";
    /// `PHOTOS_BUCKET`: the S3 bucket of photos and signatures.
    PhotosBucket = "PHOTOS_BUCKET";
    /// `DOCUMENTS_BUCKET`: the S3 bucket of clients' documents.
    DocumentsBucket = "DOCUMENTS_BUCKET";
    /// `EXPORTS_BUCKET`: the S3 bucket of exports that wait to be fetched.
    ExportsBucket = "EXPORTS_BUCKET";
    /// `ANCHORS_BUCKET`: the S3 bucket, under Object Lock, of the audit chain's anchors.
    AnchorsBucket = "ANCHORS_BUCKET";
    /// `REALTIME_URL`: where clients open WebSockets, such as `wss://realtime.berthcare.ca/`.
    RealtimeUrl = "REALTIME_URL";
    /// `REALTIME_CONNECTIONS_URL`: where API Gateway takes what is sent to them, without `/@connections`.
    RealtimeConnectionsUrl = "REALTIME_CONNECTIONS_URL";
}

/// `JOBS_FUNCTION`: the name or ARN of `jobs`, which whoever queues a message invokes; `jobs` where it isn't set.
#[derive(Clone, Debug)]
pub struct JobsFunction(pub String);

impl JobsFunction {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// None: it has a default.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self(optional("JOBS_FUNCTION").unwrap_or_else(|| "jobs".into())))
    }
}
