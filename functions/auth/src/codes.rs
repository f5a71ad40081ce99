//! One-time codes, as sent by SMS: eight digits, hashed like passwords, good for a few tries and once.

use aws_lc_rs::rand;
use domain::error::Error;
use runtime::ephemeral::{
    Ephemeral,
    table::{condition_failed, now, number, text, text_of, unavailable},
};
use uuid::Uuid;

use crate::password::{hash_password, verify_password};

/// How often a code may be tried.
const TRIES: i64 = 5;
const SORT_KEY: &str = "CODE";

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
    /// Makes a new code for a user, good for `seconds`; a former one ends.
    pub async fn issue_code(&self, user_id: Uuid, seconds: i64) -> Result<String, Error> {
        let code = random_code()?;
        let hash = hash_password(code.clone()).await?;
        self.0
            .client
            .put_item()
            .table_name(&*self.0.table)
            .item("pk", text(key_of(user_id)))
            .item("sk", text(SORT_KEY))
            .item("hash", text(hash))
            .item("tries_left", number(TRIES))
            .item("expires_at", number(now() + seconds))
            .send()
            .await
            .map_err(unavailable)?;
        Ok(code)
    }

    /// Uses a code up. False where it is wrong, expired, used, or tried too often; for an unknown user (`None`) too,
    /// after the same work.
    pub async fn use_code(&self, user_id: Option<Uuid>, code: String) -> Result<bool, Error> {
        // An id that nobody has costs the same as one that somebody has.
        let user_id = user_id.unwrap_or_else(Uuid::now_v7);
        let hash = self.use_attempt(user_id).await?;
        if !verify_password(code, hash.clone()).await? {
            return Ok(false);
        }
        let spent = self
            .0
            .client
            .delete_item()
            .table_name(&*self.0.table)
            .key("pk", text(key_of(user_id)))
            .key("sk", text(SORT_KEY))
            .condition_expression("#hash = :hash")
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_values(":hash", text(hash.unwrap_or_default()))
            .send()
            .await;
        match spent {
            Ok(_) => Ok(true),
            Err(error) => condition_failed(error).map(|()| false),
        }
    }

    /// Takes one of the tries, and answers the hash to compare with.
    async fn use_attempt(&self, user_id: Uuid) -> Result<Option<String>, Error> {
        let taken = self
            .0
            .client
            .update_item()
            .table_name(&*self.0.table)
            .key("pk", text(key_of(user_id)))
            .key("sk", text(SORT_KEY))
            .update_expression("ADD tries_left :less")
            .condition_expression("tries_left > :none AND expires_at > :now")
            .expression_attribute_values(":less", number(-1))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":now", number(now()))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew)
            .send()
            .await;
        match taken {
            Ok(answer) => Ok(answer.attributes.and_then(|item| text_of(&item, "hash").map(ToOwned::to_owned))),
            Err(error) => condition_failed(error).map(|()| None),
        }
    }
}
