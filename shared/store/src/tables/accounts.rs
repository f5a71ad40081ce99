//! Signing in, before anyone is known: calls to the definer functions of `code/sessions.sql`, which see what no query
//! may.

use domain::{
    error::{Conflict, Error},
    identity::Role,
    messages::Locale,
    request::RequestInfo,
};
use postgres_from_row::FromRow;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Db, DbError, Identity,
    tables::{devices::Platform, users::UserStatus},
};

/// What sign-in knows of an address.
#[derive(FromRow)]
pub struct Login {
    /// Whose account it is.
    pub user_id: Uuid,
    /// The user's agency.
    pub agency_id: Uuid,
    /// What they are there.
    pub role: Role,
    /// Only active users sign in.
    pub status: UserStatus,
    /// A PHC string, once a password was set.
    pub password_hash: Option<String>,
    /// Where one-time codes go.
    pub phone: String,
    /// The recipient's language.
    pub locale: Locale,
    /// Whether a second factor counts.
    pub second_factor: bool,
}

/// The device that somebody signs in on.
#[derive(Clone, Debug)]
pub struct SignInDevice<'a> {
    /// The device's id, made by the app.
    pub id: Uuid,
    /// The device's name, as its owner chose it.
    pub name: &'a str,
    /// The device's platform.
    pub platform: Platform,
    /// The app's version.
    pub app_version: &'a str,
}

#[derive(FromRow)]
struct SessionStart {
    outcome: String,
}

#[derive(FromRow)]
struct Done {
    done: bool,
}

/// The account of an address, if there is one.
pub async fn find_login(db: &Db, email: &str) -> Result<Option<Login>, DbError> {
    db.call(
        "select l.user_id, l.agency_id, l.role, l.status, l.password_hash, l.phone, l.locale, l.second_factor
         from app.find_login($1) l",
        &[&email],
    )
    .await
}

/// Starts a session on a device, ending the one before it there.
///
/// # Errors
/// [`Error::DeviceRevoked`], [`Conflict::DeviceTaken`], and [`Error::BadCredentials`] for a user who was suspended
/// or deleted a moment ago.
pub async fn start_session(
    db: &Db,
    user_id: Uuid,
    (session_id, second_factor): (Uuid, bool),
    device: &SignInDevice<'_>,
    request: &RequestInfo,
) -> Result<(), Error> {
    let answer: Option<SessionStart> = db
        .call(
            "select app.start_session($1, $2, $3, $4, $5, $6, $7, $8, $9) as outcome",
            &[
                &user_id,
                &session_id,
                &device.id,
                &device.name,
                &device.platform,
                &device.app_version,
                &second_factor,
                &request.id,
                &request.source_ip,
            ],
        )
        .await?;
    match answer.as_ref().map(|answer| answer.outcome.as_str()) {
        Some("started") => Ok(()),
        Some("revoked") => Err(Error::DeviceRevoked),
        Some("taken") => Err(Error::Conflict(Conflict::DeviceTaken)),
        _ => Err(Error::BadCredentials),
    }
}

/// Puts a refused sign-in, or a one-time code sent, on record.
pub async fn record_event(
    db: &Db,
    action: &str,
    user_id: Option<Uuid>,
    details: Value,
    request: &RequestInfo,
) -> Result<(), Error> {
    db.call::<Recorded>(
        "select app.record_security_event($1, $2, $3, $4, $5) is null as recorded",
        &[&action, &user_id, &details, &request.id, &request.source_ip],
    )
    .await?;
    Ok(())
}

/// Ends a session whose refresh token was used twice.
pub async fn end_reused_session(db: &Db, user_id: Uuid, session_id: Uuid, request: &RequestInfo) -> Result<(), Error> {
    db.call::<Recorded>(
        "select app.end_reused_session($1, $2, $3, $4) is null as recorded",
        &[&user_id, &session_id, &request.id, &request.source_ip],
    )
    .await?;
    Ok(())
}

#[derive(FromRow)]
struct Recorded {
    #[allow(dead_code, reason = "the call is what counts")]
    recorded: bool,
}

/// Sets a password and ends all sessions but `keep_session`. False where the user may have none.
pub async fn set_password(
    db: &Db,
    user_id: Uuid,
    hash: &str,
    keep_session: Option<Uuid>,
    action: &str,
    request: &RequestInfo,
) -> Result<bool, Error> {
    let answer: Option<Done> = db
        .call(
            "select app.set_password($1, $2, $3, $4, $5, $6) as done",
            &[&user_id, &hash, &keep_session, &action, &request.id, &request.source_ip],
        )
        .await?;
    Ok(answer.is_some_and(|answer| answer.done))
}

/// What a new password is judged by.
#[derive(Debug, Default, FromRow)]
pub struct PasswordContext {
    /// The hash of the one in use, once a password was set.
    pub password_hash: Option<String>,
    /// What is known of the user: names, address, number, agency.
    pub words: Vec<String>,
}

/// What the caller's new password is judged by.
pub async fn own_password_context(db: &Db, who: &impl Identity) -> Result<PasswordContext, Error> {
    let found =
        db.read_opt(who, "select c.password_hash, c.words from app.password_context(app.user_id()) c", &[]).await?;
    found.ok_or(Error::SessionEnded)
}

/// What the new password is judged by of somebody who has a code.
pub async fn password_context(db: &Db, user_id: Uuid) -> Result<PasswordContext, Error> {
    let found = db.call("select c.password_hash, c.words from app.password_context($1) c", &[&user_id]).await?;
    found.ok_or(Error::BadCredentials)
}
