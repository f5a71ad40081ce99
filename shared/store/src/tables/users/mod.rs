//! Users as people administer them. Password hashes are not here: only the functions of `code/sessions.sql` see those.

mod record;

use domain::{
    error::{Conflict, Error},
    identity::{AccountService, Caller, Role, Session},
    validation::Faults,
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{AuditEntry, ConstraintExt, Db, DbError, Identity, Tx, audited, audited_page};

pub use record::{ManagedUserFields, OwnFields, PushPreferences, User, UserFields, UserStatus};

/// Which users to list.
#[derive(Debug, Default)]
pub struct UserFilter {
    /// Whose name, address or number has all of these words or parts of words.
    pub search: Option<String>,
    /// Only users in this role.
    pub role: Option<Role>,
    /// Only users in this status.
    pub status: Option<UserStatus>,
    /// After the user of this place among the names, and id.
    pub after: Option<(String, Uuid)>,
    /// At most so many.
    pub limit: i64,
}

macro_rules! columns {
    () => {
        "u.id, u.agency_id, u.email, u.phone, u.pending_phone, u.first_name, u.last_name, u.sort_name,
         u.role::text as role, u.locale, u.status::text as status, u.push_preferences,
         u.last_login_at, u.created_at, u.updated_at"
    };
}

/// Users by name.
pub async fn list(db: &Db, who: &impl Identity, filter: UserFilter) -> Result<Vec<User>, DbError> {
    let (sort_name, id) = filter.after.unzip();
    db.read(
        who,
        audited_page!(
            "user.list",
            "user",
            "$5",
            "select ",
            columns!(),
            ", null::uuid as client_id from users u
             where u.deleted_at is null
               and ($1::text is null or u.role::text = $1) and ($2::text is null or u.status::text = $2)
               and ($6::text is null or (
                 select bool_and(position(word in concat_ws(' ', app.search_name(u.first_name, u.last_name),
                   app.searchable(u.email), u.phone)) > 0)
                 from unnest((select string_to_array(app.searchable($6), ' '))) word))
               and ($4::uuid is null or (u.sort_name, u.id) > ($3, $4))
             order by u.sort_name, u.id limit $5"
        ),
        &[&filter.role, &filter.status, &sort_name, &id, &filter.limit, &filter.search],
    )
    .await
}

/// One user, if the caller may see them.
pub async fn find(db: &Db, who: &impl Identity, id: Uuid) -> Result<Option<User>, DbError> {
    db.read_opt(
        who,
        audited!(
            "user.read",
            "user",
            "select ",
            columns!(),
            ", null::uuid as client_id from users u where u.id = $1 and u.deleted_at is null"
        ),
        &[&id],
    )
    .await
}

/// A session that stands.
#[derive(Debug, FromRow)]
pub struct OwnSession {
    /// Whose it is.
    #[from_row(flatten)]
    pub user: User,
    /// When the password was last given.
    pub authenticated_at: Timestamp,
    /// Whether a second factor was proven.
    pub second_factor: bool,
}

/// The session and its user, noting that its device was heard from. Refused once the session has ended, and also given
/// to who lacks the second factor that the role needs.
pub async fn find_own(db: &Db, session: &Session) -> Result<Option<OwnSession>, DbError> {
    db.read_opt(
        session,
        concat!(
            "with touched as (update devices set last_seen_at = now() where id = $2
               returning authenticated_at, second_factor)
             select t.authenticated_at, t.second_factor, ",
            columns!(),
            " from users u, touched t where u.id = $1"
        ),
        &[&session.user_id, &session.device_id],
    )
    .await
}

/// One user, inside a transaction.
pub async fn find_in<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<User, Error> {
    tx.query_opt(concat!("select ", columns!(), " from users u where u.id = $1 and u.deleted_at is null"), &[&id])
        .await?
        .ok_or(Error::NotFound)
}

/// One user, locked until the transaction ends.
pub async fn lock<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<User, Error> {
    tx.query_opt(
        concat!("select ", columns!(), " from users u where u.id = $1 and u.deleted_at is null for no key update"),
        &[&id],
    )
    .await?
    .ok_or(Error::NotFound)
}

/// Adds an invited user to the caller's agency.
///
/// # Errors
/// [`Conflict::EmailTaken`].
pub async fn insert<I: Identity>(tx: &mut Tx<I>, id: Uuid, user: &UserFields) -> Result<(), Error> {
    tx.audit(AuditEntry::new("user.create", "user", id, None));
    tx.execute(
        "insert into users (id, agency_id, email, phone, first_name, last_name, role, locale, status)
         values ($1, app.agency_id(), $2, $3, $4, $5, $6::text::user_role, $7, 'invited')",
        &[&id, &user.email, &user.phone, &user.first_name, &user.last_name, &user.role, &user.locale],
    )
    .await
    .on_constraint("users_email_key", || Error::Conflict(Conflict::EmailTaken))
}

