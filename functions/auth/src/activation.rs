//! One-time codes by SMS: the first password, or a new one for a forgotten one.

use axum::{extract::State, http::StatusCode};
use domain::{
    error::Error,
    identity::AccountService,
    limits::FORGOT_SECONDS,
    messages::{Locale, Template},
    validation::Check,
};
use serde::Deserialize;
use store::tables::{
    accounts::{self, Login},
    messages::{Channel, Message},
    users::UserStatus,
};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{CurrentRequest, Json};

use crate::{
    Auth,
    codes::{CodeKind, GoodCode},
    limits::{CODES_ASKED, CODES_PER_ADDRESS, account_at},
    password::hash_password,
    password_policy::{acceptable, well_formed},
};

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
    /// The new password: 12 to 256 characters (after NFKC), and hard to guess.
    #[schema(format = "password", min_length = 1, max_length = 1024)]
    password: String,
}
impl Check for Activation {}

/// The SMS that brings a code.
#[must_use]
pub fn code_sms(user_id: Uuid, phone: &str, locale: Locale, code: String) -> Message {
    account_sms(user_id, phone, locale, Template::OneTimeCode { code })
}

/// An SMS about an account: a code, or word of a change.
pub(crate) fn account_sms(user_id: Uuid, phone: &str, locale: Locale, template: Template) -> Message {
    Message {
        recipient_id: user_id,
        address: phone.to_owned(),
        channel: Channel::Sms,
        locale,
        // Each is a message of its own.
        dedupe_key: format!("{}:{}", template.name(), Uuid::now_v7()),
        template,
        alert_id: None,
        visit_id: None,
        client_id: None,
        occasion: None,
    }
}

/// Ask for a code by SMS.
///
/// The answer is the same for every address. It doesn't end an invitation's code. Ten codes a day are sent to one
/// person, three of them for requests from one place.
#[utoipa::path(post, path = "/auth/forgot", tag = "auth", operation_id = "forgot", security(()),
    request_body = Forgotten,
    responses((status = 202, description = "If the address is known, a code is on its way."),
        (status = 429, description = "Too many attempts.")))]
pub(crate) async fn forgot(
    State(auth): State<Auth>,
    CurrentRequest(request): CurrentRequest,
    Json(body): Json<Forgotten>,
) -> web::Result<StatusCode> {
    auth.limit(CODES_PER_ADDRESS, &request.source_network()).await?;
    auth.limit(CODES_ASKED, &account_at(&body.email, &request)).await?;

    let login = accounts::find_login(&auth.app.db, &body.email).await?;
    let login = login.filter(|login| login.status != UserStatus::Suspended);
    auth.count_code(&body.email, login.as_ref().map_or(&body.email, |login| &login.phone)).await?;
    // Nobody's code costs the same work as somebody's.
    let user_id = login.as_ref().map_or_else(Uuid::now_v7, |login| login.user_id);
    let code = auth.codes.issue(CodeKind::Reset, user_id, FORGOT_SECONDS).await?;
    let known = login.as_ref().map(|login| login.user_id);
    auth.record_refusal("auth.code_requested", known, &request).await?;
    if let Some(login) = login {
        let mut tx = auth.app.db.write_unsynced(&AccountService { agency_id: login.agency_id }).await?;
        account_sms(user_id, &login.phone, login.locale, Template::OneTimeCode { code }).enqueue(&mut tx).await?;
        tx.commit().await?;
    }
    // Also where nothing was queued: the time an answer takes tells nobody whether the address is known.
    auth.wake_dispatcher().await;
    Ok(StatusCode::ACCEPTED)
}

/// Set a password with a code.
///
/// Ends all sessions. Sign in with the new password afterwards. A code whose password was refused is still good.
#[utoipa::path(post, path = "/auth/activate", tag = "auth", operation_id = "activate", security(()),
    request_body = Activation,
    responses((status = 204, description = "The password is set."),
        (status = 401, description = "The code is wrong or has expired, or belongs to another address."),
        (status = 422, description = "The password is easy to guess, too short, or the current one."),
        (status = 429, description = "Too many attempts.")))]
pub(crate) async fn activate(
    State(auth): State<Auth>,
    CurrentRequest(request): CurrentRequest,
    Json(body): Json<Activation>,
) -> web::Result<StatusCode> {
    auth.limit(CODES_PER_ADDRESS, &request.source_network()).await?;
    let guesser = account_at(&body.email, &request);
    auth.slow_down(&guesser).await?;
    let password = well_formed("/password", &body.password)?;

    let login = accounts::find_login(&auth.app.db, &body.email).await?;
    let user_id = login.as_ref().map(|login| login.user_id);
    let code = good_code(&auth, login.as_ref(), &request.source_network(), &body.code).await?;
    let (Some(user_id), Some(code)) = (user_id, code) else {
        auth.record_refusal("auth.code_refused", user_id, &request).await?;
        return Err(Error::BadCredentials.into());
    };
    auth.forgive(&guesser).await?;
    acceptable("/password", password.clone(), accounts::password_context(&auth.app.db, user_id).await?).await?;
    if !auth.codes.spend(&code).await? {
        return Err(Error::BadCredentials.into());
    }
    let hash = hash_password(password).await?;
    if !accounts::set_password(&auth.app.db, user_id, &hash, None, "auth.password_set", &request).await? {
        return Err(Error::BadCredentials.into());
    }
    for kind in [CodeKind::Invitation, CodeKind::Reset] {
        auth.codes.void(kind, user_id).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The code that was sent, of whichever kind. An invitation's is for who has no password yet.
async fn good_code(auth: &Auth, login: Option<&Login>, place: &str, code: &str) -> web::Result<Option<GoodCode>> {
    let known = login.map(|login| login.user_id);
    let invited = login.filter(|login| login.status == UserStatus::Invited).map(|login| login.user_id);
    // Both are always tried: the time an answer takes tells nobody which there are.
    let reset = auth.codes.check(CodeKind::Reset, known, place, code).await?;
    let invitation = auth.codes.check(CodeKind::Invitation, invited, place, code).await?;
    Ok(reset.or(invitation))
}
