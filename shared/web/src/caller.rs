//! Who may call a handler: its signature says so.

use std::{marker::PhantomData, ops::Deref};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{header::AUTHORIZATION, request::Parts},
};
use domain::identity::{self, Caller, Permission};
use jiff::Timestamp;

use crate::{Error, request::request_info, tokens::TokenVerifier};

/// The caller, in a handler that only some roles may use: the signature says which.
#[derive(Clone, Debug)]
pub struct Require<P> {
    caller: Caller,
    permission: PhantomData<P>,
}

impl<P> Deref for Require<P> {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<P: Permission, S: Send + Sync> FromRequestParts<S> for Require<P>
where
    TokenVerifier: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (caller, second_factor) = authenticate(parts, state).await?;
        if caller.role.needs_second_factor() && !second_factor {
            return Err(domain::Error::SecondFactorMissing.into());
        }
        if !P::ROLES.contains(&caller.role) {
            return Err(domain::Error::Forbidden.into());
        }
        Ok(Self { caller, permission: PhantomData })
    }
}

/// The same, of who has given the password ten minutes ago at most: for what moves an account or takes data out.
#[derive(Clone, Debug)]
pub struct SteppedUp<P>(Require<P>);

impl<P> Deref for SteppedUp<P> {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<P: Permission, S: Send + Sync> FromRequestParts<S> for SteppedUp<P>
where
    TokenVerifier: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let caller = Require::from_request_parts(parts, state).await?;
        caller.stepped_up()?;
        Ok(Self(caller))
    }
}

/// Anybody who is signed in, also without the second factor that the role needs, in a handler about their own account.
#[derive(Clone, Debug)]
pub struct OwnAccount(identity::OwnAccount);

impl Deref for OwnAccount {
    type Target = identity::OwnAccount;
    fn deref(&self) -> &identity::OwnAccount {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OwnAccount
where
    TokenVerifier: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        authenticate(parts, state).await.map(|(caller, _)| Self(identity::OwnAccount(caller)))
    }
}

/// Who sends a good token, and whether a second factor was proven in that session.
async fn authenticate<S>(parts: &Parts, state: &S) -> Result<(Caller, bool), Error>
where
    TokenVerifier: FromRef<S>,
{
    let token = bearer_token(parts).ok_or(domain::Error::Unauthorized)?;
    let claims = TokenVerifier::from_ref(state).verify(token).await?;
    let request = request_info();
    request.note_caller(claims.sub, claims.role);
    let second_factor = claims.second_factor();
    let caller = Caller {
        user_id: claims.sub,
        agency_id: claims.agency_id,
        role: claims.role,
        device_id: claims.device_id,
        session_id: claims.sid,
        authenticated_at: Timestamp::from_second(claims.auth_time).map_err(|_| domain::Error::Unauthorized)?,
        request,
    };
    Ok((caller, second_factor))
}

/// RFC 6750, section 2.1. The scheme's case doesn't matter.
fn bearer_token(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
