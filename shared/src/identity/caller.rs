use std::{marker::PhantomData, ops::Deref};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{header::AUTHORIZATION, request::Parts},
};
use uuid::Uuid;

use super::{Permission, Role};
use crate::{
    app::App,
    db::{Connection, DbError, Identity},
    error::Error,
    http::request_info,
    request::RequestInfo,
};

/// A signed-in user on a device, as a token proves. That the session still stands is for the database to say, when
/// [`Identity::take_on`] runs: a suspended user or revoked device gets no further than that.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub user_id: Uuid,
    /// In which agency.
    pub agency_id: Uuid,
    /// As what.
    pub role: Role,
    /// On which device.
    pub device_id: Uuid,
    /// In which session.
    pub session_id: Uuid,
    /// Of which request; for the audit log.
    pub request: RequestInfo,
}

impl Identity for Caller {
    async fn take_on(&self, connection: &Connection) -> Result<(), DbError> {
        let session = (self.user_id, self.device_id, self.session_id);
        act_as(connection, session, Some(self.role), &self.request).await
    }
}

/// A session before its role is known, as a refresh token names it.
#[derive(Clone, Debug)]
pub struct Session {
    /// Whose.
    pub user_id: Uuid,
    /// On which device.
    pub device_id: Uuid,
    /// Which.
    pub session_id: Uuid,
    /// Of which request; for the audit log.
    pub request: RequestInfo,
}

impl Identity for Session {
    async fn take_on(&self, connection: &Connection) -> Result<(), DbError> {
        act_as(connection, (self.user_id, self.device_id, self.session_id), None, &self.request).await
    }
}

async fn act_as(
    connection: &Connection,
    (user_id, device_id, session_id): (Uuid, Uuid, Uuid),
    role: Option<Role>,
    request: &RequestInfo,
) -> Result<(), DbError> {
    connection
        .execute(
            "select app.act_as($1, $2, $3, $4, $5, $6)",
            &[&user_id, &device_id, &session_id, &role, &request.id, &request.source_ip],
        )
        .await
}

/// A scheduled job or local tool, at work for one agency.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// Which agency.
    pub agency_id: Uuid,
}

impl Identity for Job {
    async fn take_on(&self, connection: &Connection) -> Result<(), DbError> {
        connection.execute("select app.act_as_job($1)", &[&self.agency_id]).await
    }
}

/// A provider's webhook, at work for one agency, with no more than a chain of calls and an inbound message need.
#[derive(Clone, Debug)]
pub struct Webhook {
    about: About,
    request: RequestInfo,
}

#[derive(Clone, Copy, Debug)]
enum About {
    Message(Uuid),
    Agency(Uuid),
}

impl Webhook {
    /// For the agency of this message of ours; where there is no such message, its transaction is refused with
    /// [`Error::NotFound`].
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

impl Identity for Webhook {
    async fn take_on(&self, connection: &Connection) -> Result<(), DbError> {
        let (message, agency) = match self.about {
            About::Message(id) => (Some(id), None),
            About::Agency(id) => (None, Some(id)),
        };
        connection
            .execute(
                "select app.act_as_webhook($1, $2, $3, $4)",
                &[&message, &agency, &self.request.id, &self.request.source_ip],
            )
            .await
    }
}

/// The caller, in a handler that only some roles may use: the signature says which.
#[derive(Clone, Debug)]
pub struct May<P> {
    caller: Caller,
    permission: PhantomData<P>,
}

impl<P> Deref for May<P> {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<P: Permission, S: Send + Sync> FromRequestParts<S> for May<P>
where
    App: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let token = bearer_token(parts).ok_or(Error::Unauthorized)?;
        let claims = App::from_ref(state).tokens.verify(token).await?;
        let request = request_info();
        request.note_caller(claims.sub, claims.role);
        if !P::ROLES.contains(&claims.role) {
            return Err(Error::Forbidden);
        }
        let caller = Caller {
            user_id: claims.sub,
            agency_id: claims.agency_id,
            role: claims.role,
            device_id: claims.device_id,
            session_id: claims.sid,
            request,
        };
        Ok(Self { caller, permission: PhantomData })
    }
}

/// RFC 6750, section 2.1. The scheme's case doesn't matter.
fn bearer_token(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
