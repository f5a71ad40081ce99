//! How guessing, and asking for codes, is slowed down (docs/decisions/0023).
//!
//! Nothing here locks an account: what a stranger does at one place slows that place down for that account, and the
//! owner elsewhere notices nothing.

use domain::request::RequestInfo;
use runtime::ephemeral::rate::{Counted, Limit, Slowdown};
use serde_json::json;
use store::tables::accounts;
use uuid::Uuid;

use crate::Auth;

/// Guessing passwords from one place.
pub const LOGINS_PER_ADDRESS: Limit = Limit::per_minute("login-address", 60);
/// Asking for codes and trying them from one place.
pub const CODES_PER_ADDRESS: Limit = Limit::per_minute("code-address", 60);
/// Exchanging refresh tokens from one place: an office of many has one address.
pub const REFRESHES_PER_ADDRESS: Limit = Limit::per_minute("refresh-address", 600);
/// Exchanging one session's refresh tokens from one place: once in 15 minutes is what an app needs.
pub const REFRESHES_PER_SESSION: Limit = Limit::per_minute("refresh-session", 20);
/// Codes sent to one person, whoever asks; by account, and by number.
pub const CODES_SENT: Limit = Limit::per_day("codes-sent", 10);
/// Codes that one place may ask for one account, so that a stranger doesn't use the day's up.
pub const CODES_ASKED: Limit = Limit::per_day("codes-asked", 3);
/// Trying one code from one place.
pub const CODE_TRIES: Limit = Limit { name: "code-tries", count: 5, seconds: domain::limits::INVITATION_SECONDS };
/// Guessing one account's password or code from one place.
pub const GUESSES: Slowdown =
    Slowdown { name: "guess", free: 10, longest_wait: 15 * 60, forgotten_after: 24 * 60 * 60 };

/// Guessing the second factor of one account, from wherever: only who knows the password gets as far.
pub const FACTOR_GUESSES: Slowdown =
    Slowdown { name: "factor", free: 5, longest_wait: 15 * 60, forgotten_after: 24 * 60 * 60 };

/// Refusals about one account that go on record in an hour, by kind.
const REFUSALS_OF_ACCOUNT: Limit = Limit::per_hour("refusals-account", 20);
/// Those about addresses that nobody has.
const REFUSALS_OF_NOBODY: Limit = Limit::per_hour("refusals-nobody", 200);

/// An account at a place: both together are what is slowed down.
pub fn account_at(account: &str, request: &RequestInfo) -> String {
    format!("{} {}", account.to_lowercase(), request.source_network())
}

fn within(counted: Counted) -> web::Result<()> {
    match counted {
        Counted::Within => Ok(()),
        Counted::Exceeded { wait_seconds } => Err(web::Error::TooManyRequests(wait_seconds)),
    }
}

impl Auth {
    /// Counts one attempt by `whom`.
    ///
    /// # Errors
    /// [`web::Error::TooManyRequests`] once there were too many.
    pub(crate) async fn limit(&self, limit: Limit, whom: &str) -> web::Result<()> {
        within(self.ephemeral.count(limit, whom).await?)
    }

    /// Takes one attempt at guessing by `whom`.
    ///
    /// # Errors
    /// [`web::Error::TooManyRequests`] where it comes too early after the last one.
    pub(crate) async fn slow_down(&self, whom: &str) -> web::Result<()> {
        within(self.ephemeral.attempt(GUESSES, whom).await?)
    }

    /// Forgets the attempts of somebody who knew the secret.
    pub(crate) async fn forgive(&self, whom: &str) -> web::Result<()> {
        Ok(self.ephemeral.forgive(GUESSES, whom).await?)
    }

    /// Takes one attempt at a user's second factor.
    ///
    /// # Errors
    /// [`web::Error::TooManyRequests`] where it comes too early after the last one.
    pub(crate) async fn slow_down_factor(&self, user_id: Uuid) -> web::Result<()> {
        within(self.ephemeral.attempt(FACTOR_GUESSES, &user_id.to_string()).await?)
    }

    /// Forgets the attempts of somebody who has proven it.
    pub(crate) async fn forgive_factor(&self, user_id: Uuid) -> web::Result<()> {
        Ok(self.ephemeral.forgive(FACTOR_GUESSES, &user_id.to_string()).await?)
    }

    /// Counts a code that is about to be sent.
    ///
    /// # Errors
    /// [`web::Error::TooManyRequests`] once the account or the number got ten today.
    pub(crate) async fn count_code(&self, account: &str, phone: &str) -> web::Result<()> {
        self.limit(CODES_SENT, &format!("account {}", account.to_lowercase())).await?;
        self.limit(CODES_SENT, &format!("number {phone}")).await
    }

    /// Puts a refusal on record, unless there were so many that they would only fill the log.
    pub(crate) async fn record_refusal(
        &self,
        action: &str,
        user_id: Option<Uuid>,
        request: &RequestInfo,
    ) -> web::Result<()> {
        let (limit, whom) = match user_id {
            Some(id) => (REFUSALS_OF_ACCOUNT, format!("{action} {id}")),
            None => (REFUSALS_OF_NOBODY, action.to_owned()),
        };
        if self.ephemeral.count(limit, &whom).await? == Counted::Within {
            accounts::record_event(&self.app.db, action, user_id, json!({}), request).await?;
        }
        Ok(())
    }
}
