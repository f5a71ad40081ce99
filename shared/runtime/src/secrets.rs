//! Secrets Manager, with what was read kept for a while.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext};
use domain::error::Error;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

/// How long a secret is used before it is read again. A rotated key is published two hours before it signs, so this
/// may be minutes.
const KEPT_FOR: Duration = Duration::from_mins(5);
/// Who asks for a newer one gets it, but not more often than this: strangers can make us ask.
const NEW_FOR: Duration = Duration::from_secs(30);

/// The secrets there are. A function's role lets it read its own ones only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
pub enum SecretName {
    /// [`app::DatabaseSettings`], for those who serve callers and need nothing more: `alerts`, `clients`, `sync` and
    /// `visits`.
    #[strum(serialize = "database")]
    Database,
    /// The same for `auth`.
    #[strum(serialize = "database-auth")]
    AuthDatabase,
    /// The same for `health`.
    #[strum(serialize = "database-health")]
    HealthDatabase,
    /// The same for `jobs` and `urgent`.
    #[strum(serialize = "database-jobs")]
    JobsDatabase,
    /// The same for `migrate`.
    #[strum(serialize = "database-migrate")]
    MigrateDatabase,
    /// The same for `photos`.
    #[strum(serialize = "database-photos")]
    PhotosDatabase,
    /// The same for `privacy`.
    #[strum(serialize = "database-privacy")]
    PrivacyDatabase,
    /// The same for `webhooks`.
    #[strum(serialize = "database-webhooks")]
    WebhooksDatabase,
    /// [`auth::signing::SigningKey`]; `auth` alone may read it.
    #[strum(serialize = "jwt-signing-key")]
    SigningKey,
    /// [`auth::second_factor::SeedKeys`]; `auth` alone may read it.
    #[strum(serialize = "second-factor-key")]
    SecondFactorKey,
    /// A JSON Web Key Set: what tokens are verified with.
    #[strum(serialize = "jwt-public-keys")]
    PublicKeys,
    /// [`jobs::twilio::Account`]; `jobs` alone may read it.
    #[strum(serialize = "twilio/account")]
    TwilioAccount,
    /// [`jobs::twilio::PhoneNumbers`].
    #[strum(serialize = "twilio/phone-numbers")]
    TwilioPhoneNumbers,
    /// [`jobs::twilio::Webhooks`].
    #[strum(serialize = "twilio/webhooks")]
    TwilioWebhooks,
    /// What CloudFront shows to be let in; see [`web::Origin`].
    #[strum(serialize = "origin")]
    Origin,
    /// Where errors are reported; see [`crate::lambda::Sentry`].
    #[strum(serialize = "sentry")]
    Sentry,
}

impl SecretName {
    /// The secrets of the database, one for each role that functions sign in as.
    pub const DATABASES: [Self; 8] = [
        Self::Database,
        Self::AuthDatabase,
        Self::HealthDatabase,
        Self::JobsDatabase,
        Self::MigrateDatabase,
        Self::PhotosDatabase,
        Self::PrivacyDatabase,
        Self::WebhooksDatabase,
    ];

    /// The role of the database whose secret this is: a trust each. Of what isn't a database's, the least.
    #[must_use]
    pub fn database_role(self) -> &'static str {
        match self {
            Self::Database => "berthcare_app",
            Self::AuthDatabase => "berthcare_auth",
            Self::JobsDatabase => "berthcare_jobs",
            Self::MigrateDatabase => "berthcare_migrate",
            Self::PhotosDatabase => "berthcare_photos",
            Self::PrivacyDatabase => "berthcare_privacy",
            Self::WebhooksDatabase => "berthcare_webhooks",
            _ => "berthcare_health",
        }
    }
}

/// A secret that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager didn't answer, or refused.
    #[error("the secret {name} could not be read: {cause}")]
    Unreadable {
        /// Its full name.
        name: String,
        /// What the SDK said.
        cause: String,
    },
    /// It isn't the JSON it should be. Its content is not shown.
    #[error("the secret {name} does not have the right shape")]
    Misshapen {
        /// Its full name.
        name: String,
    },
}

impl From<SecretError> for Error {
    fn from(error: SecretError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// Reads secrets of one environment (`{environment}/{name}`) and keeps them for five minutes.
#[derive(Clone)]
pub struct Secrets {
    aws: Arc<SdkConfig>,
    client: Client,
    environment: Arc<str>,
    kept: Arc<Mutex<HashMap<SecretName, (Instant, SecretString)>>>,
}

impl Secrets {
    /// Secrets of `environment`.
    #[must_use]
    pub fn new(aws: &SdkConfig, environment: &str) -> Self {
        Self {
            aws: Arc::new(aws.clone()),
            client: Client::new(aws),
            environment: environment.into(),
            kept: Arc::default(),
        }
    }

    /// As whom they are read.
    #[must_use]
    pub fn aws(&self) -> &SdkConfig {
        &self.aws
    }

    /// The secret's JSON as a `T`.
    pub async fn json<T: DeserializeOwned>(&self, name: SecretName) -> Result<T, SecretError> {
        self.json_kept_for(name, KEPT_FOR).await
    }

    /// The same, read again unless that was done just now: for who holds something that doesn't match what is kept.
    pub async fn newer_json<T: DeserializeOwned>(&self, name: SecretName) -> Result<T, SecretError> {
        self.json_kept_for(name, NEW_FOR).await
    }

    async fn json_kept_for<T: DeserializeOwned>(&self, name: SecretName, kept_for: Duration) -> Result<T, SecretError> {
        let text = self.text(name, kept_for).await?;
        let parsed = serde_json::from_str(text.expose_secret());
        if parsed.is_err() {
            // Nobody can use it: once it is mended, the next read finds it so.
            self.forget(name).await;
        }
        parsed.map_err(|_| SecretError::Misshapen { name: self.full_name(name) })
    }

    /// Makes the next read ask Secrets Manager.
    pub async fn forget(&self, name: SecretName) {
        self.kept.lock().await.remove(&name);
    }

    async fn text(&self, name: SecretName, kept_for: Duration) -> Result<SecretString, SecretError> {
        let known = self.kept.lock().await.get(&name).cloned();
        if let Some((read_at, text)) = &known
            && read_at.elapsed() < kept_for
        {
            return Ok(text.clone());
        }
        match self.fetch(name).await {
            Ok(text) => {
                self.kept.lock().await.insert(name, (Instant::now(), text.clone()));
                Ok(text)
            }
            // An old secret is better than none while Secrets Manager is away.
            Err(error) => known.map(|(_, text)| text).ok_or(error),
        }
    }

    async fn fetch(&self, name: SecretName) -> Result<SecretString, SecretError> {
        let full_name = self.full_name(name);
        let unreadable = |cause: String| SecretError::Unreadable { name: full_name.clone(), cause };
        let answer = self
            .client
            .get_secret_value()
            .secret_id(&full_name)
            .send()
            .await
            .map_err(|error| unreadable(DisplayErrorContext(error).to_string()))?;
        answer.secret_string.map(SecretString::from).ok_or_else(|| unreadable("the secret is binary".into()))
    }

    fn full_name(&self, name: SecretName) -> String {
        format!("{}/{}", self.environment, <&str>::from(name))
    }
}
