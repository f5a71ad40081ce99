//! HTTP requests to providers: one client that keeps its connections, and the ways in which a request fails.

use std::time::Duration;

use domain::error::Error;
pub use reqwest::Client;
use reqwest::{Response, StatusCode};
use runtime::tls;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a whole request may take. Leases on what it sends are longer.
pub const REQUEST: Duration = Duration::from_secs(8);

/// Why a request is not known to have had its effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It had none, and never will.
    #[error("refused: {0}")]
    Refused(String),
    /// It had none, and may well another time.
    #[error("temporary failure: {0}")]
    NotNow(String),
    /// Nobody here can know: it may have had its effect, and only the answer was lost.
    #[error("unknown: {0}")]
    Unknown(String),
}

/// A client that keeps its connections open between requests.
///
/// # Errors
/// When TLS can't be set up, which only a wrong build can cause.
pub fn client() -> Result<Client, Error> {
    let tls = tls::client().map_err(|error| Error::Internal(error.into()))?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT)
        .timeout(REQUEST)
        // Below what servers keep idle connections for.
        .pool_idle_timeout(Duration::from_secs(20))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent("BerthCare")
        .build()
        .map_err(|error| Error::Internal(error.into()))
}

impl From<reqwest::Error> for SendError {
    fn from(error: reqwest::Error) -> Self {
        // The address may hold what is secret or personal.
        let error = error.without_url();
        let before_anything_was_sent = error.is_connect() || error.is_builder();
        let said = chain(&error);
        if before_anything_was_sent { Self::NotNow(said) } else { Self::Unknown(said) }
    }
}

/// The error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What an answer without the service's own words means.
pub(crate) fn of_status(status: StatusCode) -> SendError {
    let said = format!("HTTP {}", status.as_u16());
    match status {
        // A proxy's 500, 502 or 504: what is behind it may have done the work.
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => SendError::NotNow(said),
        status if status.is_client_error() => SendError::NotNow(said),
        _ => SendError::Unknown(said),
    }
}

/// The body as a `T`, and the status; what isn't a `T` is `None`.
pub(crate) async fn read<T: serde::de::DeserializeOwned>(
    answer: Response,
) -> Result<(StatusCode, Option<T>), SendError> {
    let status = answer.status();
    let body = answer.bytes().await?;
    Ok((status, serde_json::from_slice(&body).ok()))
}
