//! Access tokens: ES256 JSON Web Tokens (RFC 9068), good for 15 minutes, signed by `auth` alone and verified by
//! everybody.

use std::{
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use domain::{Error, identity::Role};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use runtime::secrets::{SecretError, SecretName, Secrets};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use domain::limits::ACCESS_TOKEN_SECONDS;
/// Whom the tokens are for.
pub const AUDIENCE: &str = "berthcare-api";
/// RFC 9068, section 2.1: no other kind of JWT can be passed off as an access token.
pub const TOKEN_TYPE: &str = "at+jwt";
/// RFC 8176: a one-time password was given.
const OTP: &str = "otp";
/// A key is published two hours before it signs, so that minutes don't matter.
const KEPT_FOR: Duration = Duration::from_mins(5);
/// Unknown key ids make the verifier look for new keys, but not more often than this.
const REFETCH_AFTER: Duration = Duration::from_secs(30);

/// The issuer: where `/.well-known/openid-configuration` is found.
#[must_use]
pub fn issuer(public_url: &str) -> String {
    format!("{public_url}/v1")
}

/// What an access token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// Who signed in (`sub`, RFC 7519).
    pub sub: Uuid,
    iat: i64,
    exp: i64,
    jti: Uuid,
    client_id: String,
    /// The session, which is also the family of refresh tokens.
    pub sid: Uuid,
    /// The device signed in on.
    pub device_id: Uuid,
    /// The user's agency.
    pub agency_id: Uuid,
    /// The role when the token was issued; the database refuses it once it has changed.
    pub role: Role,
    /// When the password was last given.
    pub auth_time: i64,
    /// How the user was authenticated (RFC 8176).
    pub amr: Vec<String>,
}

impl Claims {
    /// What a token says that is issued now.
    #[must_use]
    pub fn new(
        public_url: &str,
        (user_id, agency_id, role): (Uuid, Uuid, Role),
        (device_id, session_id): (Uuid, Uuid),
        (authenticated_at, second_factor): (Timestamp, bool),
    ) -> Self {
        let methods: &[&str] = if second_factor { &["pwd", OTP, "mfa"] } else { &["pwd"] };
        let now = Timestamp::now().as_second();
        Self {
            iss: issuer(public_url),
            aud: AUDIENCE.into(),
            sub: user_id,
            iat: now,
            exp: now + ACCESS_TOKEN_SECONDS,
            jti: Uuid::now_v7(),
            client_id: "berthcare".into(),
            sid: session_id,
            device_id,
            agency_id,
            role,
            auth_time: authenticated_at.as_second(),
            amr: methods.iter().map(ToString::to_string).collect(),
        }
    }

    /// Whether a second factor was proven.
    #[must_use]
    pub fn second_factor(&self) -> bool {
        self.amr.iter().any(|method| method == OTP)
    }
}

/// A key set, and when it was fetched.
type Fetched = (Instant, Arc<JwkSet>);

/// Verifies access tokens against the published keys.
#[derive(Clone)]
pub struct TokenVerifier {
    secrets: Secrets,
    issuer: String,
    keys: Arc<RwLock<Option<Fetched>>>,
}

impl TokenVerifier {
    /// A verifier for tokens issued at `public_url`.
    #[must_use]
    pub fn new(secrets: Secrets, public_url: &str) -> Self {
        Self { secrets, issuer: issuer(public_url), keys: Arc::default() }
    }

    /// Fetches the keys ahead of the first request; a failure is left to that.
    pub async fn warm_up(&self) {
        if let Err(error) = self.key_set(false).await {
            tracing::warn!(%error, "the public keys could not be read at start-up");
        }
    }

    /// The published keys: what `/.well-known/jwks.json` shows.
    pub async fn published_keys(&self) -> Result<Arc<JwkSet>, Error> {
        Ok(self.key_set(false).await?)
    }

    /// The claims of a token that is ours and still good.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for any other token, [`Error::Unavailable`] when the keys can't be had.
    pub async fn verify(&self, token: &str) -> Result<Claims, Error> {
        let header = decode_header(token).map_err(|_| Error::Unauthorized)?;
        // `jku`, `x5u` and `jwk` in the header are ignored: keys come from one place.
        let (Algorithm::ES256, Some(TOKEN_TYPE), Some(kid)) = (header.alg, header.typ.as_deref(), &header.kid) else {
            return Err(Error::Unauthorized);
        };
        // What a token declares critical must be understood, and we know no such extension (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(Error::Unauthorized);
        }
        let mut keys = self.key_set(false).await?;
        if keys.find(kid).is_none() {
            keys = self.key_set(true).await?;
        }
        let key = keys.find(kid).and_then(|jwk| DecodingKey::from_jwk(jwk).ok()).ok_or(Error::Unauthorized)?;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 5;
        decode::<Claims>(token, &key, &validation).map(|data| data.claims).map_err(|_| Error::Unauthorized)
    }

    async fn key_set(&self, looking_for_new: bool) -> Result<Arc<JwkSet>, SecretError> {
        let known = self.keys.read().ok().and_then(|keys| keys.clone());
        if let Some((fetched, keys)) = known {
            let fresh = if looking_for_new { REFETCH_AFTER } else { KEPT_FOR };
            if fetched.elapsed() < fresh {
                return Ok(keys);
            }
        }
        if looking_for_new {
            self.secrets.forget(SecretName::PublicKeys).await;
        }
        let keys = Arc::new(self.secrets.json::<JwkSet>(SecretName::PublicKeys).await?);
        if let Ok(mut kept) = self.keys.write() {
            *kept = Some((Instant::now(), Arc::clone(&keys)));
        }
        Ok(keys)
    }
}
