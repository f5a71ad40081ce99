//! Who is there: a person is while any of their sockets is open, and was heard of a short while ago.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Json, extract::State};
use domain::{error::Error, identity::PresenceRead};
use jiff::Timestamp;
use runtime::ephemeral::{
    Ephemeral,
    table::{now, number, text, unavailable},
};
use serde::Serialize;
use store::reads::events;
use utoipa::ToSchema;
use uuid::Uuid;
use web::Require;

use crate::{
    Realtime,
    connections::{Connection, Connections},
};

/// A colleague who is there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"user_id": "018f3c5a-7b0e-7c3e-9d2e-2a1b2c3d4e5f", "since": "2026-11-20T14:00:00Z"}))]
pub struct Present {
    /// Who.
    user_id: Uuid,
    /// Since when.
    since: Timestamp,
}

/// Who is there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "items": [{"user_id": "018f3c5a-7b0e-7c3e-9d2e-2a1b2c3d4e5f", "since": "2026-11-20T14:00:00Z"}]}))]
pub struct PresentList {
    /// In the order of their ids.
    items: Vec<Present>,
}

/// List the colleagues who are there.
///
/// Whoever has the portal open, or an app that listens: see docs/realtime.md. Families see nobody, and nobody sees
/// them.
#[utoipa::path(get, path = "/presence", tag = "realtime", operation_id = "list_presence",
    responses((status = 200, description = "Colleagues whom the caller may see.", body = PresentList)))]
pub(crate) async fn list(
    State(realtime): State<Realtime>,
    caller: Require<PresenceRead>,
) -> web::Result<Json<PresentList>> {
    let since = since_when(&realtime.connections.of_agency(caller.agency_id).await?);
    let users: Vec<Uuid> = since.keys().copied().collect();
    let visible = events::colleagues(&realtime.app.db, &*caller, &users).await?;
    let present = |user_id: Uuid| {
        let since = Timestamp::from_second(*since.get(&user_id)?).ok()?;
        Some(Present { user_id, since })
    };
    Ok(Json(PresentList { items: visible.into_iter().filter_map(present).collect() }))
}

/// Who is there, each with the time at which the oldest of their sockets was opened.
fn since_when(connections: &[Connection]) -> BTreeMap<Uuid, i64> {
    let mut present = BTreeMap::new();
    for connection in connections.iter().filter(|connection| connection.is_present()) {
        let since = present.entry(connection.listener.caller.user_id).or_insert(connection.since);
        *since = connection.since.min(*since);
    }
    present
}

/// The users who are there.
#[must_use]
pub fn present(connections: &[Connection]) -> BTreeSet<Uuid> {
    since_when(connections).into_keys().collect()
}

const PRESENCE: &str = "PRESENCE";

fn key_of(agency: Uuid) -> String {
    format!("PRESENCE#{agency}")
}

impl Connections {
    /// Who was there when listeners were last told.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn last_told(&self, agency: Uuid) -> Result<BTreeSet<Uuid>, Error> {
        let item = self.0.get(&key_of(agency), PRESENCE).await?.unwrap_or_default();
        let users = item.get("users").and_then(|users| users.as_ss().ok());
        Ok(users.into_iter().flatten().filter_map(|user| user.parse().ok()).collect())
    }

    /// Keeps who is there.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn keep_told(&self, agency: Uuid, users: &BTreeSet<Uuid>) -> Result<(), Error> {
        let Self(Ephemeral { client, table }) = self;
        if users.is_empty() {
            return self.0.delete(&key_of(agency), PRESENCE).await;
        }
        let users = users.iter().map(ToString::to_string).collect();
        client
            .put_item()
            .table_name(&**table)
            .item("pk", text(key_of(agency)))
            .item("sk", text(PRESENCE))
            .item("users", aws_sdk_dynamodb::types::AttributeValue::Ss(users))
            .item("expires_at", number(now() + 24 * 60 * 60))
            .send()
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}
