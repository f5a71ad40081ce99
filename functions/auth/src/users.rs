//! Users, as admins and coordinators manage them.

use axum::{extract::State, http::StatusCode};
use domain::{
    error::Error,
    identity::{Caller, Role, UsersDelete, UsersRead, UsersWrite},
    limits::INVITATION_SECONDS,
    messages::Template,
};
use serde::Deserialize;
use serde_json::json;
use store::{
    Tx,
    tables::{
        devices,
        idempotency::{self, Creation},
        users::{self, ManagedUserFields, PhoneChange, User, UserFields, UserFilter, UserStatus},
    },
};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{Created, IfMatch, List, New, Page, PageQuery, Patch, Path, Reply, Require};

use crate::{Auth, activation::account_sms, codes::CodeKind};

type NewUser = New<UserFields>;
type UserPatch = Patch<ManagedUserFields>;
type UserPage = Page<User>;

/// Which users to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UserQuery {
    /// Words of the name, the address or the number or parts of them, in any order; case, accents, apostrophes and
    /// hyphens don't matter.
    #[param(min_length = 1, max_length = 100)]
    search: Option<String>,
    /// Only users in this role.
    #[param(inline)]
    role: Option<Role>,
    /// Only users in this status.
    #[param(inline)]
    status: Option<UserStatus>,
}

/// List users by name.
#[utoipa::path(get, path = "/users", tag = "users", operation_id = "list_users", params(UserQuery, PageQuery),
    responses((status = 200, description = "A page of users.", body = UserPage)))]
pub(crate) async fn list(
    State(auth): State<Auth>,
    list: List<UsersRead, UserQuery>,
) -> web::Result<axum::Json<UserPage>> {
    let UserQuery { ref search, role, status } = list.filter;
    let filter = UserFilter { search: search.clone(), role, status, after: list.after()?, limit: list.rows() };
    let users = users::list(&auth.app.db, &*list.caller, filter).await?;
    list.page(users, |user| (user.sort_name.clone(), user.id))
}

/// Invite a user.
///
/// They get a code by SMS, with which they set their password.
#[utoipa::path(post, path = "/users", tag = "users", operation_id = "create_user", request_body = NewUser,
    responses((status = 201, description = "The new user, who was sent an invitation.", body = User),
        (status = 409, description = "The address or the id is taken."),
        (status = 429, description = "The number got too many codes today.")))]
pub(crate) async fn create(
    State(auth): State<Auth>,
    caller: Require<UsersWrite>,
    New { id, fields }: NewUser,
) -> web::Result<Created<User>> {
    if !caller.role.manages(fields.role) {
        return Err(Error::Forbidden.into());
    }
    let mut tx = auth.app.db.write_unsynced(&*caller).await?;
    if idempotency::claim(&mut tx, "users", id, &fields).await? == Creation::Fresh {
        users::insert(&mut tx, id, &fields).await?;
        auth.count_code(&fields.email, &fields.phone).await?;
        let code = auth.codes.issue(CodeKind::Invitation, id, INVITATION_SECONDS).await?;
        account_sms(id, &fields.phone, fields.locale, Template::OneTimeCode { code }).enqueue(&mut tx).await?;
    }
    let user = users::lock(&mut tx, id).await?;
    tx.commit().await?;
    auth.wake_dispatcher().await;
    Ok(Created(id, user))
}

/// Read a user.
#[utoipa::path(get, path = "/users/{id}", tag = "users", operation_id = "read_user",
    params(("id" = Uuid, Path, description = "The user.")),
    responses((status = 200, description = "The user.", body = User)))]
pub(crate) async fn read(
    State(auth): State<Auth>,
    caller: Require<UsersRead>,
    Path(id): Path<Uuid>,
) -> web::Result<Reply<User>> {
    let user = users::find(&auth.app.db, &*caller, id).await?.ok_or(Error::NotFound)?;
    Ok(Reply(StatusCode::OK, user))
}

