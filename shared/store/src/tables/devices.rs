//! Devices, and the session on each.

use domain::{
    error::Error,
    identity::JobIdentity,
    limits::{REFRESH_TOKEN_SECONDS, SESSION_DAYS},
};
use jiff::{SignedDuration, Timestamp};
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Identity, NoRow, Tx, audited_page, text_sql};

/// What a device runs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "ios")]
pub enum Platform {
    /// iPhone or iPad.
    Ios,
    /// Android.
    Android,
    /// A browser.
    Web,
}
text_sql!(Platform);

/// A phone or browser that somebody signed in on.
#[derive(Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000d1",
    "user_id": "0193a5b0-0000-7000-8000-000000000003",
    "name": "Amara's iPhone", "platform": "ios", "app_version": "1.4.0", "signed_in": true,
    "last_seen_at": "2026-11-20T11:58:03Z", "last_sync_at": null, "pending_count": null, "revoked_at": null,
    "created_at": "2026-11-01T09:12:40Z"}))]
pub struct Device {
    /// Made by the app when it was installed.
    pub id: Uuid,
    /// The user who is signed in on it.
    pub user_id: Uuid,
    /// The device's name, as its owner chose it.
    pub name: String,
    /// The device's platform.
    pub platform: Platform,
    /// The app's version.
    pub app_version: String,
    /// Whether a session stands on it.
    pub signed_in: bool,
    /// When the server last heard from it.
    pub last_seen_at: Timestamp,
    /// When it last synchronised.
    pub last_sync_at: Option<Timestamp>,
    /// How many changes it said it had not sent yet.
    pub pending_count: Option<i32>,
    /// When the device was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it first signed in.
    pub created_at: Timestamp,
}

/// A user's devices, newest first: older ones than this, at most so many.
pub async fn of_user(
    db: &Db,
    who: &impl Identity,
    user_id: Uuid,
    before: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<Device>, DbError> {
    let (created_at, id) = before.unzip();
    db.read(
        who,
        audited_page!(
            "device.list",
            "device",
            "$4",
            "select d.id, d.user_id, d.name, d.platform::text as platform, d.app_version,
               d.session_id is not null and d.revoked_at is null as signed_in, d.last_seen_at, d.last_sync_at,
               d.pending_count, d.revoked_at, d.created_at, null::uuid as client_id
             from devices d where d.user_id = $1 and ($3::uuid is null or (d.created_at, d.id) < ($2, $3))
             order by d.created_at desc, d.id desc limit $4"
        ),
        &[&user_id, &created_at, &id, &limit],
    )
    .await
}

/// Cuts one device off. Answers whether there was such a device that the caller may revoke.
pub async fn revoke<I: Identity>(tx: &mut Tx<I>, user_id: Uuid, id: Uuid) -> Result<bool, Error> {
    tx.audit(AuditEntry::new("device.revoke", "device", id, None));
    let revoked: Option<Touched> = tx
        .query_opt(
            "update devices set revoked_at = coalesce(revoked_at, now()), session_id = null
             where id = $1 and user_id = $2 returning id",
            &[&id, &user_id],
        )
        .await?;
    Ok(revoked.is_some())
}

/// Ends the session on one device.
pub async fn end_session<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<(), Error> {
    tx.audit(AuditEntry::new("auth.logout", "device", id, None));
    Ok(tx.execute("update devices set session_id = null, push_token = null where id = $1", &[&id]).await?)
}

/// Notes where the caller's device takes push messages; no other device does there any more.
pub async fn take_push_token<I: Identity>(tx: &mut Tx<I>, id: Uuid, token: &str) -> Result<(), Error> {
    tx.audit(AuditEntry::new("device.take_pushes", "device", id, None));
    Ok(tx.execute("select app.take_push_token($1)", &[&token]).await?)
}

/// Notes that a device takes none.
pub async fn drop_push_token<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<(), Error> {
    tx.audit(AuditEntry::new("device.take_no_pushes", "device", id, None));
    Ok(tx.execute("update devices set push_token = null where id = $1", &[&id]).await?)
}

/// Forgets a push token that no device answers to any more, as a job of the agency.
pub async fn forget_push_token(db: &Db, (agency_id, user_id): (Uuid, Uuid), token: &str) -> Result<(), DbError> {
    db.read::<NoRow>(
        &JobIdentity { agency_id },
        "update devices set push_token = null where user_id = $1 and push_token = $2",
        &[&user_id, &token],
    )
    .await
    .map(drop)
}

/// Notes that the caller has given the password again, and the second factor where there is one.
pub async fn renew_authentication<I: Identity>(
    tx: &mut Tx<I>,
    device_id: Uuid,
    second_factor: bool,
) -> Result<(), Error> {
    tx.audit(AuditEntry::new("auth.step_up", "device", device_id, None));
    Ok(tx.execute("select app.renew_authentication($1)", &[&second_factor]).await?)
}

/// Ends all sessions of a user.
pub async fn end_sessions_of<I: Identity>(tx: &mut Tx<I>, user_id: Uuid) -> Result<(), Error> {
    tx.audit(AuditEntry::new("auth.logout_all", "user", user_id, None));
    Ok(tx
        .execute(
            "update devices set session_id = null, push_token = null
             where id = any (array(
               select d.id from devices d where d.user_id = $1 and d.session_id is not null
               order by d.id for no key update))",
            &[&user_id],
        )
        .await?)
}

/// Ends at most `limit` sessions that have run out by `now`, with their refresh token or their 30 days: nobody can go
/// on with them, and nobody there reads what is pushed. Answers how many.
pub async fn end_expired_sessions(tx: &mut Tx<JobIdentity>, now: Timestamp, limit: i32) -> Result<u64, Error> {
    // Each use of a refresh token is noted as a sign of life, and gives the next one its time.
    let now = now.min(Timestamp::now());
    let dead_since = now - SignedDuration::from_secs(REFRESH_TOKEN_SECONDS);
    let password_given = now - SignedDuration::from_hours(24 * SESSION_DAYS);
    let ended: Vec<Touched> = tx
        .query(
            "update devices set session_id = null, push_token = null
             where id = any (array(
               select d.id from devices d
               where d.agency_id = app.agency_id() and d.session_id is not null
                 and (d.last_seen_at < $1 or d.authenticated_at < $2)
               order by d.id limit $3 for no key update skip locked))
             returning id",
            &[&dead_since, &password_given, &i64::from(limit)],
        )
        .await?;
    for device in &ended {
        tx.audit(AuditEntry::new("auth.expire", "device", device.id, None));
    }
    Ok(ended.len() as u64)
}

#[derive(FromRow)]
struct Touched {
    id: Uuid,
}
