//! Opening a connection, whichever way the environment signs in.

use std::{future::poll_fn, pin::Pin, time::Duration};

use rustls::ClientConfig;
use tokio_postgres::{AsyncMessage, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Announced, DbError};

/// What a source is asked for, while it is fetched.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where the database is and as whom to come, and which certificates to trust there.
pub struct SignIn {
    /// Address, role and password.
    pub config: Config,
    /// TLS, where the configuration asks for it.
    pub tls: ClientConfig,
}

/// A way to sign in to the database. There are several (a secret, a token of IAM, a URL), and none of them is this
/// crate's business.
pub trait ConnectionSource: Send + Sync {
    /// How to connect now.
    fn sign_in(&self) -> Pending<'_, Result<SignIn, DbError>>;

    /// How to connect after the server refused the password; none where no newer one can be had.
    fn sign_in_again(&self) -> Pending<'_, Option<Result<SignIn, DbError>>> {
        Box::pin(async { None })
    }
}

/// Opens a connection, and says what is announced on it.
///
/// # Errors
/// When the settings can't be had, or the server not be reached.
pub async fn connect(source: &dyn ConnectionSource) -> Result<(Client, Announced), DbError> {
    match open(source.sign_in().await?).await {
        Err(error) if error.is_bad_password() => match source.sign_in_again().await {
            Some(newer) => open(newer?).await,
            None => Err(error),
        },
        other => other,
    }
}

/// Opens one connection and leaves its task running for as long as it lives.
async fn open(SignIn { mut config, tls }: SignIn) -> Result<(Client, Announced), DbError> {
    config
        .application_name("berthcare")
        .connect_timeout(Duration::from_secs(3))
        .tcp_user_timeout(Duration::from_secs(5));
    let (client, mut task) = config.connect(MakeRustlsConnect::new(tls)).await.map_err(DbError::Connect)?;
    let announced = Announced::default();
    let noted = announced.clone();
    tokio::spawn(async move {
        while let Some(message) = poll_fn(|context| task.poll_message(context)).await {
            match message {
                // Taken before the answer to its statement is handed on.
                Ok(AsyncMessage::Notice(notice)) => noted.note(&notice),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the database connection ended");
                    break;
                }
            }
        }
    });
    Ok((client, announced))
}
