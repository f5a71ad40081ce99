//! Signing in and out.

use axum::{extract::State, http::StatusCode};
use domain::{error::Error, identity::Session, request::RequestInfo, validation::Check};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::tables::{
    accounts::{self, SignInDevice},
    devices::{self, Platform},
    users::{self, OwnSession, User, UserStatus},
};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{CurrentRequest, Json, OwnAccount, tokens::ACCESS_TOKEN_SECONDS};

use crate::{
    Auth,
    limits::{LOGINS_PER_ADDRESS, REFRESHES_PER_ADDRESS, REFRESHES_PER_SESSION, account_at},
    mfa::Proof,
    password::verify_password,
    password_policy::normalised,
    refresh_tokens::{RefreshToken, Rotation},
};

/// Credentials, and the device that signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "nurse@demo.berthcare.ca", "password": "berthcare-demo",
    "device": {"id": "0193a5b0-0000-7000-8000-0000000000d1", "name": "Amara's iPhone", "platform": "ios",
        "app_version": "1.4.0"}}))]
pub struct Login {
    /// The email address, in upper or lower case.
    #[schema(min_length = 3, max_length = 254)]
    email: String,
    /// The password, as it was typed.
    #[schema(format = "password", min_length = 1, max_length = 1024)]
    password: String,
    /// The phone or browser.
    device: LoginDevice,
    /// What the authenticator app shows, where there is a second factor.
    #[schema(pattern = "^[0-9]{6}$")]
    totp: Option<String>,
    /// One of the recovery codes instead; each is good once.
    #[schema(min_length = 1, max_length = 50)]
    recovery_code: Option<String>,
}
impl Check for Login {}

/// The phone or browser that somebody signs in on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000d1", "name": "Amara's iPhone", "platform": "ios",
    "app_version": "1.4.0"}))]
pub struct LoginDevice {
    /// Made by the app when it was installed, and kept.
    id: Uuid,
    /// The device's name, as its owner chose it.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The device's platform.
    platform: Platform,
    /// The app's version.
    #[schema(min_length = 1, max_length = 50)]
    app_version: String,
}

/// A refresh token to exchange.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh_token": "AZOlsAAAcACAAAAAAAAAAwGTpbAAAHAAgAAAAAAA",
    "device_id": "0193a5b0-0000-7000-8000-0000000000d1"}))]
pub struct Refresh {
    /// The newest one that this device got.
    #[schema(value_type = String, format = "password", min_length = 1, max_length = 200)]
    refresh_token: SecretString,
    /// The device it was issued to.
    device_id: Uuid,
}
impl Check for Refresh {}

/// A session's tokens (RFC 6749, section 5.1) and its user.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"access_token": "eyJ0eXAiOiJhdCtqd3Qi.eyJzdWIi.MEUCIQ", "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "AZOlsAAAcACAAAAAAAAAAwGTpbAAAHAAgAAAAAAA",
    "user": {"id": "0193a5b0-0000-7000-8000-000000000003", "agency_id": "0193a5b0-0000-7000-8000-000000000001",
        "email": "nurse@demo.berthcare.ca", "phone": "+14165550103", "first_name": "Amara", "last_name": "Okafor",
        "role": "nurse", "locale": "en-CA", "status": "active",
        "push_preferences": {"visits": true, "alerts": true, "decisions": true},
        "last_login_at": "2026-11-20T11:58:03Z", "created_at": "2026-11-01T09:00:00Z",
        "updated_at": "2026-11-20T11:58:03Z"}}))]
pub struct Tokens {
    /// The access token, for the `Authorization` header.
    access_token: String,
    /// How the token is presented (RFC 6750): always `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: i64,
    /// For the next exchange, within seven days.
    refresh_token: String,
    /// The user who signed in.
    user: User,
}

/// Sign in on a device, with email and password.
///
/// A wrong address and a wrong password can't be told apart. With a right password and a second factor whose code is
/// missing the answer is 401 `second-factor-required`.
#[utoipa::path(post, path = "/auth/login", tag = "auth", operation_id = "login", security(()), request_body = Login,
    responses((status = 200, description = "A pair of tokens for the new session.", body = Tokens),
        (status = 401, description = "Wrong credentials."),
        (status = 403, description = "This device was revoked."),
            (status = 409, description = "The device id belongs to somebody else."),
        (status = 429, description = "Too many attempts.")))]
