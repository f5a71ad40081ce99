use std::{net::IpAddr, time::SystemTime};

use runtime::{
    secrets::{SecretName, Secrets},
    tls,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use store::{ConnectionSource, DbError, Pending, SignIn};
use tokio_postgres::{Config, config::SslMode};

use crate::IamSigner;

/// What the secret `{env}/database` and its kin hold, in the shape that RDS's own rotation keeps.
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

/// Where the database is that asks for no password.
#[derive(Clone, Debug)]
pub struct DatabaseAddress {
    /// The proxy's or server's name, as its certificate has it.
    pub host: String,
    /// 5432, in most places.
    pub port: u16,
    /// The database's name.
    pub name: String,
}

/// Where the address and credentials of the database come from.
pub enum DatabaseSource {
    /// A URL that names its role: local tools and tests.
    Url(SecretString),
    /// A URL from the environment, and the role to come as where it names none.
    UrlFor(SecretString, &'static str),
    /// An address, the role to come as, and who signs a token for each connection.
    Iam(DatabaseAddress, &'static str, IamSigner),
    /// Secrets Manager; read again when the server refuses the password, as after a rotation.
    Secret(Secrets, SecretName),
}

impl ConnectionSource for DatabaseSource {
    fn sign_in(&self) -> Pending<'_, Result<SignIn, DbError>> {
        Box::pin(async {
            let config = match self {
                Self::Url(url) => config_of_url(url)?,
                Self::UrlFor(url, role) => {
                    let mut config = config_of_url(url)?;
                    if config.get_user().is_none() {
                        config.user(*role);
                    }
                    config
                }
                Self::Iam(address, role, signer) => address.config(role, signer).await?,
                Self::Secret(secrets, name) => read(secrets, *name).await?.config()?,
            };
            let tls = tls::client().map_err(|error| DbError::Settings(error.to_string()))?;
            Ok(SignIn { config, tls })
        })
    }

    fn sign_in_again(&self) -> Pending<'_, Option<Result<SignIn, DbError>>> {
        Box::pin(async {
            let Self::Secret(secrets, name) = self else { return None };
            secrets.forget(*name).await;
            Some(self.sign_in().await)
        })
    }
}

async fn read(secrets: &Secrets, name: SecretName) -> Result<DatabaseSettings, DbError> {
    secrets.json(name).await.map_err(|error| DbError::Settings(error.to_string()))
}

fn config_of_url(url: &SecretString) -> Result<Config, DbError> {
    url.expose_secret().parse().map_err(|_| DbError::Settings("DATABASE_URL is not a PostgreSQL URL".into()))
}

impl DatabaseAddress {
    /// How to connect as `role`, with a token as the password. That opens the database for whoever reads it on the way,
    /// so it never leaves this machine without TLS.
    async fn config(&self, role: &str, signer: &IamSigner) -> Result<Config, DbError> {
        let token = signer.token(&self.host, self.port, role, SystemTime::now()).await?;
        let here = self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(role)
            .password(token.expose_secret())
            .dbname(&self.name)
            .ssl_mode(if here { SslMode::Disable } else { SslMode::Require });
        Ok(config)
    }
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
                None | Some("require") => SslMode::Require,
                Some("disable") => SslMode::Disable,
                Some(other) => return Err(DbError::Settings(format!("unknown sslmode {other}"))),
            });
        Ok(config)
    }
}
