//! Signing access tokens, which nobody else can.

use domain::Error;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use store::tables::users::OwnSession;
use uuid::Uuid;
use web::tokens::{Claims, TOKEN_TYPE};

/// What the secret `{env}/jwt-signing-key` holds.
#[derive(Clone, Deserialize)]
pub struct SigningKey {
    /// Names the public half in the key set.
    pub kid: String,
    /// PKCS #8, PEM.
    pub private_key: SecretString,
}

impl SigningKey {
    /// Signs a new access token.
    ///
    /// # Errors
    /// When the key is not a P-256 key.
    pub fn sign(
        &self,
        public_url: &str,
        session: &OwnSession,
        (device_id, session_id): (Uuid, Uuid),
    ) -> Result<String, Error> {
        let OwnSession { user, authenticated_at, second_factor } = session;
        let claims = Claims::new(
            public_url,
            (user.id, user.agency_id, user.role),
            (device_id, session_id),
            (*authenticated_at, *second_factor),
        );
        let header =
            Header { typ: Some(TOKEN_TYPE.into()), kid: Some(self.kid.clone()), ..Header::new(Algorithm::ES256) };
        EncodingKey::from_ec_pem(self.private_key.expose_secret().as_bytes())
            .and_then(|key| encode(&header, &claims, &key))
            // The cause could show the key.
            .map_err(|error| Error::Internal(format!("an access token could not be signed: {:?}", error.kind()).into()))
    }
}
