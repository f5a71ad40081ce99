use std::{collections::HashMap, pin::pin, sync::Mutex, task::Poll};

use futures_util::TryStreamExt;
use postgres_from_row::FromRow;
use tokio_postgres::{Client, RowStream, Statement};

use super::{Announced, DbError, NoRow, Param};

/// How statements reach the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum StatementMode {
    /// Unnamed and typed: one round trip, planned each time. The only mode that is safe behind a pooler in transaction
    /// mode, where a named statement may be prepared on one server connection and executed on another.
    #[default]
    Typed,
    /// Prepared once a connection and named: three to ten times cheaper for the server. For direct connections.
    Named,
}

/// An open connection and what has been prepared on it.
pub struct Connection {
    client: Client,
    mode: StatementMode,
    prepared: Mutex<HashMap<String, Statement>>,
    /// Who is next to send, where preparing would let others past: a COMMIT must not overtake what it commits.
    turn: tokio::sync::Mutex<()>,
    /// What was announced on it since that was last asked.
    pub(super) announced: Announced,
}

impl Connection {
    pub(super) fn new((client, announced): (Client, Announced), mode: StatementMode) -> Self {
        Self { client, mode, prepared: Mutex::default(), turn: tokio::sync::Mutex::default(), announced }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) async fn begin(&self) -> Result<(), DbError> {
        self.batch_execute("begin").await
    }

    /// A transaction whose statements all see what was committed before its first.
    pub(super) async fn begin_snapshot(&self) -> Result<(), DbError> {
        self.batch_execute("begin isolation level repeatable read").await
    }

    pub(super) async fn commit(&self) -> Result<(), DbError> {
        self.batch_execute("commit").await
    }

    async fn batch_execute(&self, sql: &str) -> Result<(), DbError> {
        let sent = self.client.batch_execute(sql);
        Ok(match self.mode {
            StatementMode::Typed => sent.await,
            StatementMode::Named => {
                let turn = self.turn.lock().await;
                send_then_wait(sent, turn).await
            }
        }?)
    }

    /// Sends one statement and maps its rows as they come, so that none is held twice. Futures of several calls, polled
    /// together, share a round trip.
    pub async fn query<R: FromRow>(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<R>, DbError> {
        match self.mode {
            StatementMode::Typed => {
                let typed = params.iter().map(|p| (p.as_sql(), p.sql_type()));
                mapped(self.client.query_typed_raw(sql, typed)).await
            }
            // Boxed: it would make every future of a statement twice as large.
            StatementMode::Named => Box::pin(self.query_named(sql, params)).await,
        }
    }

    async fn query_named<R: FromRow>(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<R>, DbError> {
        let turn = self.turn.lock().await;
        let statement = self.prepare(sql, params).await?;
        let values = params.iter().map(|p| p.as_sql());
        send_then_wait(mapped(self.client.query_raw(&statement, values)), turn).await
    }

    /// Sends one statement whose rows don't matter.
    pub async fn execute(&self, sql: &str, params: &[&dyn Param]) -> Result<(), DbError> {
        self.query::<NoRow>(sql, params).await.map(drop)
    }

    async fn prepare(&self, sql: &str, params: &[&dyn Param]) -> Result<Statement, DbError> {
        if let Some(known) = self.prepared.lock().ok().and_then(|prepared| prepared.get(sql).cloned()) {
            return Ok(known);
        }
        let types: Vec<_> = params.iter().map(|p| p.sql_type()).collect();
        let statement = self.client.prepare_typed(sql, &types).await?;
        if let Ok(mut prepared) = self.prepared.lock() {
            prepared.insert(sql.to_owned(), statement.clone());
        }
        Ok(statement)
    }
}

async fn mapped<R: FromRow>(
    sent: impl Future<Output = Result<RowStream, tokio_postgres::Error>>,
) -> Result<Vec<R>, DbError> {
    let mut rows = pin!(sent.await?);
    let mut mapped = Vec::new();
    while let Some(row) = rows.try_next().await? {
        mapped.push(R::try_from_row(&row)?);
    }
    Ok(mapped)
}

/// Gives the turn to the next as soon as this has been sent, which the driver does when first polled.
async fn send_then_wait<T>(sent: impl Future<Output = T>, turn: tokio::sync::MutexGuard<'_, ()>) -> T {
    let mut sent = pin!(sent);
    match futures_util::poll!(&mut sent) {
        Poll::Ready(answer) => answer,
        Poll::Pending => {
            drop(turn);
            sent.await
        }
    }
}
