//! What records were first created from, so that a create sent twice differs from two creates with one id.

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::error::{Conflict, Error};
use postgres_from_row::FromRow;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Identity, Tx};

/// Whether a create is to go ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// The id is new.
    Fresh,
    /// The same body created it before: answer as the first time.
    Replay,
}

#[derive(FromRow)]
struct Claim {
    fresh: bool,
    same: bool,
}

/// Claims `id` for a record of `table` made from `body`.
///
/// # Errors
/// [`Conflict::IdTaken`] where another body, or another table, had it before.
pub async fn claim<I: Identity>(
    tx: &mut Tx<I>,
    table: &'static str,
    id: Uuid,
    body: &impl Serialize,
) -> Result<Creation, Error> {
    let sha256 = digest_of(body)?.as_ref().to_vec();
    let claim: Option<Claim> = tx
        .query_opt(
            "with fresh as (
               insert into creations (record_id, table_name, body_sha256, created_by)
               values ($1, $2, $3, app.user_id())
               on conflict (record_id) do nothing
               returning record_id)
             select exists (select from fresh) as fresh,
               exists (select from creations c
                       where c.record_id = $1 and c.table_name = $2 and c.body_sha256 = $3) as same",
            &[&id, &table, &sha256],
        )
        .await?;
    match claim {
        Some(Claim { fresh: true, .. }) => Ok(Creation::Fresh),
        Some(Claim { same: true, .. }) => note_replay(tx, table, id).await,
        // The statement may have waited for a create at the same moment, and read as of before that was committed.
        _ if was_made_from(tx, table, id, &sha256).await? => note_replay(tx, table, id).await,
        _ => Err(Error::Conflict(Conflict::IdTaken)),
    }
}

/// Whether `id` is a record of `table` made from this body, as of now.
async fn was_made_from<I: Identity>(
    tx: &mut Tx<I>,
    table: &'static str,
    id: Uuid,
    sha256: &Vec<u8>,
) -> Result<bool, Error> {
    let found: Option<Claimed> = tx
        .query_opt(
            "select c.record_id as id from creations c
             where c.record_id = $1 and c.table_name = $2 and c.body_sha256 = $3",
            &[&id, &table, sha256],
        )
        .await?;
    Ok(found.is_some())
}

/// A replay answers the record, and so is a look at it: on record as one.
async fn note_replay<I: Identity>(tx: &mut Tx<I>, table: &'static str, id: Uuid) -> Result<Creation, Error> {
    let about: Option<About> = tx
        .query_opt(
            "select case $1
               when 'clients' then $2
               when 'visits' then (select v.client_id from visits v where v.id = $2)
               when 'visit_tasks' then
                 (select v.client_id from visit_tasks t join visits v on v.id = t.visit_id where t.id = $2)
               when 'photos' then (select p.subject_client_id from photos p where p.id = $2)
               when 'alerts' then (select a.client_id from alerts a where a.id = $2)
               when 'consents' then (select c.client_id from consents c where c.id = $2)
               when 'care_team' then (select m.client_id from care_team m where m.id = $2)
               when 'privacy_requests' then (select r.client_id from privacy_requests r where r.id = $2)
               when 'legal_holds' then (select h.client_id from legal_holds h where h.id = $2)
               when 'client_exports' then (select x.client_id from client_exports x where x.id = $2)
             end as client_id",
            &[&table, &id],
        )
        .await?;
    tx.audit(AuditEntry::new("record.replay", table, id, about.and_then(|about| about.client_id)));
    Ok(Creation::Replay)
}

#[derive(FromRow)]
struct About {
    client_id: Option<Uuid>,
}

/// Claims the ids of many records at once, and answers those that are new. What any of the others was made from is
/// not looked at.
pub async fn claim_many<I: Identity>(
    tx: &mut Tx<I>,
    table: &'static str,
    records: &[(Uuid, impl Serialize)],
) -> Result<Vec<Uuid>, Error> {
    let rows: Vec<Value> = records
        .iter()
        .map(|(id, body)| Ok(json!({"id": id, "body_sha256": STANDARD.encode(digest_of(body)?)})))
        .collect::<Result<_, Error>>()?;
    let fresh: Vec<Claimed> = tx
        .query(
            "insert into creations (record_id, table_name, body_sha256, created_by)
             select r.id, $1, decode(r.body_sha256, 'base64'), app.user_id()
             from jsonb_to_recordset($2) as r (id uuid, body_sha256 text)
             on conflict (record_id) do nothing
             returning record_id as id",
            &[&table, &Value::Array(rows)],
        )
        .await?;
    Ok(fresh.into_iter().map(|row| row.id).collect())
}

/// Which of these ids were ever claimed, whatever became of their records.
pub async fn known(db: &Db, who: &impl Identity, ids: Vec<Uuid>) -> Result<Vec<Uuid>, DbError> {
    let rows: Vec<Claimed> =
        db.read(who, "select c.record_id as id from creations c where c.record_id = any($1)", &[&ids]).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

#[derive(FromRow)]
struct Claimed {
    id: Uuid,
}

fn digest_of(body: &impl Serialize) -> Result<digest::Digest, Error> {
    let canonical = serde_json::to_vec(body).map_err(|error| Error::Internal(error.into()))?;
    Ok(digest::digest(&digest::SHA256, &canonical))
}
