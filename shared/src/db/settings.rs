use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::DbError;
use crate::secrets::{SecretName, Secrets};

/// What the secret `{env}/database` holds, in the shape that RDS's own rotation keeps.
#[derive(Clone, Deserialize)]
pub struct DatabaseSettings {
    host: String,
    port: u16,
    username: String,
    password: SecretString,
    dbname: String,
    /// `require` (the default) or `disable`, for a server on this machine.
    #[serde(default)]
    sslmode: Option<String>,
}

/// Where the address and credentials of the database come from.
pub enum DatabaseSource {
    /// A URL from the environment: local tools and tests.
    Url(SecretString),
    /// Secrets Manager; read again when the server refuses the password, as after a rotation.
    Secret(Secrets, SecretName),
}

impl DatabaseSource {
    /// Opens a connection.
    ///
    /// # Errors
    /// When the settings can't be had, or the server not be reached.
    pub async fn connect(&self) -> Result<Client, DbError> {
        match self {
            Self::Url(url) => open(config_of_url(url)?).await,
            Self::Secret(secrets, name) => {
                let settings = read(secrets, *name).await?;
                match open(settings.config()?).await {
                    Err(error) if error.is_bad_password() => {
                        secrets.forget(*name).await;
                        open(read(secrets, *name).await?.config()?).await
                    }
                    other => other,
                }
            }
        }
    }
}

async fn read(secrets: &Secrets, name: SecretName) -> Result<DatabaseSettings, DbError> {
    secrets.json(name).await.map_err(|error| DbError::Settings(error.to_string()))
}

fn config_of_url(url: &SecretString) -> Result<Config, DbError> {
    url.expose_secret().parse().map_err(|_| DbError::Settings("DATABASE_URL is not a PostgreSQL URL".into()))
}

impl DatabaseSettings {
    fn config(&self) -> Result<Config, DbError> {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.username)
            .password(self.password.expose_secret())
            .dbname(&self.dbname)
            .ssl_mode(match self.sslmode.as_deref() {
                None | Some("require") => tokio_postgres::config::SslMode::Require,
                Some("disable") => tokio_postgres::config::SslMode::Disable,
                Some(other) => return Err(DbError::Settings(format!("unknown sslmode {other}"))),
            });
        Ok(config)
    }
}

/// Opens one connection and leaves its task running for as long as it lives.
async fn open(mut config: Config) -> Result<Client, DbError> {
    config
        .application_name("berthcare")
        .connect_timeout(Duration::from_secs(3))
        .tcp_user_timeout(Duration::from_secs(5));
    let (client, task) = config.connect(tls()?).await.map_err(DbError::Connect)?;
    tokio::spawn(async move {
        if let Err(error) = task.await {
            tracing::warn!(%error, "the database connection ended");
        }
    });
    Ok(client)
}

/// RDS Proxy's certificate chains to Amazon's public roots, which `webpki-roots` holds.
fn tls() -> Result<MakeRustlsConnect, DbError> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| DbError::Settings(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
