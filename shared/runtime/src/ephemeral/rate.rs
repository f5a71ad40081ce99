//! Counting attempts in windows of one minute.

use domain::error::Error;

use super::table::{Ephemeral, condition_failed, now, number, sha256, text};

const WINDOW_SECONDS: i64 = 60;

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Its name in the key.
    pub name: &'static str,
    /// How many attempts a window takes.
    pub per_minute: i64,
}

/// What counting came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Counted {
    /// There was room in the window.
    Within,
    /// The window is full.
    Exceeded {
        /// Seconds until the next one.
        wait_seconds: u32,
    },
}

impl Ephemeral {
    /// Counts one attempt by `whom`; an address or account, of which only a digest is kept.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn count(&self, limit: Limit, whom: &str) -> Result<Counted, Error> {
        let now = now();
        let window = now / WINDOW_SECONDS;
        let counted = self
            .client
            .update_item()
            .table_name(&*self.table)
            .key("pk", text(format!("RATE#{}#{}", limit.name, sha256(whom.as_bytes()))))
            .key("sk", text(window.to_string()))
            .update_expression("ADD hits :one SET expires_at = :expires")
            .condition_expression("attribute_not_exists(hits) OR hits < :limit")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(limit.per_minute))
            .expression_attribute_values(":expires", number((window + 2) * WINDOW_SECONDS))
            .send()
            .await;
        match counted {
            Ok(_) => Ok(Counted::Within),
            Err(error) => {
                condition_failed(error)?;
                let left = (window + 1) * WINDOW_SECONDS - now;
                Ok(Counted::Exceeded { wait_seconds: u32::try_from(left).unwrap_or(60).max(1) })
            }
        }
    }
}
