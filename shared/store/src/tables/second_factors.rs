//! Second factors: calls to the definer functions of `code/second_factors.sql`. Seeds are sealed by `auth`, and nobody
//! reads the table otherwise.

use domain::error::Error;
use postgres_from_row::FromRow;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Identity, Tx};

/// A user's second factor.
#[derive(Debug, FromRow)]
pub struct SecondFactor {
    /// Which key the seed is sealed under.
    pub key_id: String,
    /// The seed, sealed.
    pub sealed_seed: Vec<u8>,
    /// Whether it counts: a code of it was confirmed.
    pub confirmed: bool,
}

#[derive(FromRow)]
struct Done {
    done: bool,
}

/// The second factor of somebody who has given the right password.
pub async fn find(db: &Db, user_id: Uuid) -> Result<Option<SecondFactor>, DbError> {
    db.call("select f.key_id, f.sealed_seed, f.confirmed from app.find_second_factor($1) f", &[&user_id]).await
}

/// The same inside a transaction.
pub async fn find_in<I: Identity>(tx: &mut Tx<I>, user_id: Uuid) -> Result<Option<SecondFactor>, Error> {
    Ok(tx
        .query_opt("select f.key_id, f.sealed_seed, f.confirmed from app.find_second_factor($1) f", &[&user_id])
        .await?)
}

/// Uses up the code of a time step. False where it, or a later one, was used before.
pub async fn use_step(db: &Db, user_id: Uuid, step: i64) -> Result<bool, DbError> {
    Ok(done(db.call("select app.use_totp_step($1, $2) as done", &[&user_id, &step]).await?))
}

/// Uses up a recovery code, by its digest. False where there is none such, or no longer.
pub async fn use_recovery_code(db: &Db, user_id: Uuid, digest: Vec<u8>) -> Result<bool, DbError> {
    Ok(done(db.call("select app.use_recovery_code($1, $2) as done", &[&user_id, &digest]).await?))
}

/// Keeps a new seed of the caller's, which counts once it is confirmed. False where one counts already.
pub async fn enrol<I: Identity>(tx: &mut Tx<I>, user_id: Uuid, key_id: &str, sealed: &[u8]) -> Result<bool, Error> {
    tx.audit(AuditEntry::new("auth.mfa_enrol", "user", user_id, None));
    Ok(done(tx.query_opt("select app.enrol_second_factor($1, $2) as done", &[&key_id, &sealed.to_vec()]).await?))
}

/// Makes the caller's second factor count. False where there is none to confirm.
pub async fn confirm<I: Identity>(
    tx: &mut Tx<I>,
    user_id: Uuid,
    step: i64,
    recovery_digests: Vec<Vec<u8>>,
) -> Result<bool, Error> {
    tx.audit(AuditEntry::new("auth.mfa_confirm", "user", user_id, None));
    Ok(done(tx.query_opt("select app.confirm_second_factor($1, $2) as done", &[&step, &recovery_digests]).await?))
}

/// Removes a user's second factor: the caller's own, or by an admin anybody's of the agency.
pub async fn remove<I: Identity>(tx: &mut Tx<I>, user_id: Uuid) -> Result<(), Error> {
    tx.audit(AuditEntry::new("auth.mfa_remove", "user", user_id, None));
    Ok(tx.execute("select app.remove_second_factor($1)", &[&user_id]).await?)
}

fn done(answer: Option<Done>) -> bool {
    answer.is_some_and(|answer| answer.done)
}
