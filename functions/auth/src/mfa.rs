//! The caller's second factor: enrolment, confirmation, removal; and proving oneself anew.

use axum::{extract::State, http::StatusCode};
use domain::{
    error::{Conflict, Error, Fault},
    identity::{Caller, SignedIn, UsersDelete},
    validation::Check,
};
use qrcode::{QrCode, render::svg};
use runtime::ephemeral::table::now;
use serde::{Deserialize, Serialize};
use store::tables::{
    accounts, devices,
    second_factors::{self, SecondFactor},
    users,
};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Json, OwnAccount, Path, Require, SteppedUp, tokens::ACCESS_TOKEN_SECONDS};

use crate::{
    Auth,
    limits::account_at,
    password::verify_password,
    password_policy::normalised,
    second_factor::{SeedKeys, new_recovery_codes, new_seed, recovery_digest, seed_texts},
    sessions::access_token,
    users::write_of_another,
};

/// A code of the app, or one of the recovery codes.
#[derive(Default)]
pub(crate) struct Proof {
    pub totp: Option<String>,
    pub recovery_code: Option<String>,
}

/// A seed to take into an authenticator app.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"secret": "MJSXE5DIMNQXEZJN",
    "uri": "otpauth://totp/BerthCare:admin%40demo.berthcare.ca?secret=MJSXE5DIMNQXEZJN&issuer=BerthCare",
    "qr_svg": "<?xml version=\"1.0\" standalone=\"yes\"?><svg></svg>"}))]
pub struct Enrolment {
    /// The seed in base32, for who types it.
    secret: String,
    /// The same with all that an app needs.
    uri: String,
    /// That as a QR code, an SVG document.
    qr_svg: String,
}

/// A code that the app shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "287082"}))]
pub struct Confirmation {
    /// What the authenticator app shows now: six digits.
    #[schema(pattern = "^[0-9]{6}$")]
    code: String,
}
impl Check for Confirmation {}

/// Codes for who has lost the phone.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"recovery_codes": ["mfrg-gzdf-mztw-q2lk", "nrwx-i6dz-onuw-433v"]}))]
pub struct RecoveryCodes {
    /// Each good once. They are never shown again.
    recovery_codes: Vec<String>,
}

/// The password again, and a code where there is a second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"password": "berthcare-demo", "totp": "287082"}))]
pub struct StepUp {
    /// The password that the user signs in with.
    #[schema(format = "password", min_length = 1, max_length = 1024)]
    password: String,
    /// What the authenticator app shows.
    #[schema(pattern = "^[0-9]{6}$")]
    totp: Option<String>,
    /// One of the recovery codes instead.
    #[schema(min_length = 1, max_length = 50)]
    recovery_code: Option<String>,
}
impl Check for StepUp {}

/// An access token that says when the password was given.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"access_token": "eyJ0eXAi.eyJpc3Mi.R4vRp4pq", "token_type": "Bearer", "expires_in": 900}))]
pub struct StepUpToken {
    /// For the header `Authorization: Bearer`, instead of the former one.
    access_token: String,
    /// How the token is presented (RFC 6750): always `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: i64,
}

impl Auth {
    /// Whether a user who gave the right password has proven the second factor; false where they have none.
    ///
    /// # Errors
    /// [`Error::SecondFactorRequired`] where there is one and nothing was given, [`Error::BadCredentials`] where it was
    /// wrong or used before, [`web::Error::TooManyRequests`] after too many of those.
    pub(crate) async fn prove(&self, user_id: Uuid, proof: Proof) -> web::Result<bool> {
        let Some(factor) = second_factors::find(&self.app.db, user_id).await?.filter(|factor| factor.confirmed) else {
            return Ok(false);
        };
        if proof.totp.is_none() && proof.recovery_code.is_none() {
            return Err(Error::SecondFactorRequired.into());
        }
        // Only who knows the password comes here, from wherever: this limit is the account's.
        self.slow_down_factor(user_id).await?;
        let good = match (proof.totp, proof.recovery_code) {
            (Some(code), _) => match self.step_of(user_id, &factor, &code).await? {
                Some(step) => second_factors::use_step(&self.app.db, user_id, step).await?,
                None => false,
            },
            (None, Some(code)) => {
                second_factors::use_recovery_code(&self.app.db, user_id, recovery_digest(user_id, &code)).await?
            }
            (None, None) => false,
        };
        if !good {
            return Err(Error::BadCredentials.into());
        }
        self.forgive_factor(user_id).await?;
        Ok(true)
    }

    async fn step_of(&self, user_id: Uuid, factor: &SecondFactor, code: &str) -> web::Result<Option<i64>> {
        let keys = SeedKeys::read(&self.secrets).await?;
        Ok(keys.step_of(user_id, (&factor.key_id, &factor.sealed_seed), code, now())?)
    }
}

/// Begin to use a second factor.
///
/// Answers a new seed for an authenticator app (RFC 6238). It counts once a code of it was confirmed. Admins need a
/// second factor: until then their session reaches these paths, `/auth/me` and sign-out, and nothing else.
#[utoipa::path(post, path = "/auth/mfa", tag = "auth", operation_id = "enrol_second_factor",
    responses((status = 200, description = "A seed to take into an app.", body = Enrolment),
        (status = 409, description = "There is a second factor. Remove it first.")))]
