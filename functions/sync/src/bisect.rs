//! Finds the records that the database doesn't take though they were reconciled: a constraint that the rules don't
//! know, a policy of row-level security. One bad record never blocks the rest.

use std::collections::BTreeMap;

use domain::{consent::withdrawn, identity::Caller, sync::policy::NOT_YOURS};
use store::{
    DbError, Tx,
    reads::sync_push::{self, OUT_OF_REACH},
};
use uuid::Uuid;

use crate::plan::Plan;

/// Records that the database doesn't take, by table and id, and why.
pub(crate) type DatabaseRejections = BTreeMap<(&'static str, Uuid), String>;

fn reason(error: &DbError) -> String {
    match error.rule() {
        OUT_OF_REACH => NOT_YOURS.to_owned(),
        rule => withdrawn(rule).map_or_else(|| format!("the database refused it: {rule}"), ToOwned::to_owned),
    }
}

/// Tries the batches one after the other, and halves the first that fails down to single records. Only the first: what
/// else fails may fail for what it lacks then. Nothing of it is committed.
pub(crate) async fn rejections(tx: &Tx<Caller>, plan: &Plan) -> Result<DatabaseRejections, DbError> {
    sync_push::keep_revoked_clients_readable(tx).await?;
    for batch in plan.batches() {
        let mut found = DatabaseRejections::new();
        let mut suspects = vec![batch];
        while let Some(batch) = suspects.pop() {
            match tx.savepoint(batch.write(tx)).await? {
                Ok(()) => {}
                Err(error) if error.is_about_the_data() => match batch.halves() {
                    Ok(halves) => suspects.extend(halves),
                    Err(id) => {
                        found.insert((batch.table.name, id), reason(&error));
                    }
                },
                Err(error) => return Err(error),
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(DatabaseRejections::new())
}
