//! A new number of an account: confirmed by a code sent to it, before anything else goes there.

use axum::{extract::State, http::StatusCode};
use domain::{
    error::{Conflict, Error, Fault},
    identity::{AccountService, SignedIn},
    limits::{INVITATION_SECONDS, PHONE_CODE_SECONDS},
    messages::Template,
    validation::Check,
};
use serde::Deserialize;
use store::tables::users::{self, PhoneChange, User};
use utoipa::ToSchema;
use web::{Json, Reply, Require};

use crate::{Auth, activation::account_sms, codes::CodeKind, limits::account_at};

/// A code that was sent to a new number.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "48151623"}))]
pub struct PhoneConfirmation {
    /// The code that the new number was sent by SMS.
    #[schema(pattern = "^[0-9]{8}$")]
    code: String,
}
impl Check for PhoneConfirmation {}

impl Auth {
    /// A code for the number that is asked for: to confirm it, or where the invitation went to another, to set a
    /// password. None where the number stays. To be sent once the change is committed.
    pub(crate) async fn phone_code(
        &self,
        user: &User,
        phone: &str,
        change: PhoneChange,
    ) -> web::Result<Option<String>> {
        let (kind, seconds) = match change {
            PhoneChange::None => return Ok(None),
            PhoneChange::Withdrawn => {
                self.codes.void(CodeKind::Phone, user.id).await?;
                return Ok(None);
            }
            PhoneChange::Corrected => (CodeKind::Invitation, INVITATION_SECONDS),
            PhoneChange::Requested => (CodeKind::Phone, PHONE_CODE_SECONDS),
        };
        self.count_code(&user.email, phone).await?;
        // Before the number is written: a code for the one asked for before must not confirm this one.
        Ok(Some(self.codes.issue(kind, user.id, seconds).await?))
    }

    /// Sends such a code.
    pub(crate) async fn send_phone_code(&self, user: &User, phone: &str, code: Option<String>) -> web::Result<()> {
        let Some(code) = code else { return Ok(()) };
        let mut tx = self.app.db.write_unsynced(&AccountService { agency_id: user.agency_id }).await?;
        account_sms(user.id, phone, user.locale, Template::OneTimeCode { code }).enqueue(&mut tx).await?;
        tx.commit().await?;
        self.wake_dispatcher().await;
        Ok(())
    }
}

/// Confirm my new phone number.
///
/// The number counts from now on, and the former one is told. For a day more codes for a new password go there.
#[utoipa::path(post, path = "/auth/phone/confirm", tag = "auth", operation_id = "confirm_phone",
    request_body = PhoneConfirmation,
    responses((status = 200, description = "The number counts.", body = User),
        (status = 409, description = "There is no number to confirm."),
        (status = 429, description = "Too many attempts.")))]
pub(crate) async fn confirm(
    State(auth): State<Auth>,
    caller: Require<SignedIn>,
    Json(body): Json<PhoneConfirmation>,
) -> web::Result<Reply<User>> {
    let user = users::find(&auth.app.db, &*caller, caller.user_id).await?.ok_or(Error::NotFound)?;
    let nothing = || Error::Conflict(Conflict::Final("There is no number to confirm."));
    let pending = user.pending_phone.ok_or_else(nothing)?;
    let guesser = account_at(&user.id.to_string(), &caller.request);
    auth.slow_down(&guesser).await?;
    let place = caller.request.source_network();
    let code = auth.codes.check(CodeKind::Phone, Some(user.id), &place, &body.code).await?;
    let wrong = || Error::from(vec![Fault::body("/code", "is wrong or has expired")]);
    let code = code.ok_or_else(wrong)?;
    auth.forgive(&guesser).await?;
    if !auth.codes.spend(&code).await? {
        return Err(wrong().into());
    }
    let mut tx = auth.app.db.write_unsynced(&AccountService { agency_id: user.agency_id }).await?;
    let old_phone = users::confirm_phone(&mut tx, &caller, &pending).await?.ok_or_else(nothing)?;
    account_sms(user.id, &old_phone, user.locale, Template::PhoneChanged {}).enqueue(&mut tx).await?;
    let user = users::find_in(&mut tx, user.id).await?;
    tx.commit().await?;
    auth.wake_dispatcher().await;
    Ok(Reply(StatusCode::OK, user))
}
