//! Tickets: a browser can't send a token with a WebSocket, and a token has no place in a URL, so what stands there is
//! good once and for half a minute.

use std::fmt::Write;

use app::App;
use aws_lc_rs::rand;
use aws_sdk_dynamodb::types::ReturnValue;
use axum::{Json, extract::State};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    error::Error,
    identity::{Caller, SignedIn},
};
use jiff::{SignedDuration, Timestamp};
use runtime::ephemeral::{
    Ephemeral,
    table::{condition_failed, now, number, sha256, text, unavailable},
};
use serde::Serialize;
use store::reads::events;
use utoipa::ToSchema;
use web::Require;

use crate::{Realtime, connections::Listener};

/// How long a ticket is good for, in seconds.
const SECONDS: i64 = 30;

/// How to open a WebSocket.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "ticket": "q3cRkPq0mHhV9yqk3gP0l8dN1wSxV5n0s3xw9Zr2b1o",
    "url": "wss://realtime.berthcare.ca/?ticket=q3cRkPq0mHhV9yqk3gP0l8dN1wSxV5n0s3xw9Zr2b1o",
    "expires_at": "2026-11-20T14:00:30Z"}))]
#[allow(clippy::struct_field_names, reason = "it is called so in JSON")]
pub struct Ticket {
    /// Good for one connection.
    ticket: String,
    /// Where to open it; the ticket is in it.
    url: String,
    /// Until when.
    expires_at: Timestamp,
}

/// Get a ticket for a WebSocket.
///
/// Open `url` within 30 seconds, once. What is told over it, and how to keep it open, is in docs/realtime.md; the
/// frames' JSON Schema is `realtime.schema.json`. What changes between this answer and the opening is told too.
#[utoipa::path(post, path = "/realtime/ticket", tag = "realtime", operation_id = "issue_realtime_ticket",
    responses((status = 200, description = "The ticket, and where to use it.", body = Ticket)))]
pub(crate) async fn issue(
    State(realtime): State<Realtime>,
    State(app): State<App>,
    caller: Require<SignedIn>,
) -> web::Result<Json<Ticket>> {
    let newest = events::newest(&app.db, &*caller).await?;
    let ticket = realtime.tickets.issue(&caller, newest).await?;
    let expires_at = Timestamp::now() + SignedDuration::from_secs(SECONDS);
    let mut url = realtime.url.to_string();
    let _ = write!(url, "?ticket={ticket}");
    Ok(Json(Ticket { ticket, url, expires_at }))
}

/// The tickets that were issued and not used. Their digests are kept, not they.
#[derive(Clone)]
pub struct Tickets(pub Ephemeral);

const TICKET: &str = "TICKET";

fn key_of(ticket: &str) -> String {
    format!("TICKET#{}", sha256(ticket.as_bytes()))
}

impl Tickets {
    async fn issue(&self, caller: &Caller, newest: i64) -> Result<String, Error> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| Error::Internal("no randomness".into()))?;
        let ticket = URL_SAFE_NO_PAD.encode(bytes);
        let Self(ephemeral) = self;
        ephemeral
            .client
            .put_item()
            .table_name(&*ephemeral.table)
            .set_item(Some(Listener::of(caller, newest).attributes()))
            .item("pk", text(key_of(&ticket)))
            .item("sk", text(TICKET))
            .item("expires_at", number(now() + SECONDS))
            .send()
            .await
            .map_err(unavailable)?;
        Ok(ticket)
    }

    /// Whose ticket it is, which is used up by it: of several who use it at once, one is let in.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] where it was used, has expired, or never was.
    pub async fn take(&self, ticket: &str) -> Result<Listener, Error> {
        let Self(ephemeral) = self;
        let taken = ephemeral
            .client
            .delete_item()
            .table_name(&*ephemeral.table)
            .key("pk", text(key_of(ticket)))
            .key("sk", text(TICKET))
            .condition_expression("expires_at > :now")
            .expression_attribute_values(":now", number(now()))
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        match taken {
            Ok(taken) => taken.attributes.as_ref().and_then(Listener::read).ok_or(Error::Unauthorized),
            Err(error) => {
                condition_failed(error)?;
                Err(Error::Unauthorized)
            }
        }
    }
}
