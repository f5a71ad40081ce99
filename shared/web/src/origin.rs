//! CloudFront as the only way in: it carries the firewall and the rate limits, so requests that go around it are
//! refused.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::Request;
use runtime::secrets::{SecretName, Secrets};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::Error;

/// What CloudFront adds to each request, and nobody else knows.
const SECRET: &str = "x-origin-secret";
/// Who asked CloudFront: address and port.
const VIEWER: &str = "cloudfront-viewer-address";

/// What the secret `{env}/origin` holds. Both are good: the functions learn of a new one before CloudFront sends it.
#[derive(Deserialize)]
struct Accepted {
    current: SecretString,
    previous: Option<SecretString>,
}

impl Accepted {
    fn contain(&self, sent: &[u8]) -> bool {
        let good = |secret: &SecretString| verify_slices_are_equal(secret.expose_secret().as_bytes(), sent).is_ok();
        // Both are looked at, whichever it is: the time taken tells nothing.
        good(&self.current) | self.previous.as_ref().is_some_and(good)
    }
}

/// Lets in what comes through CloudFront. Beside a request's extensions this guards every path, health too.
#[derive(Clone)]
pub struct Origin {
    secrets: Secrets,
}

impl Origin {
    /// The guard that knows the secret from `secrets`.
    #[must_use]
    pub fn new(secrets: Secrets) -> Self {
        Self { secrets }
    }

    /// Reads the secret ahead of the first request; a failure is left to that.
    pub async fn warm_up(&self) {
        if let Err(error) = self.secrets.json::<Accepted>(SecretName::Origin).await {
            tracing::warn!(%error, "the origin's secret could not be read at start-up");
        }
    }

    /// The address of who asked CloudFront.
    ///
    /// # Errors
    /// [`Error::WrongOrigin`] for a request that didn't come from there.
    pub(super) async fn admit(&self, request: &mut Request) -> Result<Option<IpAddr>, Error> {
        let sent = request.headers_mut().remove(SECRET).ok_or(Error::WrongOrigin)?;
        let accepted: Accepted = self.secrets.json(SecretName::Origin).await?;
        if !accepted.contain(sent.as_bytes()) {
            // It may have been rotated since it was read.
            let accepted: Accepted = self.secrets.newer_json(SecretName::Origin).await?;
            if !accepted.contain(sent.as_bytes()) {
                return Err(Error::WrongOrigin);
            }
        }
        Ok(request.headers().get(VIEWER).and_then(|value| value.to_str().ok()).and_then(address))
    }
}

/// `198.51.100.10:46532`, or IPv6 with brackets or without.
fn address(viewer: &str) -> Option<IpAddr> {
    if let Ok(socket) = viewer.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    let (address, _port) = viewer.rsplit_once(':')?;
    address.parse().ok()
}
