//! `auth`: signing in and staying signed in, one's own account, users and their devices, and the public keys.

mod account;
mod activation;
mod devices;
mod push_token;
mod sessions;
mod users;
mod well_known;

use axum::{Router, extract::FromRef};
use shared::{
    app::App,
    config::Config,
    ephemeral::Ephemeral,
    error::Error,
    http,
    identity::SigningKey,
    jobs::Jobs,
    secrets::{SecretName, Secrets},
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What `auth` holds beyond what every function does: the table of sessions, `jobs` to send codes, and the way to the
/// signing key.
#[derive(Clone)]
pub struct Auth {
    app: App,
    ephemeral: Ephemeral,
    jobs: Jobs,
    secrets: Secrets,
}

impl FromRef<Auth> for App {
    fn from_ref(auth: &Auth) -> Self {
        auth.app.clone()
    }
}

impl Auth {
    /// Wires the function.
    #[must_use]
    pub fn new(config: Config, secrets: Secrets, aws: &shared::app::SdkConfig) -> Self {
        let ephemeral = Ephemeral::new(aws, &config.ephemeral_table);
        let jobs = Jobs::new(aws, &config.jobs_function);
        Self { app: App::new(config, &secrets), ephemeral, jobs, secrets }
    }

    /// Connects ahead of the first request.
    pub async fn warm_up(&self) {
        self.app.warm_up().await;
    }

    async fn signing_key(&self) -> Result<SigningKey, Error> {
        Ok(self.secrets.json(SecretName::SigningKey).await?)
    }
}

fn routes() -> OpenApiRouter<Auth> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(sessions::login))
        .routes(routes!(sessions::refresh))
        .routes(routes!(sessions::logout))
        .routes(routes!(sessions::logout_all))
        .routes(routes!(account::me, account::change_me))
        .routes(routes!(account::change_password))
        .routes(routes!(push_token::set, push_token::remove))
        .routes(routes!(activation::forgot))
        .routes(routes!(activation::activate))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::read, users::change, users::delete))
        .routes(routes!(devices::list))
        .routes(routes!(devices::revoke))
        .routes(routes!(well_known::jwks))
        .routes(routes!(well_known::openid_configuration));
    OpenApiRouter::new().nest("/v1", v1)
}

/// The function's HTTP interface.
pub fn router(auth: Auth) -> Router {
    let (router, _) = routes().with_state(auth).split_for_parts();
    http::service(router, "auth")
}

/// The same, as a document.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}
