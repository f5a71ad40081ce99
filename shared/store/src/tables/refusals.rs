//! Refusals on record: who asked for what they may not have.

use domain::request::RequestInfo;
use postgres_from_row::FromRow;
use uuid::Uuid;

use crate::{Db, DbError};

/// Puts on record that `user_id` was refused with `status`; `ids` are those of the path. Of what doesn't exist nothing
/// is recorded, nor more than some a minute. Answers whether it was (`app.record_refusal`).
pub async fn record(
    db: &Db,
    user_id: Uuid,
    status: u16,
    ids: Vec<Uuid>,
    request: &RequestInfo,
) -> Result<bool, DbError> {
    #[derive(FromRow)]
    struct Recorded {
        recorded: bool,
    }
    let row: Option<Recorded> = db
        .call(
            "select app.record_refusal($1, $2, $3, $4, $5, $6) as recorded",
            &[&user_id, &i32::from(status), &request.route(), &ids, &request.id, &request.source_ip],
        )
        .await?;
    Ok(row.is_some_and(|row| row.recorded))
}
