//! What of the registers of privacy is due, and who is to be reminded of it.

use domain::messages::Locale;
use jiff::{Timestamp, civil::Date};
use postgres_from_row::FromRow;
use uuid::Uuid;

use crate::{Db, DbError, Identity, text_sql};

/// Which register it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Register {
    /// What somebody asks of their data.
    Request,
    /// A breach.
    Incident,
}
text_sql!(Register);

/// An open entry of a register that is due, or will be soon.
#[derive(Clone, Debug, FromRow)]
pub struct DueEntry {
    /// Which register.
    pub register: Register,
    /// The entry.
    pub id: Uuid,
    /// By when.
    pub due_at: Timestamp,
    /// The day that is where the agency is.
    pub due_on: Date,
}

/// Open requests that are due by the one time, and open incidents by the other: the oldest first, at most so many.
pub async fn entries(
    db: &Db,
    who: &impl Identity,
    requests_by: Timestamp,
    incidents_by: Timestamp,
    limit: i64,
) -> Result<Vec<DueEntry>, DbError> {
    db.read(
        who,
        "select 'request' as register, r.id, r.due_at, app.local_date(r.due_at) as due_on from privacy_requests r
         where r.agency_id = app.agency_id() and r.state in ('received', 'in_progress') and r.due_at <= $1
         union all
         select 'incident', i.id, i.due_at, app.local_date(i.due_at) from privacy_incidents i
         where i.agency_id = app.agency_id() and i.state <> 'closed' and i.due_at <= $2
         order by due_at, id limit $3",
        &[&requests_by, &incidents_by, &limit],
    )
    .await
}

/// Somebody who keeps the registers.
#[derive(Clone, Debug, FromRow)]
pub struct Keeper {
    /// The user.
    pub user_id: Uuid,
    /// Their number (E.164).
    pub phone: String,
    /// Their language.
    pub locale: Locale,
}

/// The agency's admins.
pub async fn keepers(db: &Db, who: &impl Identity) -> Result<Vec<Keeper>, DbError> {
    db.read(
        who,
        "select u.id as user_id, u.phone, u.locale from users u
         where u.agency_id = app.agency_id() and u.role = 'admin' and u.status = 'active' and u.deleted_at is null
         order by u.id",
        &[],
    )
    .await
}
