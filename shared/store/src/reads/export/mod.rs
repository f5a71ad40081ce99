//! Everything that is held on a client, read in pages from one snapshot of the database ([`crate::Db::snapshot`]), so
//! that an export is consistent and its size costs no memory.
//!
//! Deleted rows are held, and so exported. The tests name each column of each table that is left out, and why.

mod care;
mod client;
mod log;
mod messages;
mod visits;

use domain::error::Error;
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

pub use care::{ExportedCarePlan, ExportedConsent, ExportedMember};
pub use client::{ExportedAgency, ExportedClient, ExportedPerson, HealthCard};
pub use log::{ExportedAuditEntry, ExportedConflict, ExportedRefusal, ExportedRevision};
pub use messages::{ExportedAlert, ExportedMessage, ExportedReply};
pub use visits::{ExportedFile, ExportedPhoto, ExportedTask, ExportedVisit};

use crate::{AuditEntry, DbError, Identity, Tx};

/// How many rows are read at a time.
const PAGE_ROWS: i64 = 500;

/// A kind of rows of which a client has many.
pub trait Exported: FromRow + Send {
    /// What reads them: `$1` is the client, `place_at` and `place_key` are what they are ordered by.
    const SQL: &'static str;
}

/// The rows of a client's, from `$1`, that follow `$2` and `$3`: so many as `$4` says.
macro_rules! page_of {
    ($($sql:tt)+) => {
        concat!(
            "select * from (", $($sql)+, ") r
             where r.place_at >= coalesce($2, '-infinity'::timestamptz)
               and ($2::timestamptz is null or (r.place_at, r.place_key collate \"C\") > ($2, $3))
             order by r.place_at, r.place_key collate \"C\" limit $4"
        )
    };
}
pub(crate) use page_of;

/// A row and its place among the others.
struct Placed<R> {
    row: R,
    at: Timestamp,
    key: String,
}

impl<R: FromRow> FromRow for Placed<R> {
    fn from_row(row: &Row) -> Self {
        Self { row: R::from_row(row), at: row.get("place_at"), key: row.get("place_key") }
    }
    fn try_from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self { row: R::try_from_row(row)?, at: row.try_get("place_at")?, key: row.try_get("place_key")? })
    }
}

/// A walk through all rows of one kind, page by page.
pub struct Pages {
    client_id: Uuid,
    after: Option<(Timestamp, String)>,
    ended: bool,
}

impl Pages {
    /// From the first.
    #[must_use]
    pub fn of_client(client_id: Uuid) -> Self {
        Self { client_id, after: None, ended: false }
    }

    /// The next rows; none after the last.
    pub async fn next<R: Exported, I: Identity>(&mut self, tx: &Tx<I>) -> Result<Vec<R>, DbError> {
        if self.ended {
            return Ok(Vec::new());
        }
        let (at, key) = self.after.take().unzip();
        let page: Vec<Placed<R>> = tx.query(R::SQL, &[&self.client_id, &at, &key, &PAGE_ROWS]).await?;
        self.ended = i64::try_from(page.len()).is_ok_and(|rows| rows < PAGE_ROWS);
        self.after = page.last().map(|last| (last.at, last.key.clone()));
        Ok(page.into_iter().map(|placed| placed.row).collect())
    }
}

/// What an export begins with.
#[derive(Debug)]
pub struct Head {
    /// When the snapshot was taken.
    pub exported_at: Timestamp,
    /// Whose client it is.
    pub agency: ExportedAgency,
    /// The client.
    pub client: ExportedClient,
    /// Everybody whom the client's rows name.
    pub people: Vec<ExportedPerson>,
}

/// Reads what an export begins with.
///
/// # Errors
/// [`Error::NotFound`] where the caller sees no such client.
pub async fn head<I: Identity>(tx: &Tx<I>, client_id: Uuid) -> Result<Head, Error> {
    let client = client::read(tx, client_id).await?.ok_or(Error::NotFound)?;
    let (exported_at, agency) = client::agency(tx).await?.ok_or(Error::NotFound)?;
    let people = client::people(tx, client_id).await?;
    Ok(Head { exported_at, agency, client, people })
}

/// Notes that everything was taken out: in which format, and how many rows of each kind.
pub fn audit<I: Identity>(tx: &mut Tx<I>, client_id: Uuid, format: &str, counts: &Value) {
    tx.audit(
        AuditEntry::new("client.export", "client", client_id, Some(client_id))
            .with(json!({"format": format, "counts": counts})),
    );
}
