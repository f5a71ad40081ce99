//! Refresh tokens: one family a session, rotating with each use (RFC 9700, section 4.14).
//!
//! A token names its family and carries 256 random bits; the table holds digests only. The last used token is good for
//! 30 seconds more on the same device, since its answer may have been lost: it then yields the same successor, which
//! is kept under a key derived from the token presented, so that the table alone gives nobody a session.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf, rand,
};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    error::Error,
    limits::{REFRESH_GRACE_MS, REFRESH_TOKEN_SECONDS},
};
use jiff::Timestamp;
use runtime::ephemeral::{
    Ephemeral,
    table::{Item, condition_failed, now, number, number_of, sha256, text, text_of, unavailable},
};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

const SECRET_BYTES: usize = 32;

/// A refresh token: user, session and secret.
#[derive(Clone)]
pub struct RefreshToken {
    /// The user who signed in.
    pub user_id: Uuid,
    /// The session, which is the family.
    pub session_id: Uuid,
    secret: [u8; SECRET_BYTES],
}

impl RefreshToken {
    fn new(user_id: Uuid, session_id: Uuid) -> Result<Self, Error> {
        let mut secret = [0; SECRET_BYTES];
        rand::fill(&mut secret).map_err(|_| no_randomness())?;
        Ok(Self { user_id, session_id, secret })
    }

    /// Reads what a client presents. None where it can't be one of ours.
    #[must_use]
    pub fn parse(text: &SecretString) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.expose_secret()).ok()?;
        let (user_id, rest) = bytes.split_first_chunk::<16>()?;
        let (session_id, secret) = rest.split_first_chunk::<16>()?;
        Some(Self {
            user_id: Uuid::from_bytes(*user_id),
            session_id: Uuid::from_bytes(*session_id),
            secret: secret.try_into().ok()?,
        })
    }

    /// What the client gets.
    #[must_use]
    pub fn into_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes())
    }

    fn bytes(&self) -> Vec<u8> {
        [&self.user_id.as_bytes()[..], &self.session_id.as_bytes()[..], &self.secret[..]].concat()
    }

    fn digest(&self) -> String {
        sha256(&self.bytes())
    }

    /// The key that this token alone can derive.
    fn key(&self) -> Result<LessSafeKey, Error> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, self.session_id.as_bytes());
        let derived = salt.extract(&self.secret);
        let material = derived.expand(&[b"berthcare refresh successor"], &AES_256_GCM).map_err(|_| no_randomness())?;
        Ok(LessSafeKey::new(UnboundKey::from(material)))
    }

    fn seal(&self, successor: &Self) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| no_randomness())?;
        let mut sealed = successor.secret.to_vec();
        self.key()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .map_err(|_| Error::Internal("sealing failed".into()))?;
        Ok([&nonce[..], &sealed].concat())
    }

    fn open(&self, sealed: &[u8]) -> Option<Self> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut rest = rest.to_vec();
        let secret = self.key().ok()?.open_in_place(Nonce::from(nonce), Aad::empty(), &mut rest).ok()?;
        Some(Self { secret: (&*secret).try_into().ok()?, ..*self })
    }
}

fn no_randomness() -> Error {
    Error::Internal("the cryptographic library failed".into())
}

/// What became of a presented token.
pub enum Rotation {
    /// The next token of the family: new, or the one whose answer was lost.
    Next(RefreshToken),
    /// A token that was used before, or on another device: the family is revoked.
    Reused,
    /// No such family, or none any more.
    Unknown,
}

fn pk(user_id: Uuid) -> String {
    format!("USER#{user_id}")
}

fn sk(session_id: Uuid) -> String {
    format!("SESSION#{session_id}")
}

/// The table, for refresh tokens.
#[derive(Clone)]
pub struct RefreshTokens(pub Ephemeral);

impl RefreshTokens {
    /// Starts a family, and answers its first token.
    pub async fn start_family(&self, user_id: Uuid, session_id: Uuid, device_id: Uuid) -> Result<RefreshToken, Error> {
        let token = RefreshToken::new(user_id, session_id)?;
        self.0
            .client
            .put_item()
            .table_name(&*self.0.table)
            .item("pk", text(pk(user_id)))
            .item("sk", text(sk(session_id)))
            .item("device_id", text(device_id.to_string()))
            .item("newest", text(token.digest()))
            .item("expires_at", number(now() + REFRESH_TOKEN_SECONDS))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await
            .map_err(unavailable)?;
        Ok(token)
    }

    /// Exchanges a token for the next one. Of several exchanges at once, one rotates and the others get its answer.
    pub async fn rotate(&self, presented: &RefreshToken, device_id: Uuid) -> Result<Rotation, Error> {
        let next = RefreshToken::new(presented.user_id, presented.session_id)?;
        let rotated = self
            .0
            .client
            .update_item()
            .table_name(&*self.0.table)
            .key("pk", text(pk(presented.user_id)))
            .key("sk", text(sk(presented.session_id)))
            .update_expression(
                "SET newest = :next, used = :presented, successor = :successor, rotated_at = :now_ms, \
                 expires_at = :expires",
            )
            .condition_expression("newest = :presented AND device_id = :device AND expires_at > :now")
            .expression_attribute_values(":next", text(next.digest()))
            .expression_attribute_values(":presented", text(presented.digest()))
            .expression_attribute_values(":successor", AttributeValue::B(Blob::new(presented.seal(&next)?)))
            .expression_attribute_values(":now_ms", number(Timestamp::now().as_millisecond()))
            .expression_attribute_values(":expires", number(now() + REFRESH_TOKEN_SECONDS))
            .expression_attribute_values(":device", text(device_id.to_string()))
            .expression_attribute_values(":now", number(now()))
            .send()
            .await;
        match rotated {
            Ok(_) => return Ok(Rotation::Next(next)),
            Err(error) => condition_failed(error)?,
        }
        let Some(family) = self.0.get(&pk(presented.user_id), &sk(presented.session_id)).await? else {
            return Ok(Rotation::Unknown);
        };
        if let Some(successor) = lost_answer(&family, presented, device_id) {
            return Ok(Rotation::Next(successor));
        }
        self.end_family(presented.user_id, presented.session_id).await?;
        Ok(Rotation::Reused)
    }

    /// Revokes a family.
    pub async fn end_family(&self, user_id: Uuid, session_id: Uuid) -> Result<(), Error> {
        self.0.delete(&pk(user_id), &sk(session_id)).await
    }
}

/// The successor of a token that was used a moment ago on the same device.
fn lost_answer(family: &Item, presented: &RefreshToken, device_id: Uuid) -> Option<RefreshToken> {
    let same_device = text_of(family, "device_id")? == device_id.to_string();
    let just_used = text_of(family, "used")? == presented.digest();
    let in_time = Timestamp::now().as_millisecond() - number_of(family, "rotated_at")? <= REFRESH_GRACE_MS;
    let sealed = family.get("successor")?.as_b().ok()?;
    (same_device && just_used && in_time).then(|| presented.open(sealed.as_ref())).flatten()
}
