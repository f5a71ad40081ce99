//! What records were first created from, so that a create sent twice is told from two creates with one id.

use aws_lc_rs::digest;
use postgres_from_row::FromRow;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    db::{Identity, Tx},
    error::{Conflict, Error},
};

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
    let canonical = serde_json::to_vec(body).map_err(|error| Error::Internal(error.into()))?;
    let sha256 = digest::digest(&digest::SHA256, &canonical).as_ref().to_vec();
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
        Some(Claim { same: true, .. }) => Ok(Creation::Replay),
        _ => Err(Error::Conflict(Conflict::IdTaken)),
    }
}
