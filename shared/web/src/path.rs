use axum::{
    extract::{
        FromRequestParts,
        path::{ErrorKind, Path as AxumPath},
        rejection::PathRejection,
    },
    http::request::Parts,
};
use domain::Fault;
use serde::de::DeserializeOwned;

use crate::Error;

/// The path's parameters.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match AxumPath::<T>::from_request_parts(parts, state).await {
            Ok(AxumPath(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => Err(match error.into_kind() {
                ErrorKind::ParseErrorAtKey { key, .. } | ErrorKind::DeserializeError { key, .. } => {
                    vec![Fault::parameter(&key, "must be a UUID")].into()
                }
                ErrorKind::InvalidUtf8InPathParam { key } => {
                    vec![Fault::parameter(&key, "must be UTF-8, percent-encoded")].into()
                }
                // One parameter alone is not named by axum, nor are those of a tuple.
                _ => vec![Fault::parameter("id", "must be a UUID")].into(),
            }),
            Err(_) => Err(domain::Error::Internal("a route has no such parameter".into()).into()),
        }
    }
}
