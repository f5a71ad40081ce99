use std::ops::Deref;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Role;
use crate::{error::Error, limits::STEP_UP_SECONDS, request::RequestInfo};

/// A signed-in user on a device, as a token proves. That the session still stands is for the database to say, when a
/// transaction sets the identity: a suspended user or revoked device gets no further than that.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who signed in.
    pub user_id: Uuid,
    /// The agency that the user belongs to.
    pub agency_id: Uuid,
    /// The user's role.
    pub role: Role,
    /// The phone or browser that the request comes from.
    pub device_id: Uuid,
    /// The session that the token was issued for.
    pub session_id: Uuid,
    /// When the password was last given.
    pub authenticated_at: Timestamp,
    /// Of which request; for the audit log.
    pub request: RequestInfo,
}

impl Caller {
    /// That the password was given a short while ago: asked before an account is moved or data is taken out.
    ///
    /// # Errors
    /// [`Error::StepUpRequired`].
    pub fn stepped_up(&self) -> Result<(), Error> {
        let since = Timestamp::now().duration_since(self.authenticated_at);
        if since <= SignedDuration::from_secs(STEP_UP_SECONDS) { Ok(()) } else { Err(Error::StepUpRequired) }
    }
}

/// A signed-in user who may lack the second factor that their role needs: all they reach is their own account.
#[derive(Clone, Debug)]
pub struct OwnAccount(pub Caller);

impl Deref for OwnAccount {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.0
    }
}

/// A session before its role is known, as a refresh token names it.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who signed in.
    pub user_id: Uuid,
    /// The phone or browser that the session is on.
    pub device_id: Uuid,
    /// Which session, of all that the device has had.
    pub session_id: Uuid,
    /// Of which request; for the audit log.
    pub request: RequestInfo,
}

impl From<&Caller> for Session {
    fn from(caller: &Caller) -> Self {
        let Caller { user_id, device_id, session_id, ref request, .. } = *caller;
        Self { user_id, device_id, session_id, request: request.clone() }
    }
}

/// A scheduled job or local tool, at work for one agency.
#[derive(Clone, Copy, Debug)]
pub struct JobIdentity {
    /// The agency that the job works for.
    pub agency_id: Uuid,
}

/// The function `auth` at work for one agency, for somebody who isn't signed in: sends codes, and makes a number count.
#[derive(Clone, Copy, Debug)]
pub struct AccountService {
    /// The agency.
    pub agency_id: Uuid,
}

/// The function `photos` at work for one agency: says what became of an upload.
#[derive(Clone, Copy, Debug)]
pub struct UploadReview {
    /// The agency.
    pub agency_id: Uuid,
}

/// Whoever runs the installation, at work on one agency or, to look for one, on none.
#[derive(Clone, Debug)]
pub struct Operator {
    /// The agency that is worked on.
    pub agency_id: Option<Uuid>,
    /// Of which invocation; for the audit log.
    pub request_id: String,
}

/// A provider's webhook, at work for one agency, with no more than a chain of calls and an inbound message need.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// What tells the agency.
    pub about: About,
    /// Of which request; for the audit log.
    pub request: RequestInfo,
}

/// By what a webhook's agency is known.
#[derive(Clone, Copy, Debug)]
pub enum About {
    /// A message of ours.
    Message(Uuid),
    /// The agency itself.
    Agency(Uuid),
}

impl Webhook {
    /// For the agency of this message of ours; where there is no such message, its transaction is refused with
    /// [`crate::Error::NotFound`].
    #[must_use]
    pub fn about_message(message_id: Uuid, request: RequestInfo) -> Self {
        Self { about: About::Message(message_id), request }
    }

    /// For the agency that the sender of an inbound message belongs to.
    #[must_use]
    pub fn of_agency(agency_id: Uuid, request: RequestInfo) -> Self {
        Self { about: About::Agency(agency_id), request }
    }
}
