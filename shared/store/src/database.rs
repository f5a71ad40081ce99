//! The one PostgreSQL connection of a Lambda environment, and the transactions on it.
//!
//! An environment serves one request at a time, so a pool would only hold idle connections at the proxy. The
//! connection is opened at start-up, checked after each thaw, replaced when it is gone, and thrown away whenever a
//! transaction on it did not end.
//!
//! Round trips are what costs: [`Db::read`] is one round trip (begin, identity, query, commit), a write through
//! [`Db::write`] is two.

use std::{collections::BTreeSet, sync::Arc};

use postgres_from_row::FromRow;
use tokio::sync::{Mutex, OwnedMutexGuard};
use uuid::Uuid;

use crate::{Connection, ConnectionSource, DbError, Identity, Listeners, Param, StatementMode, Tx, connect};

/// The change numbers that a transaction reserves: more than one request's writes need, triggers' among them. Gaps are
/// fine.
const NUMBERS: u16 = 50;

/// The environment's database. Cloning shares the one connection.
#[derive(Clone)]
pub struct Db {
    source: Arc<dyn ConnectionSource>,
    mode: StatementMode,
    slot: Arc<Mutex<Option<Connection>>>,
    listeners: Option<Arc<dyn Listeners>>,
}

impl Db {
    /// A database that connects when it is first used, or by [`Db::warm_up`].
    #[must_use]
    pub fn new(source: impl ConnectionSource + 'static, mode: StatementMode) -> Self {
        Self { source: Arc::new(source), mode, slot: Arc::default(), listeners: None }
    }

    /// The same, which tells `listeners` of what its transactions announce, once they are committed.
    #[must_use]
    pub fn telling(self, listeners: impl Listeners + 'static) -> Self {
        Self { listeners: Some(Arc::new(listeners)), ..self }
    }

    /// Connects ahead of the first request. A failure is only logged: the first request tries again, and answers
    /// 503 when that fails too.
    pub async fn warm_up(&self) {
        if let Err(error) = self.checkout().await.map(|checkout| drop(checkout.put_back())) {
            tracing::warn!(%error, "the database could not be reached at start-up");
        }
    }

    /// Runs one query as `who`, in one round trip, and maps its rows.
    ///
    /// A connection that turns out to be dead is replaced and the query sent once more.
    ///
    /// # Errors
    /// [`DbError`] of whichever statement failed first.
    pub async fn read<R: FromRow>(
        &self,
        who: &impl Identity,
        sql: &str,
        params: &[&dyn Param],
    ) -> Result<Vec<R>, DbError> {
        match self.read_once(who, sql, params).await {
            Err(error) if error.is_connection_lost() => self.read_once(who, sql, params).await,
            other => other,
        }
    }

    /// [`Db::read`] for a query that yields one row or none.
    pub async fn read_opt<R: FromRow>(
        &self,
        who: &impl Identity,
        sql: &str,
        params: &[&dyn Param],
    ) -> Result<Option<R>, DbError> {
        Ok(self.read(who, sql, params).await?.into_iter().next())
    }

    async fn read_once<R: FromRow>(
        &self,
        who: &impl Identity,
        sql: &str,
        params: &[&dyn Param],
    ) -> Result<Vec<R>, DbError> {
        let checkout = self.checkout().await?;
        let connection = &checkout.connection;
        let (begin, identity, rows, commit) = futures_util::join!(
            connection.begin(),
            who.set_session_identity(connection),
            connection.query(sql, params),
            connection.commit(),
        );
        // After a failed statement COMMIT rolls back and still answers well, so each result counts.
        let lost = [&begin, &identity, &commit].iter().any(|step| matches!(step, Err(e) if e.is_connection_lost()));
        let rows = begin.and(identity).and(rows).and_then(|rows| commit.map(|()| rows));
        if !lost {
            checkout.put_back();
        }
        rows
    }

    /// Calls a function that checks for itself who may call it, outside any identity: sign-in and its kin.
    pub async fn call<R: FromRow>(&self, sql: &str, params: &[&dyn Param]) -> Result<Option<R>, DbError> {
        Ok(self.call_all(sql, params).await?.into_iter().next())
    }