pub(crate) async fn enrol(State(auth): State<Auth>, caller: OwnAccount) -> web::Result<axum::Json<Enrolment>> {
    caller.stepped_up()?;
    let user = users::find(&auth.app.db, &*caller, caller.user_id).await?.ok_or(Error::NotFound)?;
    let seed = new_seed()?;
    let (key_id, sealed) = SeedKeys::read(&auth.secrets).await?.seal(user.id, &seed)?;
    let mut tx = auth.app.db.write_unsynced(&*caller).await?;
    if !second_factors::enrol(&mut tx, user.id, &key_id, &sealed).await? {
        return Err(Error::Conflict(Conflict::Final("There is a second factor. Remove it first.")).into());
    }
    tx.commit().await?;
    let (secret, uri) = seed_texts(&user.email, seed)?;
    let qr = QrCode::new(&uri).map_err(|error| Error::Internal(error.to_string().into()))?;
    let qr_svg = qr.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    Ok(axum::Json(Enrolment { secret, uri, qr_svg }))
}

/// Confirm the second factor.
///
/// From now on signing in needs a code. Answers ten recovery codes, this once. Refresh the session afterwards.
#[utoipa::path(post, path = "/auth/mfa/confirm", tag = "auth", operation_id = "confirm_second_factor",
    request_body = Confirmation,
    responses((status = 200, description = "It counts.", body = RecoveryCodes),
        (status = 409, description = "There is nothing to confirm."),
        (status = 429, description = "Too many attempts.")))]
pub(crate) async fn confirm(
    State(auth): State<Auth>,
    caller: OwnAccount,
    Json(body): Json<Confirmation>,
) -> web::Result<axum::Json<RecoveryCodes>> {
    let user_id = caller.user_id;
    let mut tx = auth.app.db.write_unsynced(&*caller).await?;
    let pending = second_factors::find_in(&mut tx, user_id).await?.filter(|factor| !factor.confirmed);
    let nothing = || Error::Conflict(Conflict::Final("There is no second factor to confirm."));
    let pending = pending.ok_or_else(nothing)?;
    auth.slow_down_factor(user_id).await?;
    let Some(step) = auth.step_of(user_id, &pending, &body.code).await? else {
        return Err(vec![Fault::body("/code", "is not what the app shows now")].into());
    };
    let recovery_codes = new_recovery_codes()?;
    let digests = recovery_codes.iter().map(|code| recovery_digest(user_id, code)).collect();
    if !second_factors::confirm(&mut tx, user_id, step, digests).await? {
        return Err(nothing().into());
    }
    tx.commit().await?;
    auth.forgive_factor(user_id).await?;
    Ok(axum::Json(RecoveryCodes { recovery_codes }))
}

/// Stop using a second factor.
///
/// An admin's session reaches little without one.
#[utoipa::path(delete, path = "/auth/mfa", tag = "auth", operation_id = "remove_second_factor",
    responses((status = 204, description = "Removed, if there was one.")))]
pub(crate) async fn remove(State(auth): State<Auth>, caller: OwnAccount) -> web::Result<StatusCode> {
    caller.stepped_up()?;
    let mut tx = auth.app.db.write_unsynced(&*caller).await?;
    second_factors::remove(&mut tx, caller.user_id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove another user's second factor.
///
/// For who has lost phone and recovery codes. Ends their sessions.
#[utoipa::path(delete, path = "/users/{id}/mfa", tag = "users", operation_id = "reset_second_factor",
    params(("id" = Uuid, Path, description = "The user.")),
    responses((status = 204, description = "Removed, if there was one.")))]
pub(crate) async fn reset(
    State(auth): State<Auth>,
    caller: SteppedUp<UsersDelete>,
    Path(id): Path<Uuid>,
) -> web::Result<StatusCode> {
    let mut tx = write_of_another(&auth, &caller, id).await?;
    second_factors::remove(&mut tx, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give the password again.
///
/// What moves an account or takes data out asks that this was done ten minutes ago at most, by answering 401
/// `step-up-required`.
#[utoipa::path(post, path = "/auth/step-up", tag = "auth", operation_id = "step_up", request_body = StepUp,
    responses((status = 200, description = "A token whose `auth_time` is now.", body = StepUpToken),
        (status = 429, description = "Too many attempts.")))]
pub(crate) async fn step_up(
    State(auth): State<Auth>,
    caller: Require<SignedIn>,
    Json(body): Json<StepUp>,
) -> web::Result<axum::Json<StepUpToken>> {
    let caller: &Caller = &caller;
    let guesser = account_at(&caller.user_id.to_string(), &caller.request);
    auth.slow_down(&guesser).await?;
    let hash = accounts::own_password_context(&auth.app.db, caller).await?.password_hash;
    if !verify_password(normalised(&body.password), hash).await? {
        auth.record_refusal("auth.step_up_refused", Some(caller.user_id), &caller.request).await?;
        return Err(Error::BadCredentials.into());
    }
    auth.forgive(&guesser).await?;
    let proof = Proof { totp: body.totp, recovery_code: body.recovery_code };
    let second_factor = auth.prove(caller.user_id, proof).await?;
    let mut tx = auth.app.db.write_unsynced(caller).await?;
    devices::renew_authentication(&mut tx, caller.device_id, second_factor).await?;
    tx.commit().await?;
    let session = domain::identity::Session::from(caller);
    let session = users::find_own(&auth.app.db, &session).await?.ok_or(Error::SessionEnded)?;
    let access_token = access_token(&auth, &session, (caller.device_id, caller.session_id)).await?;
    Ok(axum::Json(StepUpToken { access_token, token_type: "Bearer", expires_in: ACCESS_TOKEN_SECONDS }))
}
