//! What a handler may fail with: what the domain knows, and what only HTTP does.
//!
//! Which one to use: a request that can't be read at all is [`Error::Malformed`], or whichever of HTTP's own says it
//! better; for everything else see [`domain::error`].

use domain::{Fault, Reference};

/// An answer that is none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error of the domain.
    #[error(transparent)]
    Domain(domain::Error),
    /// It didn't come through CloudFront.
    #[error("not sent to the public address")]
    WrongOrigin,
    /// The path is there, the method is not.
    #[error("no such method")]
    MethodNotAllowed,
    /// Not readable as what it should be.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// The body is larger than this path takes, in bytes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// What was asked for is more than an answer holds.
    #[error("the answer would be too large")]
    AnswerTooLarge,
    /// What is asked for reaches back beyond what is kept.
    #[error("this reaches back too far")]
    StartAgain,
    /// The body's media type is not one this path takes.
    #[error("the body must be {0}")]
    UnsupportedMediaType(&'static str),
    /// More alerts than a person could mean; how many seconds to wait.
    #[error("too many alerts")]
    TooManyAlerts(u32),
    /// Too many attempts; how many seconds to wait.
    #[error("too many attempts")]
    TooManyRequests(u32),
}

/// What a handler answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Says which field of the body names what can't be referred to.
pub trait ReferenceExt<T> {
    /// Where `reference` is what can't be used, answers `fault` instead.
    ///
    /// # Errors
    /// As before, or the fault.
    fn on_reference(self, reference: Reference, fault: impl FnOnce() -> Fault)
    -> std::result::Result<T, domain::Error>;
}

impl<T> ReferenceExt<T> for std::result::Result<T, domain::Error> {
    fn on_reference(self, reference: Reference, fault: impl FnOnce() -> Fault) -> Self {
        self.map_err(|error| match error {
            domain::Error::Unusable(unusable) if unusable == reference => vec![fault()].into(),
            other => other,
        })
    }
}

/// Whatever the domain understands: errors of the database and of secrets, faults.
impl<E: Into<domain::Error>> From<E> for Error {
    fn from(error: E) -> Self {
        Self::Domain(error.into())
    }
}
