use postgres_from_row::FromRow;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Checkout, Connection, DbError, Param};
use crate::error::Error;

/// Who a transaction runs as. Row-level security sees this and nothing else.
pub trait Identity: Clone + Send + Sync {
    /// Sets the identity for the transaction that is open on `connection`.
    fn take_on(&self, connection: &Connection) -> impl Future<Output = Result<(), DbError>> + Send;
}

/// One line of the audit log. The actor, device, address and request id are the transaction's own.
#[derive(Debug, Serialize)]
pub struct AuditEntry {
    /// `noun.verb`, as `visit.check_in`.
    pub action: &'static str,
    /// The kind of thing, by its table's singular.
    pub resource: &'static str,
    /// Which one.
    pub resource_id: Uuid,
    /// Whose care it concerns, if anyone's.
    pub client_id: Option<Uuid>,
    /// What a reader of the log needs beyond that. Never health data.
    pub details: Value,
}

impl AuditEntry {
    /// An entry without details.
    #[must_use]
    pub fn new(action: &'static str, resource: &'static str, resource_id: Uuid, client_id: Option<Uuid>) -> Self {
        Self { action, resource, resource_id, client_id, details: json!({}) }
    }

    /// The same entry with details.
    #[must_use]
    pub fn with(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}

/// An open write transaction. Dropped without [`Tx::commit`], it is rolled back with its connection.
pub struct Tx<I> {
    checkout: Checkout,
    who: I,
    numbers: u16,
    opened: bool,
    audit: Vec<AuditEntry>,
}

const TAKE_NUMBERS: &str = "select app.take_numbers($1)";

/// One statement for all entries, whatever their number: rows travel as one parameter.
const WRITE_AUDIT: &str = "
    insert into audit_log (action, resource, resource_id, client_id, details)
    select e.action, e.resource, e.resource_id, e.client_id, e.details
    from jsonb_to_recordset($1) as e (action text, resource text, resource_id uuid, client_id uuid, details jsonb)";

impl<I: Identity> Tx<I> {
    pub(super) fn new(checkout: Checkout, who: I, numbers: u16) -> Self {
        Self { checkout, who, numbers, opened: false, audit: Vec::new() }
    }

    /// Sends one statement and maps its rows.
    pub async fn query<R: FromRow>(&mut self, sql: &str, params: &[&dyn Param]) -> Result<Vec<R>, DbError> {
        let rows = if self.opened {
            self.checkout.connection.query(sql, params).await?
        } else {
            self.open_with(sql, params).await?
        };
        rows.iter().map(|row| R::try_from_row(row).map_err(DbError::from)).collect()
    }

    /// [`Tx::query`] for one row or none.
    pub async fn query_opt<R: FromRow>(&mut self, sql: &str, params: &[&dyn Param]) -> Result<Option<R>, DbError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Sends one statement whose rows don't matter.
    pub async fn execute(&mut self, sql: &str, params: &[&dyn Param]) -> Result<(), DbError> {
        self.query::<Nothing>(sql, params).await.map(drop)
    }

    /// Sends a write that must touch a row, and says so by `returning`. None touched means that row-level security hid
    /// it where the handler did not: nothing is done, and nothing recorded as done.
    ///
    /// # Errors
    /// [`Error::NotFound`] then.
    pub async fn execute_one(&mut self, sql: &str, params: &[&dyn Param]) -> Result<(), Error> {
        self.query_opt::<Nothing>(sql, params).await?.map(drop).ok_or(Error::NotFound)
    }

    /// Notes an audit entry; it is written with the commit, or nothing is.
    pub fn audit(&mut self, entry: AuditEntry) {
        self.audit.push(entry);
    }

    /// Writes the audit entries and commits.
    pub async fn commit(self) -> Result<(), DbError> {
        if !self.opened {
            self.checkout.put_back();
            return Ok(());
        }
        let (audited, committed) = futures_util::join!(self.write_audit(), self.checkout.connection.commit());
        self.end(audited.and(committed))
    }

    async fn write_audit(&self) -> Result<(), DbError> {
        if self.audit.is_empty() {
            return Ok(());
        }
        let entries = json!(self.audit);
        self.checkout.connection.query(WRITE_AUDIT, &[&entries]).await.map(drop)
    }

    /// Sends one last statement, the audit entries and COMMIT in one flight, and maps the statement's rows.
    pub async fn commit_with<R: FromRow>(self, sql: &str, params: &[&dyn Param]) -> Result<Vec<R>, DbError> {
        debug_assert!(self.opened, "a transaction's first statement takes the identity on");
        let connection = &self.checkout.connection;
        let (rows, audited, committed) =
            futures_util::join!(connection.query(sql, params), self.write_audit(), connection.commit());
        let rows = rows.and_then(|rows| audited.map(|()| rows));
        match rows {
            Ok(rows) => {
                self.end(committed)?;
                rows.iter().map(|row| R::try_from_row(row).map_err(DbError::from)).collect()
            }
            Err(error) => self.end(Err(error)).map(|()| Vec::new()),
        }
    }

    /// A failure leaves the connection to be dropped: its transaction may not have ended.
    fn end(self, outcome: Result<(), DbError>) -> Result<(), DbError> {
        if outcome.is_ok() {
            self.checkout.put_back();
        }
        outcome
    }

    async fn open_with(&mut self, sql: &str, params: &[&dyn Param]) -> Result<Vec<Row>, DbError> {
        let connection = &self.checkout.connection;
        let numbers = i32::from(self.numbers);
        let (begin, identity, counter, rows) = futures_util::join!(
            connection.begin(),
            self.who.take_on(connection),
            async {
                match numbers {
                    0 => Ok(()),
                    _ => connection.query(TAKE_NUMBERS, &[&numbers]).await.map(drop),
                }
            },
            connection.query(sql, params),
        );
        self.opened = true;
        begin.and(identity).and(counter).and(rows)
    }
}

/// For statements whose rows are not read.
pub struct Nothing;

impl FromRow for Nothing {
    fn from_row(_: &Row) -> Self {
        Self
    }
    fn try_from_row(_: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self)
    }
}