/// Change a user.
///
/// Suspending ends all their sessions at once. Address, number and role ask for a password given ten minutes ago at
/// most (401 `step-up-required`). A new number counts once the user has confirmed it with the code that is sent to it;
/// that of somebody who was only invited counts at once, and gets a new invitation.
#[utoipa::path(patch, path = "/users/{id}", tag = "users", operation_id = "change_user",
    params(("id" = Uuid, Path, description = "The user.")),
    request_body = UserPatch,
    responses((status = 200, description = "The record after the change.", body = User),
        (status = 409, description = "The address is taken, or the user has no password yet."),
        (status = 429, description = "Too many codes today."),
        (status = 412, description = "The record has changed since it was read.")))]
pub(crate) async fn change(
    State(auth): State<Auth>,
    caller: Require<UsersWrite>,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
    patch: UserPatch,
) -> web::Result<Reply<User>> {
    // Another role is told to phones by a change number: the agency's counter comes before the user.
    let mut tx = auth.app.db.write(&*caller).await?;
    if !caller.role.manages(users::find_in(&mut tx, id).await?.role) {
        return Err(Error::Forbidden.into());
    }
    // Only now, since whom the caller sees and doesn't manage can't be locked. From here on nobody suspends or changes
    // them unseen.
    let before = users::lock(&mut tx, id).await?;
    if_match.check(&before)?;
    let wanted = patch.apply(&(&before).into())?;
    // Nobody locks themselves out, or gives themselves another role.
    let own_standing = id == caller.user_id && (wanted.role, wanted.status) != (before.role, before.status);
    if own_standing || !caller.role.manages(wanted.role) {
        return Err(Error::Forbidden.into());
    }
    if wanted.status == UserStatus::Invited && before.status != UserStatus::Invited {
        return Err(vec![domain::error::Fault::body("/status", "must be active or suspended")].into());
    }
    if (&wanted.email, &wanted.phone, wanted.role) != (&before.email, &before.phone, before.role) {
        caller.stepped_up()?;
    }
    let change = if wanted.phone == before.phone {
        if patch.sets("phone", &json!(before.phone)) { PhoneChange::Withdrawn } else { PhoneChange::None }
    } else if before.status == UserStatus::Invited {
        PhoneChange::Corrected
    } else {
        PhoneChange::Requested
    };
    let code = auth.phone_code(&before, &wanted.phone, change).await?;
    let after = users::update(&mut tx, &before, &wanted, change).await?;
    if after.status == UserStatus::Suspended {
        devices::end_sessions_of(&mut tx, id).await?;
    }
    tx.commit().await?;
    auth.send_phone_code(&after, &wanted.phone, code).await?;
    Ok(Reply(StatusCode::OK, after))
}

/// Remove a user.
///
/// Their sessions end at once; what they wrote stays.
#[utoipa::path(delete, path = "/users/{id}", tag = "users", operation_id = "delete_user",
    params(("id" = Uuid, Path, description = "The user.")),
    responses((status = 204, description = "The record is removed.")))]
pub(crate) async fn delete(
    State(auth): State<Auth>,
    caller: Require<UsersDelete>,
    Path(id): Path<Uuid>,
) -> web::Result<StatusCode> {
    let mut tx = write_of_another(&auth, &caller, id).await?;
    users::delete(&mut tx, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A transaction that holds somebody else's record and has ended their sessions; nobody does so to themselves.
pub(crate) async fn write_of_another(auth: &Auth, caller: &Caller, id: Uuid) -> web::Result<Tx<Caller>> {
    if id == caller.user_id {
        return Err(Error::Forbidden.into());
    }
    let mut tx = auth.app.db.write_unsynced(caller).await?;
    users::lock(&mut tx, id).await?;
    devices::end_sessions_of(&mut tx, id).await?;
    Ok(tx)
}