/// What is asked for a user's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneChange {
    /// The number stays, and what was to be confirmed too.
    None,
    /// It counts at once: the invitation went to a wrong one.
    Corrected,
    /// It is to be confirmed.
    Requested,
    /// What was to be confirmed is not asked for any more.
    Withdrawn,
}

/// The number to keep and the one to confirm.
fn phones<'a>(before: &'a User, wanted: &'a str, change: PhoneChange) -> (&'a str, Option<&'a str>) {
    match change {
        PhoneChange::None => (&before.phone, before.pending_phone.as_deref()),
        PhoneChange::Corrected => (wanted, None),
        PhoneChange::Requested => (&before.phone, Some(wanted)),
        PhoneChange::Withdrawn => (&before.phone, None),
    }
}

/// Who moved an account must be found on the log: what was changed of address, number, role and status, from what to
/// what.
fn changes(before: &User, after: &User) -> Value {
    let of = |user: &User| {
        let User { email, phone, pending_phone, role, status, .. } = user;
        [json!(email), json!(phone), json!(pending_phone), json!(role), json!(status)]
    };
    let names = ["email", "phone", "pending_phone", "role", "status"];
    let both = of(before).into_iter().zip(of(after)).zip(names);
    let changed = both.filter(|((from, to), _)| from != to);
    changed.map(|((from, to), name)| (name.to_owned(), json!({"from": from, "to": to}))).collect::<Map<_, _>>().into()
}

/// Writes a managed user's fields.
///
/// # Errors
/// [`Conflict::EmailTaken`], and [`Conflict::Final`] for activating somebody without a password.
pub async fn update<I: Identity>(
    tx: &mut Tx<I>,
    before: &User,
    user: &ManagedUserFields,
    change: PhoneChange,
) -> Result<User, Error> {
    let (phone, pending_phone) = phones(before, &user.phone, change);
    let after: Option<User> = tx
        .query_opt(
            concat!(
                "update users u set email = $2, phone = $3, pending_phone = $4, first_name = $5, last_name = $6,
                   role = $7::text::user_role, locale = $8, status = $9::text::user_status
                 where u.id = $1 returning ",
                columns!()
            ),
            &[
                &before.id,
                &user.email,
                &phone,
                &pending_phone,
                &user.first_name,
                &user.last_name,
                &user.role,
                &user.locale,
                &user.status,
            ],
        )
        .await
        .on_constraint("users_email_key", || Error::Conflict(Conflict::EmailTaken))
        .on_constraint("users_active_has_password", || {
            Error::Conflict(Conflict::Final("This user has no password yet; they become active by setting one."))
        })?;
    let after = after.ok_or(Error::NotFound)?;
    tx.audit(AuditEntry::new("user.update", "user", before.id, None).with(changes(before, &after)));
    Ok(after)
}

/// Writes what users change of themselves; the rest stays as it was.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn update_own<I: Identity>(
    tx: &mut Tx<I>,
    before: &User,
    user: OwnFields,
    change: PhoneChange,
) -> Result<User, Error> {
    let OwnFields { phone, first_name, last_name, locale, push_preferences } = user;
    if push_preferences != before.push_preferences {
        let sql = "update users set push_preferences = $2 where id = $1 returning id";
        tx.execute_one(sql, &[&before.id, &push_preferences]).await?;
    }
    let fields = ManagedUserFields { phone, first_name, last_name, locale, ..before.into() };
    update(tx, before, &fields, change).await
}

/// Makes the number count that the caller has confirmed, in the account service's transaction, since families write no
/// messages. Answers the one before; nothing where another was asked for meanwhile.
pub async fn confirm_phone(tx: &mut Tx<AccountService>, caller: &Caller, phone: &str) -> Result<Option<String>, Error> {
    #[derive(FromRow)]
    struct Confirmed {
        old_phone: String,
    }
    let confirmed: Option<Confirmed> = tx
        .query_opt(
            "select c.old_phone from app.confirm_phone($1, $2, $3, $4, $5) c",
            &[&caller.user_id, &caller.device_id, &phone, &caller.request.id, &caller.request.source_ip],
        )
        .await?;
    Ok(confirmed.map(|confirmed| confirmed.old_phone))
}

/// Removes a user, softly. Their sessions end with it.
pub async fn delete<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<(), Error> {
    tx.audit(AuditEntry::new("user.delete", "user", id, None));
    tx.execute_one("update users set deleted_at = now() where id = $1 and deleted_at is null returning id", &[&id])
        .await
}

/// Whether `user` can be put on a schedule or care team, and as what.
pub async fn role_of<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<Option<Role>, Error> {
    #[derive(FromRow)]
    struct Found {
        role: Role,
    }
    let found: Option<Found> = tx
        .query_opt(
            "select u.role::text as role from users u
             where u.id = $1 and u.deleted_at is null and u.status <> 'suspended'",
            &[&id],
        )
        .await?;
    Ok(found.map(|found| found.role))
}

/// Notes that `pointer` must name a user who gives care.
pub fn must_give_care(role: Option<Role>, pointer: &str, faults: &mut Faults) {
    faults.unless(role.is_some_and(Role::gives_care), pointer, "must be a member of staff of this agency");
}
