//! One-time codes, as sent by SMS: eight digits, hashed like passwords, good for a few tries and once. An invitation's
//! and a reset's don't replace each other.

use aws_lc_rs::rand;
use domain::error::Error;
use runtime::ephemeral::{
    Ephemeral,
    rate::Counted,
    table::{condition_failed, now, number, text, text_of, unavailable},
};
use uuid::Uuid;

use crate::{
    limits::CODE_TRIES,
    password::{hash_password, verify_password},
};

/// How often a code may be tried in all, from wherever; from one place five times ([`CODE_TRIES`]), so that a stranger
/// doesn't use up what is somebody else's.
const TRIES: i64 = 500;

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// The first password.
    Invitation,
    /// A new one, for a forgotten one.
    Reset,
    /// A new number.
    Phone,
}

impl CodeKind {
    fn sort_key(self) -> &'static str {
        match self {
            Self::Invitation => "CODE#INVITATION",
            Self::Reset => "CODE#RESET",
            Self::Phone => "CODE#PHONE",
        }
    }
}

/// A code that was right, and has yet to be used up.
#[derive(Debug)]
pub struct GoodCode {
    kind: CodeKind,
    user_id: Uuid,
    hash: String,
}

fn key_of(user_id: Uuid) -> String {
    format!("USER#{user_id}")
}

/// Eight random digits.
fn random_code() -> Result<String, Error> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| Error::Internal("no randomness".into()))?;
    // 2^64 is so much larger than 10^8 that the remainder's bias can't be seen.
    Ok(format!("{:08}", u64::from_be_bytes(bytes) % 100_000_000))
}

/// The table, for one-time codes.
#[derive(Clone)]
pub struct Codes(pub Ephemeral);

impl Codes {
    /// Makes a new code for a user, good for `seconds`; a former one of its kind ends.
    pub async fn issue(&self, kind: CodeKind, user_id: Uuid, seconds: i64) -> Result<String, Error> {
        let code = random_code()?;
        let hash = hash_password(code.clone()).await?;
        self.0
            .client
            .put_item()
            .table_name(&*self.0.table)
            .item("pk", text(key_of(user_id)))
            .item("sk", text(kind.sort_key()))
            .item("hash", text(hash))
            .item("tries_left", number(TRIES))
            .item("expires_at", number(now() + seconds))
            .send()
            .await
            .map_err(unavailable)?;
        Ok(code)
    }

    /// Tries a code from `place`. None where it is wrong, expired, used, or tried too often; for an unknown user
    /// (`None`) too, after the same work.
    pub async fn check(
        &self,
        kind: CodeKind,
        user_id: Option<Uuid>,
        place: &str,
        code: &str,
    ) -> Result<Option<GoodCode>, Error> {
        // An id that nobody has costs the same as one that somebody has.
        let user_id = user_id.unwrap_or_else(Uuid::now_v7);
        let hash = self.take_try(kind, user_id, place).await?;
        let good = verify_password(code.to_owned(), hash.clone()).await?;
        Ok(hash.filter(|_| good).map(|hash| GoodCode { kind, user_id, hash }))
    }

    /// Uses a code up. False where somebody else did a moment before.
    pub async fn spend(&self, code: &GoodCode) -> Result<bool, Error> {
        let spent = self
            .0
            .client
            .delete_item()
            .table_name(&*self.0.table)
            .key("pk", text(key_of(code.user_id)))
            .key("sk", text(code.kind.sort_key()))
            .condition_expression("#hash = :hash")
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_values(":hash", text(&code.hash))
            .send()
            .await;
        match spent {
            Ok(_) => Ok(true),
            Err(error) => condition_failed(error).map(|()| false),
        }
    }

    /// Ends a user's code of one kind, if there is one.
    pub async fn void(&self, kind: CodeKind, user_id: Uuid) -> Result<(), Error> {
        self.0.delete(&key_of(user_id), kind.sort_key()).await
    }

    /// Takes one of the tries, and answers the hash to compare with.
    async fn take_try(&self, kind: CodeKind, user_id: Uuid, place: &str) -> Result<Option<String>, Error> {
        let item = self.0.get(&key_of(user_id), kind.sort_key()).await?;
        let hash = item.and_then(|item| text_of(&item, "hash").map(ToOwned::to_owned)).unwrap_or_default();
        // Each code has a hash of its own, and so tries of its own.
        if self.0.count(CODE_TRIES, &format!("{user_id} {hash} {place}")).await? != Counted::Within {
            return Ok(None);
        }
        let taken = self
            .0
            .client
            .update_item()
            .table_name(&*self.0.table)
            .key("pk", text(key_of(user_id)))
            .key("sk", text(kind.sort_key()))
            .update_expression("ADD tries_left :less")
            .condition_expression("#hash = :hash AND tries_left > :none AND expires_at > :now")
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_values(":hash", text(&hash))
            .expression_attribute_values(":less", number(-1))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":now", number(now()))
            .send()
            .await;
        match taken {
            Ok(_) => Ok(Some(hash)),
            Err(error) => condition_failed(error).map(|()| None),
        }
    }
}
