//! One round of telling an agency's listeners. Each session is asked about in the database as itself: what it may see
//! at this moment, and whether it still is one.

use std::collections::{BTreeMap, BTreeSet};

use domain::error::Error;
use futures_util::{StreamExt, stream};
use store::reads::events::{self, Events};
use uuid::Uuid;

use crate::{
    Realtime,
    connections::Connection,
    frames::{AT_ONCE, Frame},
    presence,
    sockets::Sent,
};

/// To how many sockets frames are sent at the same time.
const AT_THE_SAME_TIME: usize = 20;

/// Tells each listener what they weren't told yet, closes the sockets of sessions that have ended, and forgets those
/// that are gone.
///
/// # Errors
/// When somebody could not be told, after all others were.
pub async fn round(realtime: &Realtime, agency: Uuid) -> Result<(), Error> {
    // Before it is known that nobody is there: a socket is put on record first, and noted here then.
    let seen = events::listened_until(&realtime.app.db, agency).await?;
    let connections = realtime.connections.of_agency(agency).await?;
    let came_and_left = changed_presence(realtime, agency, &connections).await?;
    if connections.is_empty() {
        if let Some(seen) = seen {
            events::end_listening(&realtime.app.db, agency, seen).await?;
        }
        return Ok(());
    }
    let mut sessions: BTreeMap<Uuid, Vec<Connection>> = BTreeMap::new();
    for connection in connections {
        sessions.entry(connection.listener.caller.session_id).or_default().push(connection);
    }
    let mut failed = None;
    for connections in sessions.into_values() {
        if let Err(error) = tell_session(realtime, &connections, &came_and_left).await {
            failed = Some(error);
        }
    }
    failed.map_or(Ok(()), Err)
}

/// What presence frames say that is new, and of whom.
async fn changed_presence(
    realtime: &Realtime,
    agency: Uuid,
    connections: &[Connection],
) -> Result<Vec<(&'static str, Uuid)>, Error> {
    let present = presence::present(connections);
    let before = realtime.connections.last_told(agency).await?;
    if present == before {
        return Ok(Vec::new());
    }
    realtime.connections.keep_told(agency, &present).await?;
    let came = present.difference(&before).map(|user| ("presence.online", *user));
    let left = before.difference(&present).map(|user| ("presence.offline", *user));
    Ok(came.chain(left).collect())
}

/// Tells one session, which may have several sockets.
async fn tell_session(
    realtime: &Realtime,
    connections: &[Connection],
    came_and_left: &[(&'static str, Uuid)],
) -> Result<(), Error> {
    let Some(caller) = connections.first().map(|connection| &connection.listener.caller) else { return Ok(()) };
    let told = connections.iter().map(|connection| connection.listener.number).min().unwrap_or_default();
    let (changes, colleagues) = match look(realtime, connections, told, came_and_left).await {
        Ok(seen) => seen,
        Err(Error::SessionEnded | Error::SecondFactorMissing) => {
            for connection in connections {
                realtime.sockets.close(&connection.id).await;
                realtime.connections.remove(caller.agency_id, &connection.id).await?;
            }
            // Whoever was signed in here may have left with it.
            realtime.announce(caller.agency_id).await;
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let each = connections.iter().map(|connection| tell_connection(realtime, connection, &changes, &colleagues));
    let all: Vec<_> = each.collect();
    let outcomes = stream::iter(all).buffer_unordered(AT_THE_SAME_TIME).collect::<Vec<_>>().await;
    outcomes.into_iter().collect()
}

/// What the session may see: of the changes, and of who came and left.
async fn look(
    realtime: &Realtime,
    connections: &[Connection],
    told: i64,
    came_and_left: &[(&'static str, Uuid)],
) -> Result<(Events, Vec<Frame>), Error> {
    let Some(caller) = connections.first().map(|connection| &connection.listener.caller) else {
        return Err(Error::NotFound);
    };
    let db = &realtime.app.db;
    let changes = events::after(db, caller, told, AT_ONCE).await?;
    let others: Vec<Uuid> =
        came_and_left.iter().map(|(_, user)| *user).filter(|user| *user != caller.user_id).collect();
    if others.is_empty() {
        return Ok((changes, Vec::new()));
    }
    let visible: BTreeSet<Uuid> = events::colleagues(db, caller, &others).await?.into_iter().collect();
    let frames = came_and_left.iter().filter(|(_, user)| visible.contains(user));
    Ok((changes, frames.map(|(kind, user)| Frame::presence(kind, *user)).collect()))
}

async fn tell_connection(
    realtime: &Realtime,
    connection: &Connection,
    changes: &Events,
    colleagues: &[Frame],
) -> Result<(), Error> {
    let (agency, told) = (connection.listener.caller.agency_id, connection.listener.number);
    for frame in Frame::of(changes, told).iter().chain(colleagues) {
        if realtime.sockets.send(&connection.id, frame).await? == Sent::Gone {
            if !connection.may_be_opening() {
                realtime.connections.remove(agency, &connection.id).await?;
            }
            realtime.announce(agency).await;
            return Ok(());
        }
    }
    if changes.newest > told {
        realtime.connections.told(agency, &connection.id, changes.newest).await?;
    }
    Ok(())
}

impl Realtime {
    /// Whether something is left to be done for a connection: it wasn't told everything, its session has ended, or
    /// somebody has left without a word.
    ///
    /// # Errors
    /// When the table or the database doesn't answer.
    pub async fn is_behind(&self, agency: Uuid, connection: &str) -> Result<bool, Error> {
        let connections = self.connections.of_agency(agency).await?;
        if presence::present(&connections) != self.connections.last_told(agency).await? {
            return Ok(true);
        }
        let Some(own) = connections.into_iter().find(|one| one.id == connection) else { return Ok(false) };
        match events::newest(&self.app.db, &own.listener.caller).await {
            Ok(newest) => Ok(newest > own.listener.number),
            Err(Error::SessionEnded | Error::SecondFactorMissing) => Ok(true),
            Err(error) => Err(error),
        }
    }
}
