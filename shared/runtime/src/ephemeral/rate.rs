//! Counting attempts: so many in a window, or slower and slower.

use domain::error::Error;

use super::table::{Ephemeral, condition_failed, now, number, number_of, sha256, text};

/// How many attempts a window takes.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Its name in the key.
    pub name: &'static str,
    /// How many attempts a window takes.
    pub count: i64,
    /// How long a window is.
    pub seconds: i64,
}

impl Limit {
    /// So many a minute.
    #[must_use]
    pub const fn per_minute(name: &'static str, count: i64) -> Self {
        Self { name, count, seconds: 60 }
    }

    /// So many an hour.
    #[must_use]
    pub const fn per_hour(name: &'static str, count: i64) -> Self {
        Self { name, count, seconds: 60 * 60 }
    }

    /// So many a day.
    #[must_use]
    pub const fn per_day(name: &'static str, count: i64) -> Self {
        Self { name, count, seconds: 24 * 60 * 60 }
    }
}

/// Attempts that get slower and slower: some are free, and each after those must wait twice as long as the one before.
#[derive(Clone, Copy, Debug)]
pub struct Slowdown {
    /// Its name in the key.
    pub name: &'static str,
    /// How many attempts don't wait.
    pub free: i64,
    /// The longest wait, in seconds.
    pub longest_wait: i64,
    /// How long after the last attempt all is forgotten, in seconds.
    pub forgotten_after: i64,
}

impl Slowdown {
    /// How long the next attempt must wait after so many.
    #[must_use]
    pub fn wait_after(&self, attempts: i64) -> i64 {
        match attempts.saturating_sub(self.free) {
            ..0 => 0,
            doublings => (1_i64 << doublings.min(32)).min(self.longest_wait),
        }
    }
}

/// What counting came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Counted {
    /// There was room.
    Within,
    /// There was none.
    Exceeded {
        /// Seconds until there is.
        wait_seconds: u32,
    },
}

impl Counted {
    fn wait(seconds: i64) -> Self {
        Self::Exceeded { wait_seconds: u32::try_from(seconds).unwrap_or(u32::MAX).max(1) }
    }
}

/// How often a slowed-down attempt is tried again when others of its kind come at the same moment.
const RACES: usize = 16;

impl Ephemeral {
    /// Counts one attempt by `whom`; an address or account, of which only a digest is kept.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn count(&self, limit: Limit, whom: &str) -> Result<Counted, Error> {
        let now = now();
        let window = now / limit.seconds;
        let counted = self
            .client
            .update_item()
            .table_name(&*self.table)
            .key("pk", text(format!("RATE#{}#{}", limit.name, sha256(whom.as_bytes()))))
            .key("sk", text(window.to_string()))
            .update_expression("ADD hits :one SET expires_at = :expires")
            .condition_expression("attribute_not_exists(hits) OR hits < :limit")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(limit.count))
            .expression_attribute_values(":expires", number((window + 2) * limit.seconds))
            .send()
            .await;
        match counted {
            Ok(_) => Ok(Counted::Within),
            Err(error) => {
                condition_failed(error)?;
                Ok(Counted::wait((window + 1) * limit.seconds - now))
            }
        }
    }

    /// Takes one attempt by `whom`, before it is known whether it succeeds, so that attempts at once are no way around
    /// the wait.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn attempt(&self, slowdown: Slowdown, whom: &str) -> Result<Counted, Error> {
        let pk = slow_key(slowdown, whom);
        for _ in 0..RACES {
            let now = now();
            let before = self.get(&pk, SLOW).await?;
            let attempts = before.as_ref().and_then(|item| number_of(item, "attempts"));
            let not_before = before.as_ref().and_then(|item| number_of(item, "not_before")).unwrap_or_default();
            if not_before > now {
                return Ok(Counted::wait(not_before - now));
            }
            let next = attempts.unwrap_or_default() + 1;
            let mut update = self
                .client
                .update_item()
                .table_name(&*self.table)
                .key("pk", text(&pk))
                .key("sk", text(SLOW))
                .update_expression("SET attempts = :next, not_before = :not_before, expires_at = :expires")
                .expression_attribute_values(":next", number(next))
                .expression_attribute_values(":not_before", number(now + slowdown.wait_after(next)))
                .expression_attribute_values(":expires", number(now + slowdown.forgotten_after));
            update = match attempts {
                Some(seen) => {
                    update.condition_expression("attempts = :seen").expression_attribute_values(":seen", number(seen))
                }
                None => update
                    .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
                    .expression_attribute_values(":now", number(now)),
            };
            match update.send().await {
                Ok(_) => return Ok(Counted::Within),
                Err(error) => condition_failed(error)?,
            }
        }
        Ok(Counted::wait(1))
    }

    /// Forgets the attempts of somebody who has succeeded.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn forgive(&self, slowdown: Slowdown, whom: &str) -> Result<(), Error> {
        self.delete(&slow_key(slowdown, whom), SLOW).await
    }
}

const SLOW: &str = "SLOW";

fn slow_key(slowdown: Slowdown, whom: &str) -> String {
    format!("SLOW#{}#{}", slowdown.name, sha256(whom.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_after_the_free_ones_waits_twice_as_long_up_to_the_longest() {
        let slowdown = Slowdown { name: "test", free: 3, longest_wait: 10, forgotten_after: 60 };
        let waits: Vec<_> = (1..=8).map(|attempts| slowdown.wait_after(attempts)).collect();
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 10, 10]);
        assert_eq!(slowdown.wait_after(i64::MAX), 10);
    }
}
