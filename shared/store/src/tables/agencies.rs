//! The tenants: as the scheduled jobs find them, and as whoever runs the installation administers them.

use domain::{error::Error, identity::Operator};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, NoRow, Tx};

/// One home-care agency.
#[derive(Clone, Debug)]
pub struct Agency {
    /// The agency's id.
    pub id: Uuid,
}

#[derive(FromRow)]
struct Listed {
    ids: Vec<Uuid>,
}

/// All of them, for a job that then acts for one after the other.
pub async fn all(db: &Db) -> Result<Vec<Agency>, DbError> {
    let listed: Option<Listed> = db.call("select ids from app.list_agencies()", &[]).await?;
    Ok(listed.into_iter().flat_map(|listed| listed.ids).map(|id| Agency { id }).collect())
}

/// Whether the database knows a time zone of this name.
pub async fn is_time_zone(tx: &mut Tx<Operator>, name: &str) -> Result<bool, Error> {
    let known: Option<NoRow> = tx.query_opt("select where app.knows_time_zone($1)", &[&name]).await?;
    Ok(known.is_some())
}

/// An agency, as its operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow)]
pub struct AgencyAccount {
    /// The agency's id.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// Where its days begin and end.
    pub time_zone: String,
    /// Since when nobody of it gets in.
    pub suspended_at: Option<Timestamp>,
    /// How many years records are kept after the last care.
    pub retention_years: i32,
    /// How many may sign in.
    pub active_users: i64,
    /// When it was opened.
    pub created_at: Timestamp,
}

macro_rules! account {
    ($($rest:literal)?) => {
        concat!(
            "select a.id, a.name, a.time_zone, a.suspended_at, a.retention_years, a.created_at,
               (select count(*) from users u
                where u.agency_id = a.id and u.status = 'active' and u.deleted_at is null) as active_users
             from agencies a ",
            $($rest)?
        )
    };
}

/// All of them by name, for their operator.
pub async fn list(db: &Db, operator: &Operator) -> Result<Vec<AgencyAccount>, DbError> {
    db.read(operator, account!("order by a.name, a.id"), &[]).await
}

/// One of them, locked until the transaction ends.
pub async fn lock(tx: &mut Tx<Operator>, id: Uuid) -> Result<AgencyAccount, Error> {
    tx.query_opt(account!("where a.id = $1 for no key update of a"), &[&id]).await?.ok_or(Error::NotFound)
}

/// Whom an address belongs to.
#[derive(Debug, FromRow)]
pub struct Account {
    /// Who signs in with it.
    pub user_id: Uuid,
    /// Whether they are an admin.
    pub is_admin: bool,
    /// The agency that they belong to.
    pub agency_id: Uuid,
    /// What it is called.
    pub agency_name: String,
}

/// Who signs in with `email`, in any agency.
pub async fn account_of(tx: &mut Tx<Operator>, email: &str) -> Result<Option<Account>, Error> {
    Ok(tx
        .query_opt(
            "select u.id as user_id, u.role = 'admin' as is_admin, a.id as agency_id, a.name as agency_name
             from users u join agencies a on a.id = u.agency_id
             where lower(u.email) = lower($1) and u.deleted_at is null",
            &[&email],
        )
        .await?)
}

/// Opens the operator's agency.
pub async fn insert(tx: &mut Tx<Operator>, id: Uuid, name: &str, time_zone: &str) -> Result<(), Error> {
    tx.audit(AuditEntry { details: json!({"name": name}), ..AuditEntry::new("agency.create", "agency", id, None) });
    tx.execute("insert into agencies (id, name, time_zone) values ($1, $2, $3)", &[&id, &name, &time_zone]).await?;
    Ok(())
}

/// Calls it something else.
pub async fn rename(tx: &mut Tx<Operator>, id: Uuid, name: &str) -> Result<(), Error> {
    tx.audit(AuditEntry { details: json!({"name": name}), ..AuditEntry::new("agency.rename", "agency", id, None) });
    tx.execute("update agencies set name = $2 where id = $1", &[&id, &name]).await?;
    Ok(())
}

/// Shuts everybody of it out, and ends their sessions.
pub async fn suspend(tx: &mut Tx<Operator>, id: Uuid) -> Result<(), Error> {
    tx.audit(AuditEntry::new("agency.suspend", "agency", id, None));
    tx.execute("update agencies set suspended_at = now() where id = $1", &[&id]).await?;
    tx.execute("update devices set session_id = null where agency_id = $1 and session_id is not null", &[&id]).await?;
    Ok(())
}

/// Lets them sign in again.
pub async fn resume(tx: &mut Tx<Operator>, id: Uuid) -> Result<(), Error> {
    tx.audit(AuditEntry::new("agency.resume", "agency", id, None));
    tx.execute("update agencies set suspended_at = null where id = $1", &[&id]).await?;
    Ok(())
}

/// Says how long its records are kept.
pub async fn set_retention(tx: &mut Tx<Operator>, id: Uuid, years: i32) -> Result<(), Error> {
    let details = json!({"retention_years": years});
    tx.audit(AuditEntry { details, ..AuditEntry::new("agency.set_retention", "agency", id, None) });
    tx.execute("update agencies set retention_years = $2 where id = $1", &[&id, &years]).await?;
    Ok(())
}
