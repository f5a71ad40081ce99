//! `auth`: signing in and staying signed in, one's own account, users and their devices, and the public keys.

mod account;
mod activation;
mod codes;
mod devices;
mod encryption;
mod limits;
mod mfa;
pub mod password;
mod password_policy;
mod phone;
mod push_token;
mod refresh_tokens;
pub mod second_factor;
mod sessions;
mod signing;
mod users;
mod well_known;

use app::{App, AppConfig};
use axum::{Router, extract::FromRef};
use runtime::{
    aws::SdkConfig,
    config::{EphemeralTable, JobsFunction},
    ephemeral::Ephemeral,
    jobs::JobsInvoker,
    secrets::{SecretName, Secrets},
};
use store::tables::sending;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use web::tokens::TokenVerifier;

pub use crate::{
    activation::code_sms,
    codes::{CodeKind, Codes},
};

use crate::{refresh_tokens::RefreshTokens, signing::SigningKey};

runtime::config! {
    /// The configuration of `auth`.
    pub struct Config {
        /// What every HTTP function is configured with.
        pub app: AppConfig,
        /// Where sessions, codes and counts of attempts are.
        pub ephemeral_table: EphemeralTable,
        /// The function that sends codes.
        pub jobs_function: JobsFunction,
    }
}

/// What `auth` holds beyond what every function does: the table of sessions, `jobs` to send codes, and the way to the
/// signing key.
#[derive(Clone)]
pub struct Auth {
    app: App,
    ephemeral: Ephemeral,
    refresh_tokens: RefreshTokens,
    codes: Codes,
    jobs: JobsInvoker,
    secrets: Secrets,
}

impl FromRef<Auth> for App {
    fn from_ref(auth: &Auth) -> Self {
        auth.app.clone()
    }
}

impl FromRef<Auth> for TokenVerifier {
    fn from_ref(auth: &Auth) -> Self {
        auth.app.tokens.clone()
    }
}

impl Auth {
    /// Wires the function.
    #[must_use]
    pub fn new(config: &Config, secrets: Secrets, aws: &SdkConfig) -> Self {
        let ephemeral = Ephemeral::new(aws, &config.ephemeral_table);
        Self {
            app: App::with_database(SecretName::AuthDatabase, &config.app, &secrets),
            refresh_tokens: RefreshTokens(ephemeral.clone()),
            codes: Codes(ephemeral.clone()),
            ephemeral,
            jobs: JobsInvoker::new(aws, &config.jobs_function),
            secrets,
        }
    }

    /// Connects ahead of the first request.
    pub async fn warm_up(&self) {
        self.app.warm_up().await;
    }

    /// Has a code sent now that was queued, by the dispatcher that is at work or else by another.
    async fn wake_dispatcher(&self) {
        let none = sending::none_at_work(&self.app.db).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "nobody knows whether a dispatcher is at work");
            true
        });
        if none {
            self.jobs.dispatch().await;
        }
    }

    async fn signing_key(&self) -> web::Result<SigningKey> {
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
        .routes(routes!(phone::confirm))
        .routes(routes!(mfa::enrol, mfa::remove))
        .routes(routes!(mfa::confirm))
        .routes(routes!(mfa::step_up))
        .routes(routes!(activation::forgot))
        .routes(routes!(activation::activate))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::read, users::change, users::delete))
        .routes(routes!(mfa::reset))
        .routes(routes!(devices::list))
        .routes(routes!(devices::revoke))
        .routes(routes!(well_known::jwks))
        .routes(routes!(well_known::openid_configuration));
    OpenApiRouter::new().nest("/v1", v1)
}

/// The function's HTTP interface.
pub fn router(auth: Auth) -> Router {
    let app = auth.app.clone();
    let (router, _) = routes().with_state(auth).split_for_parts();
    app.service(router, "auth")
}

/// The OpenAPI document of the routes.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}