pub(crate) async fn login(
    State(auth): State<Auth>,
    CurrentRequest(request): CurrentRequest,
    Json(body): Json<Login>,
) -> web::Result<axum::Json<Tokens>> {
    auth.limit(LOGINS_PER_ADDRESS, &request.source_network()).await?;
    let guesser = account_at(&body.email, &request);
    auth.slow_down(&guesser).await?;

    let login = accounts::find_login(&auth.app.db, &body.email).await?;
    let hash = login.as_ref().and_then(|login| login.password_hash.clone());
    let right = verify_password(normalised(&body.password), hash).await?;
    let user_id = login.as_ref().map(|login| login.user_id);
    let Some(login) = login.filter(|login| right && login.status == UserStatus::Active) else {
        auth.record_refusal("auth.login_refused", user_id, &request).await?;
        return Err(Error::BadCredentials.into());
    };
    auth.forgive(&guesser).await?;

    let proof = Proof { totp: body.totp, recovery_code: body.recovery_code };
    let proven = if login.second_factor { auth.prove(login.user_id, proof).await } else { Ok(false) };
    let second_factor = match proven {
        Err(web::Error::Domain(Error::BadCredentials)) => {
            auth.record_refusal("auth.second_factor_refused", user_id, &request).await?;
            return Err(Error::BadCredentials.into());
        }
        other => other?,
    };

    let session_id = Uuid::now_v7();
    let device = SignInDevice {
        id: body.device.id,
        name: &body.device.name,
        platform: body.device.platform,
        app_version: &body.device.app_version,
    };
    accounts::start_session(&auth.app.db, login.user_id, (session_id, second_factor), &device, &request).await?;
    let refresh_token = auth.refresh_tokens.start_family(login.user_id, session_id, device.id).await?;
    tokens(&auth, refresh_token, device.id, request).await.map(axum::Json)
}

/// Exchange a refresh token.
///
/// Each is good for one exchange. One that was used before ends the session, except within two minutes on the same
/// device, whose answer was lost: it gets the same answer again. One that is none of the session's changes nothing.
/// Every session ends 30 days after the password was last given.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", operation_id = "refresh", security(()),
    request_body = Refresh,
    responses((status = 200, description = "A new pair of tokens.", body = Tokens),
        (status = 401, description = "The session has ended."),
        (status = 429, description = "Too many attempts.")))]
pub(crate) async fn refresh(
    State(auth): State<Auth>,
    CurrentRequest(request): CurrentRequest,
    Json(body): Json<Refresh>,
) -> web::Result<axum::Json<Tokens>> {
    auth.limit(REFRESHES_PER_ADDRESS, &request.source_network()).await?;
    let presented = RefreshToken::parse(&body.refresh_token).ok_or(Error::SessionEnded)?;
    auth.limit(REFRESHES_PER_SESSION, &account_at(&presented.session_id.to_string(), &request)).await?;
    match auth.refresh_tokens.rotate(&presented, body.device_id).await? {
        Rotation::Next(next) => tokens(&auth, next, body.device_id, request).await.map(axum::Json),
        Rotation::Reused => {
            accounts::end_reused_session(&auth.app.db, presented.user_id, presented.session_id, &request).await?;
            Err(Error::SessionEnded.into())
        }
        Rotation::Unknown => Err(Error::SessionEnded.into()),
    }
}

/// Sign out on this device.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", operation_id = "logout",
    responses((status = 204, description = "Signed out.")))]
pub(crate) async fn logout(State(auth): State<Auth>, caller: OwnAccount) -> web::Result<StatusCode> {
    let mut tx = auth.app.db.write_unsynced(&*caller).await?;
    devices::end_session(&mut tx, caller.device_id).await?;
    tx.commit().await?;
    auth.refresh_tokens.end_family(caller.user_id, caller.session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out everywhere.
#[utoipa::path(post, path = "/auth/logout-all", tag = "auth", operation_id = "logout_all",
    responses((status = 204, description = "Signed out on all devices.")))]
pub(crate) async fn logout_all(State(auth): State<Auth>, caller: OwnAccount) -> web::Result<StatusCode> {
    let mut tx = auth.app.db.write_unsynced(&*caller).await?;
    devices::end_sessions_of(&mut tx, caller.user_id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The answer to a sign-in or exchange. The database decides whether the session is still good.
async fn tokens(
    auth: &Auth,
    refresh_token: RefreshToken,
    device_id: Uuid,
    request: RequestInfo,
) -> web::Result<Tokens> {
    let RefreshToken { user_id, session_id, .. } = refresh_token;
    let session = Session { user_id, device_id, session_id, request };
    let session_user = users::find_own(&auth.app.db, &session).await?.ok_or(Error::SessionEnded)?;
    session.request.note_caller(user_id, session_user.user.role);
    let access_token = access_token(auth, &session_user, (device_id, session_id)).await?;
    Ok(Tokens {
        access_token,
        token_type: "Bearer",
        expires_in: ACCESS_TOKEN_SECONDS,
        refresh_token: refresh_token.into_text(),
        user: session_user.user,
    })
}

/// An access token for a session that stands.
pub(crate) async fn access_token(
    auth: &Auth,
    session: &OwnSession,
    (device_id, session_id): (Uuid, Uuid),
) -> web::Result<String> {
    Ok(auth.signing_key().await?.sign(&auth.app.public_url, session, (device_id, session_id))?)
}
