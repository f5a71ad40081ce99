//! The tenants, as the scheduled jobs find them.

use postgres_from_row::FromRow;
use uuid::Uuid;

use crate::{Db, DbError};

/// One home-care agency.
#[derive(Clone, Debug)]
pub struct Agency {
    /// The agency's id.
    pub id: Uuid,
    /// Where its days begin and end: a name of the IANA time zone database.
    pub time_zone: String,
}

#[derive(FromRow)]
struct Listed {
    ids: Vec<Uuid>,
    time_zones: Vec<String>,
}

/// All of them, for a job that then acts for one after the other.
pub async fn all(db: &Db) -> Result<Vec<Agency>, DbError> {
    let listed: Option<Listed> = db.call("select ids, time_zones from app.list_agencies()", &[]).await?;
    let pairs = listed.into_iter().flat_map(|listed| listed.ids.into_iter().zip(listed.time_zones));
    Ok(pairs.map(|(id, time_zone)| Agency { id, time_zone }).collect())
}
