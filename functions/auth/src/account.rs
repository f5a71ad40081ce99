//! The caller's own account.

use axum::{extract::State, http::StatusCode};
use domain::{
    error::{Error, Fault},
    identity::SignedIn,
    validation::Check,
};
use serde::Deserialize;
use serde_json::json;
use store::tables::{
    accounts,
    users::{self, OwnFields, PhoneChange, User},
};
use utoipa::ToSchema;
use web::{IfMatch, Json, OwnAccount, Patch, Reply, Require};

use crate::{
    Auth, limits,
    password::{hash_password, verify_password},
    password_policy::{acceptable, normalised, well_formed},
};

type OwnPatch = Patch<OwnFields>;

/// A password, and the one that replaces it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"current_password": "berthcare-demo", "new_password": "correct horse battery"}))]
pub struct PasswordChange {
    /// The current password.
    #[schema(format = "password", min_length = 1, max_length = 1024)]
    current_password: String,
    /// The new password: 12 to 256 characters (after NFKC), and hard to guess.
    #[schema(format = "password", min_length = 1, max_length = 1024)]
    new_password: String,
}
impl Check for PasswordChange {}

/// Read my own account.
#[utoipa::path(get, path = "/auth/me", tag = "auth", operation_id = "read_me",
    responses((status = 200, description = "The signed-in user.", body = User)))]
pub(crate) async fn me(State(auth): State<Auth>, caller: OwnAccount) -> web::Result<Reply<User>> {
    let user = users::find(&auth.app.db, &*caller, caller.user_id).await?.ok_or(Error::NotFound)?;
    Ok(Reply(StatusCode::OK, user))
}

/// Change my name, phone, language or which push messages I take.
///
/// A new number asks for a password given ten minutes ago at most (401 `step-up-required`), and counts once it was
/// confirmed (`/auth/phone/confirm`) with the code that is sent to it. The present number again withdraws it.
#[utoipa::path(patch, path = "/auth/me", tag = "auth", operation_id = "change_me", request_body = OwnPatch,
    responses((status = 200, description = "The record after the change.", body = User),
        (status = 412, description = "The record has changed since it was read."),
        (status = 429, description = "Too many codes today.")))]
pub(crate) async fn change_me(
    State(auth): State<Auth>,
    caller: Require<SignedIn>,
    if_match: IfMatch,
    patch: OwnPatch,
) -> web::Result<Reply<User>> {
    let mut tx = auth.app.db.write_unsynced(&*caller).await?;
    let before = users::lock(&mut tx, caller.user_id).await?;
    if_match.check(&before)?;
    let wanted = patch.apply(&(&before).into())?;
    let change = if wanted.phone != before.phone {
        caller.stepped_up()?;
        PhoneChange::Requested
    } else if patch.sets("phone", &json!(before.phone)) {
        PhoneChange::Withdrawn
    } else {
        PhoneChange::None
    };
    let code = auth.phone_code(&before, &wanted.phone, change).await?;
    let phone = wanted.phone.clone();
    let after = users::update_own(&mut tx, &before, wanted, change).await?;
    tx.commit().await?;
    auth.send_phone_code(&after, &phone, code).await?;
    Ok(Reply(StatusCode::OK, after))
}

/// Change my password.
///
/// Ends my sessions on all other devices.
#[utoipa::path(post, path = "/auth/password", tag = "auth", operation_id = "change_password",
    request_body = PasswordChange,
    responses((status = 204, description = "The password is changed."),
        (status = 429, description = "Too many attempts.")))]
pub(crate) async fn change_password(
    State(auth): State<Auth>,
    caller: Require<SignedIn>,
    Json(body): Json<PasswordChange>,
) -> web::Result<StatusCode> {
    let guesser = limits::account_at(&caller.user_id.to_string(), &caller.request);
    auth.slow_down(&guesser).await?;
    let new_password = well_formed("/new_password", &body.new_password)?;
    let context = accounts::own_password_context(&auth.app.db, &*caller).await?;
    if !verify_password(normalised(&body.current_password), context.password_hash.clone()).await? {
        return Err(vec![Fault::body("/current_password", "is not the current password")].into());
    }
    auth.forgive(&guesser).await?;
    acceptable("/new_password", new_password.clone(), context).await?;
    let hash = hash_password(new_password).await?;
    let keep = Some(caller.session_id);
    accounts::set_password(&auth.app.db, caller.user_id, &hash, keep, "auth.password_changed", &caller.request).await?;
    Ok(StatusCode::NO_CONTENT)
}
