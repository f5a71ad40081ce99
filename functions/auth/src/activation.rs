//! One-time codes by SMS: the first password, or a new one for a forgotten one.

use axum::{extract::State, http::StatusCode};
use domain::{
    error::Error,
    identity::JobIdentity,
    limits::FORGOT_SECONDS,
    messages::{Locale, Template},
    validation::Check,
};
use runtime::ephemeral::rate::Limit;
use serde::Deserialize;
use serde_json::json;
use store::tables::{
    accounts,
    messages::{Channel, Message},
    users::UserStatus,
};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{CurrentRequest, Json};

use crate::{Auth, password::hash_password};

/// Asking for codes.
const CODES_PER_ACCOUNT: Limit = Limit { name: "forgot-account", per_minute: 2 };
/// Trying codes and passwords of one account.
pub(crate) const TRIES_PER_ACCOUNT: Limit = Limit { name: "secret-account", per_minute: 10 };
/// Doing either from one place.
const PER_ADDRESS: Limit = Limit { name: "code-address", per_minute: 60 };

/// A request for a code to set a new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "nurse@demo.berthcare.ca"}))]
pub struct Forgotten {
    /// The email address, in upper or lower case.
    #[schema(min_length = 3, max_length = 254)]
    email: String,
}
impl Check for Forgotten {}

/// A one-time code, and the password it sets.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "nurse@demo.berthcare.ca", "code": "48151623",
    "password": "correct horse battery"}))]
pub struct Activation {
    /// The email address, in upper or lower case.
    #[schema(min_length = 3, max_length = 254)]
    email: String,
    /// The code that the user was sent by SMS.
    #[schema(pattern = "^[0-9]{8}$")]
    code: String,
    /// The new password.
    #[schema(format = "password", min_length = 12, max_length = 128)]
    password: String,
}
impl Check for Activation {}

/// The SMS that brings a code.
#[must_use]
pub fn code_sms(user_id: Uuid, phone: &str, locale: Locale, code: String) -> Message {
    Message {
        recipient_id: user_id,
        address: phone.to_owned(),
        channel: Channel::Sms,
        locale,
        template: Template::OneTimeCode { code },
        // Every code is a message of its own.
        dedupe_key: format!("one_time_code:{}", Uuid::now_v7()),
        alert_id: None,
        visit_id: None,
        client_id: None,
        occasion: None,
    }
}

/// Ask for a code by SMS.
///
/// The answer is the same for every address.
#[utoipa::path(post, path = "/auth/forgot", tag = "auth", operation_id = "forgot", security(()),
    request_body = Forgotten,
    responses((status = 202, description = "If the address is known, a code is on its way."),
        (status = 429, description = "Too many attempts.")))]
pub(crate) async fn forgot(
    State(auth): State<Auth>,
    CurrentRequest(request): CurrentRequest,
    Json(body): Json<Forgotten>,
) -> web::Result<StatusCode> {
    auth.limit(PER_ADDRESS, request.source_ip.as_deref().unwrap_or_default()).await?;
    auth.limit(CODES_PER_ACCOUNT, &body.email.to_lowercase()).await?;

    let login = accounts::find_login(&auth.app.db, &body.email).await?;
    let login = login.filter(|login| login.status != UserStatus::Suspended);
    // Nobody's code costs the same work as somebody's.
    let user_id = login.as_ref().map_or_else(Uuid::now_v7, |login| login.user_id);
    let code = auth.codes.issue_code(user_id, FORGOT_SECONDS).await?;
    let known = login.as_ref().map(|login| login.user_id);
    accounts::record_event(&auth.app.db, "auth.code_requested", known, json!({}), &request).await?;
    if let Some(login) = login {
        let mut tx = auth.app.db.write_unsynced(&JobIdentity { agency_id: login.agency_id }).await?;
        code_sms(user_id, &login.phone, login.locale, code).enqueue(&mut tx).await?;
        tx.commit().await?;
    }
    // Also where nothing was queued: the time an answer takes tells nobody whether the address is known.
    auth.wake_dispatcher().await;
    Ok(StatusCode::ACCEPTED)
}

/// Set a password with a code.
///
/// Ends all sessions. Sign in with the new password afterwards.
#[utoipa::path(post, path = "/auth/activate", tag = "auth", operation_id = "activate", security(()),
    request_body = Activation,
    responses((status = 204, description = "The password is set."),
        (status = 401, description = "The code is wrong or has expired, or belongs to another address."),
        (status = 429, description = "Too many attempts.")))]
pub(crate) async fn activate(
    State(auth): State<Auth>,
    CurrentRequest(request): CurrentRequest,
    Json(body): Json<Activation>,
) -> web::Result<StatusCode> {
    auth.limit(PER_ADDRESS, request.source_ip.as_deref().unwrap_or_default()).await?;
    auth.limit(TRIES_PER_ACCOUNT, &body.email.to_lowercase()).await?;

    let user_id = accounts::find_login(&auth.app.db, &body.email).await?.map(|login| login.user_id);
    let good = auth.codes.use_code(user_id, body.code).await?;
    let Some(user_id) = user_id.filter(|_| good) else {
        accounts::record_event(&auth.app.db, "auth.code_refused", user_id, json!({}), &request).await?;
        return Err(Error::BadCredentials.into());
    };
    let hash = hash_password(body.password).await?;
    if accounts::set_password(&auth.app.db, user_id, &hash, None, "auth.password_set", &request).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::BadCredentials.into())
    }
}