    /// Calls a function that sets its caller's identity itself, and maps its rows: one statement, which is a
    /// transaction of its own and one round trip.
    pub async fn call_all<R: FromRow>(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<R>, DbError> {
        let checkout = self.checkout().await?;
        let rows = checkout.connection.query(sql, params).await;
        if !rows.as_ref().is_err_and(DbError::is_connection_lost) {
            let after_commit = checkout.put_back();
            if rows.is_ok() {
                after_commit.tell().await;
            }
        }
        rows
    }

    /// [`Db::call_all`] of a function that writes nothing that counts twice: tried once more where the connection turns
    /// out to be dead.
    pub async fn call_read<R: FromRow>(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<R>, DbError> {
        match self.call_all(sql, params).await {
            Err(error) if error.is_connection_lost() => self.call_all(sql, params).await,
            other => other,
        }
    }

    /// Whether the database answers.
    pub async fn reach(&self) -> Result<(), DbError> {
        let checkout = self.checkout().await?;
        checkout.connection.execute("select 1", &[]).await?;
        checkout.put_back();
        Ok(())
    }

    /// Opens a transaction for writing as `who`. Nothing is sent before its first statement, which then shares one
    /// round trip with BEGIN, the identity, and change numbers, with which comes the agency's write lock.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn write<I: Identity>(&self, who: &I) -> Result<Tx<I>, DbError> {
        self.write_many(who, NUMBERS).await
    }

    /// [`Db::write`] for bulk, which knows about how many rows of synced tables it writes. Too few costs a little time.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn write_many<I: Identity>(&self, who: &I, rows: u16) -> Result<Tx<I>, DbError> {
        Ok(Tx::new(self.checkout().await?, who.clone(), rows))
    }

    /// [`Db::write`] for what touches no synced table: it takes no change numbers, and so waits for no other writer. A
    /// write to a synced table fails in it.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn write_unsynced<I: Identity>(&self, who: &I) -> Result<Tx<I>, DbError> {
        Ok(Tx::new(self.checkout().await?, who.clone(), 0))
    }

    /// [`Db::write_unsynced`] for what reads much and records that it did: all of its statements see one state of the
    /// database.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn snapshot<I: Identity>(&self, who: &I) -> Result<Tx<I>, DbError> {
        Ok(self.write_unsynced(who).await?.in_one_snapshot())
    }

    async fn checkout(&self) -> Result<Checkout, DbError> {
        let mut slot = Arc::clone(&self.slot).lock_owned().await;
        // A connection that died while the environment was frozen says so only after its task has run.
        tokio::task::yield_now().await;
        let connection = match slot.take() {
            Some(connection) if !connection.is_closed() => connection,
            // Boxed: credentials nest deeper than the compiler follows by itself.
            _ => Connection::new(Box::pin(connect(&*self.source)).await?, self.mode),
        };
        // Of a transaction that was given up nothing is told.
        connection.announced.take();
        Ok(Checkout { slot, connection, listeners: self.listeners.clone() })
    }
}

/// The connection, out of its slot. Dropped instead of put back, the connection closes, and with it whatever
/// transaction was left open on it.
pub(crate) struct Checkout {
    slot: OwnedMutexGuard<Option<Connection>>,
    pub(crate) connection: Connection,
    listeners: Option<Arc<dyn Listeners>>,
}

impl Checkout {
    pub(crate) fn put_back(mut self) -> AfterCommit {
        let agencies = self.connection.announced.take();
        *self.slot = Some(self.connection);
        AfterCommit { agencies, listeners: self.listeners }
    }
}

/// What is to be told once it is certain that the transaction was committed; not told, where it wasn't.
pub(crate) struct AfterCommit {
    agencies: BTreeSet<Uuid>,
    listeners: Option<Arc<dyn Listeners>>,
}

impl AfterCommit {
    pub(crate) async fn tell(self) {
        if let Some(listeners) = self.listeners
            && !self.agencies.is_empty()
        {
            listeners.changed(self.agencies).await;
        }
    }
}
