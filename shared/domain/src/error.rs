//! Everything that can go wrong, as the domain sees it.
//!
//! Which one to use:
//!
//! - The caller isn't known: [`Error::Unauthorized`]; was known, but the session has ended: [`Error::SessionEnded`].
//! - The caller's role may never do this: [`Error::Forbidden`]. The record may exist but isn't the caller's to see:
//!   [`Error::NotFound`], since its existence is not told.
//! - The caller must prove more: [`Error::SecondFactorRequired`] at sign-in, [`Error::SecondFactorMissing`] where the
//!   session has none and the role needs it, [`Error::StepUpRequired`] where the password was given too long ago.
//! - The request says something wrong: [`Error::Invalid`], with every fault, not the first. One that can't be read at
//!   all is the border's to refuse (`web::Error`).
//! - What it refers to isn't there for it: [`Error::Unusable`].
//! - The request is fine and the world isn't as it supposes: [`Error::Conflict`]; as its `If-Match` says:
//!   [`Error::PreconditionFailed`].
//! - It would work a moment later: [`Error::Unavailable`]. A server error: [`Error::Internal`].
//!
//! What a client is told and what the log keeps are two things: causes are logged once, at the border
//! (`web::problem`), and never sent.

use std::fmt::Display;

use crate::limits::POINTER_TOLD;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A cause kept for the log.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// One thing wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(example = json!({"pointer": "#/scheduled_end", "detail": "must be later than scheduled_start"}))]
pub struct Fault {
    /// Where in the body: a JSON pointer as a URI fragment (RFC 6901, section 6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Which query, path or header parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What is wrong with it, and what would be right.
    pub detail: String,
}

impl Fault {
    /// A fault in the body; `pointer` is plain (`/address/city`), and escaped here for the fragment.
    #[must_use]
    pub fn body(pointer: &str, detail: impl Into<String>) -> Self {
        let pointer = shortened(format!("#{}", escape_fragment(shown(pointer))));
        Self { pointer: Some(pointer), parameter: None, detail: detail.into() }
    }

    /// A fault in a parameter.
    #[must_use]
    pub fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: Some(shown(name).to_owned()), detail: detail.into() }
    }
}

impl Fault {
    /// The same fault, of a part that stands at `pointer` in the whole body.
    #[must_use]
    pub fn below(mut self, pointer: &str) -> Self {
        self.pointer = self
            .pointer
            .map(|inner| shortened(format!("#{}{}", escape_fragment(shown(pointer)), inner.trim_start_matches('#'))));
        self
    }
}

/// As much of a name as a refusal repeats. It is cut before it is copied: a fault is made for each place, and where
/// each holds a name of the client's own making, a small body takes all the memory there is.
fn shown(name: &str) -> &str {
    name.char_indices().nth(POINTER_TOLD).map_or(name, |(end, _)| &name[..end])
}

/// The same of what is escaped, where no escape may be cut in two.
fn shortened(mut pointer: String) -> String {
    let kept = shown(&pointer).len();
    if kept < pointer.len() {
        let broken = pointer[..kept].rfind('%').filter(|at| kept - at < "%00".len());
        pointer.truncate(broken.unwrap_or(kept));
    }
    pointer
}

/// Percent-encodes what RFC 3986 (section 3.5) doesn't allow in a fragment.
fn escape_fragment(pointer: &str) -> impl Display + '_ {
    const FORBIDDEN: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'<')
        .add(b'>')
        .add(b'[')
        .add(b'\\')
        .add(b']')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}');
    utf8_percent_encode(pointer, FORBIDDEN)
}

/// Why a sound request can't be carried out on what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The id is taken by a record made from another body.
    IdTaken,
    /// Another user signs in with this address.
    EmailTaken,
    /// The caregiver is elsewhere at that time; the visit in the way.
    Overlap(Uuid),
    /// The visit can't go from its present status to the one asked for.
    VisitStatus {
        /// The status that it has.
        from: &'static str,
        /// The status that was asked for.
        to: &'static str,
    },
    /// The alert can't go from its present status to the one asked for.
    AlertStatus {
        /// The status that it has.
        from: &'static str,
        /// The status that was asked for.
        to: &'static str,
    },
    /// What a register of privacy holds can't go from its present state to the one asked for.
    RegisterState {
        /// The state that it has.
        from: &'static str,
        /// The state that was asked for.
        to: &'static str,
    },
    /// Somebody else has taken the alert.
    AlertTaken,
    /// A check-in or check-out was recorded before with other values.
    AlreadyRecorded,
    /// The person is on the care team already.
    AlreadyOnTeam,
    /// The client has a primary nurse already.
    PrimaryNurseTaken,
    /// The device is registered to someone else.
    DeviceTaken,
    /// The caller has asked for the same export, and waits for it.
    ExportUnderWay,
    /// The bytes that the record is of have not arrived.
    NotArrived,
    /// The record has neither of a conflict's two values any more.
    Overwritten,
    /// The client has withdrawn the consent that this needs; what is said of it.
    ConsentWithdrawn(&'static str),
    /// The record can't change any more: the visit is cancelled, the client has visits to come.
    Final(&'static str),
}

/// What a record refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A client of the agency.
    Client,
    /// A user of the agency.
    User,
    /// A device of the agency.
    Device,
    /// A coordinator of the agency.
    Coordinator,
    /// Whom or what a photo belongs to, whose record the caller writes.
    Owner,
    /// The document of the same client that a newer version takes the place of.
    FormerDocument,
}

/// What a handler or model may fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No token, or one that isn't ours.
    #[error("not signed in")]
    Unauthorized,
    /// A token that was good until its session ended.
    #[error("this session has ended")]
    SessionEnded,
    /// Address and password, or code, don't go together. Which of them was wrong is not told.
    #[error("wrong credentials")]
    BadCredentials,
    /// The password was right, and a second factor is asked for.
    #[error("a second factor is required")]
    SecondFactorRequired,
    /// The role needs a second factor, and this session wasn't proven by one.
    #[error("this session lacks a second factor")]
    SecondFactorMissing,
    /// The password was given too long ago for this.
    #[error("the password must be given again")]
    StepUpRequired,
    /// The device was cut off.
    #[error("this device was revoked")]
    DeviceRevoked,
    /// The role may not do this.
    #[error("not permitted")]
    Forbidden,
    /// No such thing, or none that the caller may know of.
    #[error("not found")]
    NotFound,
    /// Readable, and wrong in these places.
    #[error("invalid request")]
    Invalid(Vec<Fault>),
    /// What it refers to isn't there, or can't be referred to from here. The handler knows which field names it.
    #[error("the {0:?} that it refers to can't be used")]
    Unusable(Reference),
    /// Contradicts what is stored.
    #[error("conflict: {0:?}")]
    Conflict(Conflict),
    /// `If-Match` names an older version.
    #[error("the record has changed")]
    PreconditionFailed,
    /// Something that we stand on is not answering.
    #[error("temporarily unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// A fault of ours.
    #[error("internal error: {0}")]
    Internal(#[source] Cause),
}

impl From<Vec<Fault>> for Error {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Invalid(faults)
    }
}
