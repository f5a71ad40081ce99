//! Refresh tokens: one family a session, rotating with each use (RFC 9700, section 4.14).
//!
//! A token names its family and carries two secrets: the family's, which each of its tokens has, and 256 bits of its
//! own. The table holds digests only. What doesn't have the family's secret is nobody's token and changes nothing. A
//! used one is good for two minutes more on the same device, since its answer may have been lost: it then yields the
//! same successor, which is kept under a key derived from the token presented, so that the table alone gives nobody a
//! session. The last four are kept: a phone on a bad link may ask late, when the next exchange is over already
//! (docs/decisions/0023).

use aws_lc_rs::{
    aead::{AES_256_GCM, LessSafeKey, UnboundKey},
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

use crate::encryption::{failed, open, seal};

const SECRET_BYTES: usize = 32;
const FAMILY_SECRET_BYTES: usize = 16;

/// Where the last used tokens stand in an item, the newest first.
const USED: [&str; 4] = ["used_1", "used_2", "used_3", "used_4"];

/// A refresh token: user, session and secrets.
#[derive(Clone)]
pub struct RefreshToken {
    /// The user who signed in.
    pub user_id: Uuid,
    /// The session, which is the family.
    pub session_id: Uuid,
    family_secret: [u8; FAMILY_SECRET_BYTES],
    secret: [u8; SECRET_BYTES],
}

impl RefreshToken {
    /// The first of a new family.
    fn first(user_id: Uuid, session_id: Uuid) -> Result<Self, Error> {
        let mut family_secret = [0; FAMILY_SECRET_BYTES];
        rand::fill(&mut family_secret).map_err(|_| failed())?;
        Self { user_id, session_id, family_secret, secret: [0; SECRET_BYTES] }.next()
    }

    /// Another of the same family.
    fn next(&self) -> Result<Self, Error> {
        let mut next = self.clone();
        rand::fill(&mut next.secret).map_err(|_| failed())?;
        Ok(next)
    }

    /// Reads what a client presents. None where it can't be one of ours.
    #[must_use]
    pub fn parse(text: &SecretString) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.expose_secret()).ok()?;
        let (user_id, rest) = bytes.split_first_chunk::<16>()?;
        let (session_id, rest) = rest.split_first_chunk::<16>()?;
        let (family_secret, secret) = rest.split_first_chunk::<FAMILY_SECRET_BYTES>()?;
        Some(Self {
            user_id: Uuid::from_bytes(*user_id),
            session_id: Uuid::from_bytes(*session_id),
            family_secret: *family_secret,
            secret: secret.try_into().ok()?,
        })
    }

    /// What the client gets.
    #[must_use]
    pub fn into_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes())
    }

    fn bytes(&self) -> Vec<u8> {
        [&self.user_id.as_bytes()[..], &self.session_id.as_bytes()[..], &self.family_secret, &self.secret].concat()
    }

    fn digest(&self) -> String {
        sha256(&self.bytes())
    }

    fn family_digest(&self) -> String {
        sha256(&[&self.session_id.as_bytes()[..], &self.family_secret].concat())
    }

    /// The key that this token alone can derive.
    fn key(&self) -> Result<LessSafeKey, Error> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, self.session_id.as_bytes());
        let derived = salt.extract(&self.secret);
        let material = derived.expand(&[b"berthcare refresh successor"], &AES_256_GCM).map_err(|_| failed())?;
        Ok(LessSafeKey::new(UnboundKey::from(material)))
    }

    fn seal(&self, successor: &Self) -> Result<Vec<u8>, Error> {
        seal(&self.key()?, &[], &successor.secret)
    }

    fn open(&self, sealed: &[u8]) -> Option<Self> {
        let secret = open(&self.key().ok()?, &[], sealed)?;
        Some(Self { secret: secret.try_into().ok()?, ..*self })
    }
}

/// What became of a presented token.
pub enum Rotation {
    /// The next token of the family: new, or the one whose answer was lost.
    Next(RefreshToken),
    /// A token that was used before, or on another device: the family is revoked.
    Reused,
    /// None of the family's, or there is no such family any more.
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
        let token = RefreshToken::first(user_id, session_id)?;
        let start = self
            .0
            .client
            .put_item()
            .table_name(&*self.0.table)
            .item("pk", text(pk(user_id)))
            .item("sk", text(sk(session_id)))
            .item("device_id", text(device_id.to_string()))
            .item("family", text(token.family_digest()))
            .item("newest", text(token.digest()))
            .item("expires_at", number(now() + REFRESH_TOKEN_SECONDS))
            .condition_expression("attribute_not_exists(pk)");
        let nothing = AttributeValue::M(Item::new());
        let start = USED.iter().fold(start, |start, slot| start.item(*slot, nothing.clone()));
        start.send().await.map_err(unavailable)?;
        Ok(token)
    }

    /// Exchanges a token for the next one. Of several exchanges at once, one rotates and the others get its answer.
    pub async fn rotate(&self, presented: &RefreshToken, device_id: Uuid) -> Result<Rotation, Error> {
        let next = presented.next()?;
        let used = Item::from([
            ("digest".into(), text(presented.digest())),
            ("successor".into(), AttributeValue::B(Blob::new(presented.seal(&next)?))),
            ("used_at".into(), number(Timestamp::now().as_millisecond())),
        ]);
        let rotated = self
            .0
            .client
            .update_item()
            .table_name(&*self.0.table)
            .key("pk", text(pk(presented.user_id)))
            .key("sk", text(sk(presented.session_id)))
            .update_expression(
                "SET newest = :next, used_4 = used_3, used_3 = used_2, used_2 = used_1, used_1 = :used, \
                 expires_at = :expires",
            )
            .condition_expression("newest = :presented AND device_id = :device AND expires_at > :now")
            .expression_attribute_values(":next", text(next.digest()))
            .expression_attribute_values(":presented", text(presented.digest()))
            .expression_attribute_values(":used", AttributeValue::M(used))
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
        if text_of(&family, "family") != Some(presented.family_digest().as_str()) {
            return Ok(Rotation::Unknown);
        }
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
    if !same_device {
        return None;
    }
    let digest = presented.digest();
    let used = |slot: &&str| family.get(*slot)?.as_m().ok().filter(|used| text_of(used, "digest") == Some(&digest));
    let used = USED.iter().find_map(used)?;
    let in_time = Timestamp::now().as_millisecond() - number_of(used, "used_at")? <= REFRESH_GRACE_MS;
    let sealed = used.get("successor")?.as_b().ok()?;
    in_time.then(|| presented.open(sealed.as_ref())).flatten()
}
