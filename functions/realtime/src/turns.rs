//! Whose turn it is to tell an agency's listeners. Of all invocations that come at once, one tells; the others leave
//! word, so that it looks again, a second after it began at the earliest. Nothing that was announced is lost between
//! the two: word is left before the turn is asked for, and the turn is given back only if no word came since.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;
use domain::error::Error;
use jiff::Timestamp;
use runtime::ephemeral::{
    Ephemeral,
    table::{Item, condition_failed, number, number_of, text, unavailable},
};
use uuid::Uuid;

/// A turn that wasn't given back, because its holder died, ends after this.
const LEASE_MS: i64 = 10_000;
/// Between the beginnings of two rounds.
const PACE_MS: i64 = 1000;
/// Word and turn are kept for so long after the last round, in seconds.
const KEPT_SECONDS: i64 = 24 * 60 * 60;

const TURN: &str = "TURN";

/// The turns of all agencies.
#[derive(Clone)]
pub struct Turns(pub Ephemeral);

/// A turn, held.
#[derive(Debug)]
pub struct Turn {
    agency: Uuid,
    /// How often word was left before it began.
    word: i64,
    /// When the last round began, in milliseconds since the epoch.
    began_ms: i64,
}

fn key_of(agency: Uuid) -> String {
    format!("TURN#{agency}")
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

impl Turns {
    fn update(&self, agency: Uuid) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        let Self(ephemeral) = self;
        let update = ephemeral.client.update_item().table_name(&*ephemeral.table);
        update.key("pk", text(key_of(agency))).key("sk", text(TURN)).return_values(ReturnValue::AllNew)
    }

    /// Leaves word, and takes the turn if nobody has it.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn take(&self, agency: Uuid) -> Result<Option<Turn>, Error> {
        let now = now_ms();
        self.update(agency)
            .update_expression("ADD word :one SET expires_at = :expires")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":expires", number(now / 1000 + KEPT_SECONDS))
            .send()
            .await
            .map_err(unavailable)?;
        let taken = self
            .update(agency)
            .update_expression("SET held_until = :until")
            .condition_expression("attribute_not_exists(held_until) OR held_until <= :now")
            .expression_attribute_values(":until", number(now + LEASE_MS))
            .expression_attribute_values(":now", number(now))
            .send()
            .await;
        match taken {
            Ok(taken) => Ok(taken.attributes.as_ref().map(|item| turn(agency, item))),
            Err(error) => condition_failed(error).map(|()| None),
        }
    }

    /// Waits until the next round may begin, and begins it: what was left word of until now is told by it.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn begin(&self, turn: &mut Turn) -> Result<(), Error> {
        let wait = turn.began_ms + PACE_MS - now_ms();
        if (1..=PACE_MS).contains(&wait) {
            tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
        }
        let now = now_ms();
        let begun = self
            .update(turn.agency)
            .update_expression("SET held_until = :until, began_ms = :now")
            .expression_attribute_values(":until", number(now + LEASE_MS))
            .expression_attribute_values(":now", number(now))
            .send()
            .await
            .map_err(unavailable)?;
        if let Some(item) = &begun.attributes {
            *turn = self::turn(turn.agency, item);
        }
        Ok(())
    }

    /// Gives the turn back, unless word was left since the round began. Answers whether it was given back.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn give_back(&self, turn: &Turn) -> Result<bool, Error> {
        let given = self
            .update(turn.agency)
            .update_expression("SET held_until = :now")
            .condition_expression("word = :word")
            .expression_attribute_values(":word", number(turn.word))
            .expression_attribute_values(":now", number(now_ms()))
            .send()
            .await;
        match given {
            Ok(_) => Ok(true),
            Err(error) => condition_failed(error).map(|()| false),
        }
    }

    /// Gives the turn back, whatever was left word of.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn give_up(&self, turn: &Turn) -> Result<(), Error> {
        self.update(turn.agency)
            .update_expression("SET held_until = :now")
            .expression_attribute_values(":now", number(now_ms()))
            .send()
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}

fn turn(agency: Uuid, item: &Item) -> Turn {
    let of = |name| number_of(item, name).unwrap_or_default();
    Turn { agency, word: of("word"), began_ms: of("began_ms") }
}
