//! Who may call a handler: its signature says so.

use std::{marker::PhantomData, ops::Deref};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{header::AUTHORIZATION, request::Parts},
};
use domain::identity::{Caller, Permission};

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
        let token = bearer_token(parts).ok_or(domain::Error::Unauthorized)?;
        let claims = TokenVerifier::from_ref(state).verify(token).await?;
        let request = request_info();
        request.note_caller(claims.sub, claims.role);
        if !P::ROLES.contains(&claims.role) {
            return Err(domain::Error::Forbidden.into());
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
