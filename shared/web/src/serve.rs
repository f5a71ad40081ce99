//! Serving a router in Lambda, with what stands around it in AWS.

use std::pin::Pin;

use axum::{Extension, Router};
use runtime::{
    config::parsed,
    lambda::{Fatal, Function},
};

use crate::{Origin, adapter};

/// Serves a router's answers to API Gateway until Lambda ends the environment; see [`around`].
///
/// # Errors
/// When the environment has a wrong setting, or the runtime ends.
pub async fn serve(function: &Function, router: Pin<Box<impl Future<Output = Router>>>) -> Result<(), Fatal> {
    lambda_http::lambda_runtime::run(adapter(around(function, router).await?)).await
}

/// The router, with what stands around it in AWS: behind CloudFront (`BEHIND_CLOUDFRONT`), which then shows the secret
/// `{env}/origin`, nothing else gets in. What the router needs is fetched together with the secret that guards it,
/// while Lambda still gives the full CPU. Boxed, since what fetches nests deeper than the compiler follows by itself.
///
/// # Errors
/// When `BEHIND_CLOUDFRONT` says neither `true` nor `false`.
pub async fn around(function: &Function, router: Pin<Box<impl Future<Output = Router>>>) -> Result<Router, Fatal> {
    let reporting = Extension(function.sentry.clone());
    let router = if parsed("BEHIND_CLOUDFRONT")?.unwrap_or(false) {
        let origin = Origin::new(function.secrets.clone());
        let (router, ()) = futures_util::join!(router, origin.warm_up());
        router.layer(Extension(origin))
    } else {
        router.await
    };
    Ok(router.layer(reporting))
}
