//! Sockets as they are opened, used and closed, and what is sent through them.

use aws_sdk_apigatewaymanagement::{Client, error::DisplayErrorContext, error::ProvideErrorMetadata, primitives::Blob};
use domain::error::Error;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::reads::events;

use crate::Realtime;

/// The way to open sockets, through API Gateway.
#[derive(Clone)]
pub struct Sockets(pub Client);

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Sent {
    /// API Gateway has it.
    Taken,
    /// Nobody is there any more.
    Gone,
}

impl Sockets {
    /// Sends one frame.
    ///
    /// # Errors
    /// When API Gateway doesn't take it.
    pub async fn send(&self, connection: &str, frame: &impl Serialize) -> Result<Sent, Error> {
        let data = serde_json::to_vec(frame).map_err(|error| Error::Internal(error.into()))?;
        let sent = self.0.post_to_connection().connection_id(connection).data(Blob::new(data)).send().await;
        match sent {
            Ok(_) => Ok(Sent::Taken),
            Err(error) if error.code() == Some("GoneException") => Ok(Sent::Gone),
            Err(error) => Err(Error::Unavailable(format!("API Gateway: {}", DisplayErrorContext(error)).into())),
        }
    }

    /// Closes one; one that is closed stays so.
    pub async fn close(&self, connection: &str) {
        match self.0.delete_connection().connection_id(connection).send().await {
            Ok(_) => {}
            Err(error) if error.code() == Some("GoneException") => {}
            Err(error) => tracing::warn!(error = %DisplayErrorContext(error), "a socket could not be closed"),
        }
    }
}

/// What clients say.
#[derive(Deserialize)]
struct Said {
    action: String,
}

impl Realtime {
    /// Lets a ticket's owner in.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] without a good ticket; [`Error::SessionEnded`] where the session ended since.
    pub async fn connect(&self, connection: &str, ticket: &str) -> Result<(), Error> {
        let listener = self.tickets.take(ticket).await?;
        self.connections.add(connection, &listener).await?;
        // After it is on record: whoever finds nobody on record takes this back (see `fan_out`).
        if let Err(error) = events::begin_listening(&self.app.db, &listener.caller).await {
            self.connections.remove(listener.caller.agency_id, connection).await?;
            return Err(error);
        }
        self.announce(listener.caller.agency_id).await;
        Ok(())
    }

    /// Forgets a closed socket.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn disconnect(&self, connection: &str) -> Result<(), Error> {
        if let Some(agency) = self.connections.agency_of(connection).await? {
            self.connections.remove(agency, connection).await?;
            self.announce(agency).await;
        }
        Ok(())
    }

    /// Answers what a client says: a ping. With it the session is looked at, and what was left untold is told.
    ///
    /// # Errors
    /// When the table or the database doesn't answer.
    pub async fn hear(&self, connection: &str, body: &str) -> Result<String, Error> {
        if !serde_json::from_str::<Said>(body).is_ok_and(|said| said.action == "ping") {
            return Ok(json!({"type": "error", "detail": "Send {\"action\":\"ping\"}."}).to_string());
        }
        if let Some(agency) = self.connections.agency_of(connection).await? {
            self.connections.heard(agency, connection).await?;
            if self.is_behind(agency, connection).await? {
                self.announce(agency).await;
            }
        }
        Ok(json!({"type": "pong"}).to_string())
    }
}
