use std::sync::atomic::{AtomicBool, Ordering};

use domain::error::Error;
use postgres_from_row::FromRow;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Checkout, Connection, DbError, Param};

/// Who a transaction runs as. Row-level security sees this and nothing else.
pub trait Identity: Clone + Send + Sync {
    /// Sets the identity for the transaction that is open on `connection`.
    fn set_session_identity(&self, connection: &Connection) -> impl Future<Output = Result<(), DbError>> + Send;
}

/// One line of the audit log. The actor, device, address and request id are the transaction's own.
#[derive(Clone, Debug, Serialize)]
pub struct AuditEntry {
    /// `noun.verb`, as `visit.check_in`.
    pub action: &'static str,
    /// The kind of thing, by its table's singular.
    pub resource: &'static str,
    /// The resource's id.
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
    one_snapshot: bool,
    opened: AtomicBool,
    audit: Vec<AuditEntry>,
}

const TAKE_NUMBERS: &str = "select app.reserve_change_numbers($1)";

/// One statement for all entries, whatever their number: rows travel as one parameter.
const WRITE_AUDIT: &str = "
    insert into audit_log (action, resource, resource_id, client_id, details)
    select e.action, e.resource, e.resource_id, e.client_id, e.details
    from jsonb_to_recordset($1) as e (action text, resource text, resource_id uuid, client_id uuid, details jsonb)";

impl<I: Identity> Tx<I> {
    pub(super) fn new(checkout: Checkout, who: I, numbers: u16) -> Self {
        Self { checkout, who, numbers, one_snapshot: false, opened: AtomicBool::new(false), audit: Vec::new() }
    }

    /// The same transaction, whose statements all see one state of the database.
    pub(super) fn in_one_snapshot(self) -> Self {
        Self { one_snapshot: true, ..self }
    }

    /// Sends one statement and maps its rows. Futures of several calls, joined, share a round trip and run in their
    /// order; where one fails, so do those behind it.
    pub async fn query<R: FromRow>(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<R>, DbError> {
        if self.opened.swap(true, Ordering::Relaxed) {
            self.checkout.connection.query(sql, params).await
        } else {
            // Once a transaction, and five times as large as any other.
            Box::pin(self.open_with(sql, params)).await
        }
    }

    /// [`Tx::query`] for one row or none.
    pub async fn query_opt<R: FromRow>(&self, sql: &str, params: &[&dyn Param]) -> Result<Option<R>, DbError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Sends one statement whose rows don't matter.
    pub async fn execute(&self, sql: &str, params: &[&dyn Param]) -> Result<(), DbError> {
        self.query::<NoRow>(sql, params).await.map(drop)
    }

    /// Sends a write that must touch a row, and says so by `returning`. None touched means that row-level security hid
    /// it where the handler did not: nothing is done, and nothing recorded as done.
    ///
    /// # Errors
    /// [`Error::NotFound`] then.
    pub async fn execute_one(&self, sql: &str, params: &[&dyn Param]) -> Result<(), Error> {
        self.query_opt::<NoRow>(sql, params).await?.map(drop).ok_or(Error::NotFound)
    }

    /// Tries what may fail for the data that it writes: then the transaction is as it was before, and goes on.
    pub async fn savepoint<T>(
        &self,
        work: impl Future<Output = Result<T, DbError>>,
    ) -> Result<Result<T, DbError>, DbError> {
        self.execute("savepoint before", &[]).await?;
        let outcome = work.await;
        if outcome.is_err() {
            self.execute("rollback to savepoint before", &[]).await?;
        }
        self.execute("release savepoint before", &[]).await?;
        Ok(outcome)
    }

    /// Notes an audit entry; it is written with the commit, or nothing is.
    pub fn audit(&mut self, entry: AuditEntry) {
        self.audit.push(entry);
    }

    /// Writes the audit entries and commits.
    pub async fn commit(self) -> Result<(), DbError> {
        if !self.is_open() {
            self.checkout.put_back();
            return Ok(());
        }
        let (audited, committed) = futures_util::join!(self.write_audit(), self.checkout.connection.commit());
        self.end(audited.and(committed)).await
    }

    fn is_open(&self) -> bool {
        self.opened.load(Ordering::Relaxed)
    }

    async fn write_audit(&self) -> Result<(), DbError> {
        if self.audit.is_empty() {
            return Ok(());
        }
        let entries = json!(self.audit);
        self.checkout.connection.execute(WRITE_AUDIT, &[&entries]).await
    }

    /// Sends everything that `last` sends at once, the audit entries and COMMIT in one round trip.
    pub async fn commit_after<T>(self, last: impl AsyncFnOnce(&Self) -> Result<T, DbError>) -> Result<T, DbError> {
        debug_assert!(self.is_open(), "a transaction's first statement sets the identity");
        let (done, audited, committed) =
            futures_util::join!(last(&self), self.write_audit(), self.checkout.connection.commit());
        // After a failed statement COMMIT rolls back and still answers well, so each result counts.
        let outcome = done.and_then(|done| audited.and(committed).map(|()| done));
        match outcome {
            Ok(done) => self.end(Ok(())).await.map(|()| done),
            Err(error) => Err(error),
        }
    }

    /// A failure leaves the connection to be dropped: its transaction may not have ended.
    async fn end(self, outcome: Result<(), DbError>) -> Result<(), DbError> {
        if outcome.is_ok() {
            // Boxed: what is told after it would make every future of a transaction larger.
            Box::pin(self.checkout.put_back().tell()).await;
        }
        outcome
    }

    async fn open_with<R: FromRow>(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<R>, DbError> {
        let connection = &self.checkout.connection;
        let numbers = i32::from(self.numbers);
        let (begin, identity, counter, rows) = futures_util::join!(
            async { if self.one_snapshot { connection.begin_snapshot().await } else { connection.begin().await } },
            self.who.set_session_identity(connection),
            async {
                match numbers {
                    0 => Ok(()),
                    _ => connection.execute(TAKE_NUMBERS, &[&numbers]).await,
                }
            },
            connection.query(sql, params),
        );
        begin.and(identity).and(counter).and(rows)
    }
}

/// For statements whose rows are not read.
pub struct NoRow;

impl FromRow for NoRow {
    fn from_row(_: &Row) -> Self {
        Self
    }
    fn try_from_row(_: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self)
    }
}
