use domain::{
    consent::withdrawn,
    error::{Conflict, Error},
};
use tokio_postgres::error::SqlState;

/// Raised by `app.assert_unchanged`.
const STALE: &str = "BC409";

/// A statement or connection that failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A statement failed, or the connection under it.
    #[error("database: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    /// No connection could be opened.
    #[error("database connection: {0}")]
    Connect(#[source] tokio_postgres::Error),
    /// The credentials could not be had.
    #[error("database settings: {0}")]
    Settings(String),
}

impl DbError {
    fn state(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) | Self::Connect(error) => error.code(),
            Self::Settings(_) => None,
        }
    }

    /// Whether an open connection turned out to be gone, so that a read may be tried again on a new one.
    #[must_use]
    pub fn is_connection_lost(&self) -> bool {
        let Self::Postgres(error) = self else { return false };
        match error.code() {
            Some(state) => matches!(
                *state,
                SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            ),
            None => {
                error.is_closed()
                    || std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
            }
        }
    }

    /// Whether the server refused the password, as it does after a rotation.
    #[must_use]
    pub fn is_bad_password(&self) -> bool {
        matches!(self.state(), Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION))
    }

    /// Whether the statement failed for what it was to write (SQLSTATE classes 22 and 23, a policy of row-level
    /// security, an exception of a trigger), so that another row might pass.
    #[must_use]
    pub fn is_about_the_data(&self) -> bool {
        self.state().is_some_and(|state| {
            state.code().starts_with("22")
                || state.code().starts_with("23")
                || matches!(*state, SqlState::INSUFFICIENT_PRIVILEGE | SqlState::RAISE_EXCEPTION)
        })
    }

    /// Whether the database found that what a decision was made on has changed since: whoever decided looks again.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.state().is_some_and(|state| state.code() == STALE)
    }

    /// What was broken, without a word of what was written: the constraint's name, or else the SQLSTATE.
    #[must_use]
    pub fn rule(&self) -> &str {
        self.constraint().or_else(|| self.state().map(SqlState::code)).unwrap_or("unknown")
    }

    /// The name of the constraint that was violated.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Postgres(error) => error.as_db_error().and_then(tokio_postgres::error::DbError::constraint),
            _ => None,
        }
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        // Raised by app.act_as.
        const SESSION_ENDED: &str = "BC401";
        // Raised by app.act_as.
        const SECOND_FACTOR_MISSING: &str = "BC403";
        // Raised by app.act_as_webhook.
        const NO_SUCH_MESSAGE: &str = "BC404";
        if error.is_connection_lost() || matches!(error, DbError::Connect(_) | DbError::Settings(_)) {
            return Self::Unavailable(Box::new(error));
        }
        match error.state() {
            Some(state) if state.code() == SESSION_ENDED => Self::SessionEnded,
            Some(state) if state.code() == SECOND_FACTOR_MISSING => Self::SecondFactorMissing,
            Some(state) if state.code() == NO_SUCH_MESSAGE => Self::NotFound,
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Self::Forbidden,
            // Ids are the clients' to make, and the record that has this one may not be theirs to see.
            Some(&SqlState::UNIQUE_VIOLATION) if error.constraint().is_some_and(|name| name.ends_with("_pkey")) => {
                Self::Conflict(Conflict::IdTaken)
            }
            Some(state) if passes_by_itself(state) => Self::Unavailable(Box::new(error)),
            _ => match withdrawn(error.rule()) {
                Some(why) => Self::Conflict(Conflict::ConsentWithdrawn(why)),
                None => Self::Internal(Box::new(error)),
            },
        }
    }
}

/// Whether the same request may well succeed a moment later.
fn passes_by_itself(state: &SqlState) -> bool {
    // Class 57P: operator intervention, as a restart; class 53: out of resources.
    state.code().starts_with("57P")
        || state.code().starts_with("53")
        // Decided anew as often as is reasonable, and each time somebody was faster.
        || state.code() == STALE
        || matches!(
            *state,
            SqlState::QUERY_CANCELED
                | SqlState::LOCK_NOT_AVAILABLE
                | SqlState::T_R_DEADLOCK_DETECTED
                | SqlState::T_R_SERIALIZATION_FAILURE
        )
}

/// Says what a violated constraint means.
pub trait ConstraintExt<T> {
    /// Where `name` is what the statement violated, answers `meaning` instead.
    fn on_constraint(self, name: &str, meaning: impl FnOnce() -> Error) -> Result<T, Error>;
}

impl<T, E: Into<Error>> ConstraintExt<T> for Result<T, E> {
    fn on_constraint(self, name: &str, meaning: impl FnOnce() -> Error) -> Result<T, Error> {
        self.map_err(Into::into).map_err(|error| match error {
            Error::Internal(cause) if cause.downcast_ref::<DbError>().and_then(DbError::constraint) == Some(name) => {
                meaning()
            }
            other => other,
        })
    }
}
