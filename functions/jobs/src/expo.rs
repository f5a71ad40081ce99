//! Push messages through Expo. They say "Open BerthCare" and carry an opaque id, nothing else: phones show them to
//! whoever holds them.

use std::{collections::HashMap, io::Write};

use flate2::{Compression, write::GzEncoder};
use reqwest::{
    Client, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::http_client::{self, SendError};

/// Where Expo's push service is.
pub const PUBLIC_URL: &str = "https://exp.host";
/// Expo takes at most so many messages in one request.
pub const BATCH: usize = 100;
/// Expo answers for at most so many receipts in one request.
pub const RECEIPTS: usize = 1000;

/// Expo's push service.
#[derive(Clone)]
pub struct Expo {
    http: Client,
    base: String,
}

/// One message to one device.
#[derive(Debug, Serialize)]
pub struct Push<'a> {
    /// The device's token.
    pub to: &'a str,
    /// What the phone shows.
    pub title: String,
    /// What the app receives beside the text.
    pub data: Value,
    /// `high` wakes a sleeping phone.
    pub priority: &'static str,
    /// `default` makes a sound.
    pub sound: &'static str,
}

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// Expo has it, by the ticket's id; or, in a receipt, the phone's own service has it.
    Accepted(String),
    /// The device has no such token any more: forget it.
    Unregistered,
    /// It won't get there, and why.
    Refused(String),
    /// Expo can't take it at present: it is tried again, and why.
    NotNow(String),
    /// Nothing gets there before a person has mended our account with the phone's service: tried again, and reported.
    Misconfigured(String),
}

#[derive(Deserialize)]
struct Verdict {
    status: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    details: Details,
}

#[derive(Default, Deserialize)]
struct Details {
    error: Option<String>,
}

impl Verdict {
    fn outcome(self) -> PushOutcome {
        match self.details.error.as_deref() {
            _ if self.status == "ok" => PushOutcome::Accepted(self.id),
            Some("DeviceNotRegistered") => PushOutcome::Unregistered,
            Some(error @ ("InvalidCredentials" | "MismatchSenderId" | "DeveloperError")) => {
                PushOutcome::Misconfigured(error.to_owned())
            }
            Some(error @ ("MessageRateExceeded" | "ExpoError" | "ProviderError")) => {
                PushOutcome::NotNow(error.to_owned())
            }
            Some(error) => PushOutcome::Refused(error.to_owned()),
            None => PushOutcome::NotNow("Expo gave no reason".into()),
        }
    }
}

impl Expo {
    /// `base` is [`PUBLIC_URL`], or where something stands in for it.
    #[must_use]
    pub fn new(http: Client, base: &str) -> Self {
        Self { http, base: base.trim_end_matches('/').to_owned() }
    }

    /// Sends at most [`BATCH`] messages; answers what became of each, in their order.
    pub async fn send(&self, messages: &[Push<'_>]) -> Result<Vec<PushOutcome>, SendError> {
        let tickets: Vec<Verdict> = self.ask("send", &json!(messages)).await?;
        if tickets.len() != messages.len() {
            return Err(SendError::Unknown("Expo's answer has another number of messages than the request".into()));
        }
        Ok(tickets.into_iter().map(Verdict::outcome).collect())
    }

    /// What became of at most [`RECEIPTS`] tickets; those that Expo has no word of yet are missing.
    pub async fn receipts(&self, tickets: &[&str]) -> Result<HashMap<String, PushOutcome>, SendError> {
        let receipts: HashMap<String, Verdict> = self.ask("getReceipts", &json!({"ids": tickets})).await?;
        Ok(receipts.into_iter().map(|(ticket, verdict)| (ticket, verdict.outcome())).collect())
    }

    /// The same, where one message may spoil the others': what is refused as a whole is sent in halves, until those
    /// that are refused stand alone.
    pub async fn send_each(&self, messages: &[Push<'_>]) -> Vec<PushOutcome> {
        let mut outcomes = vec![PushOutcome::NotNow(String::new()); messages.len()];
        let mut parts = Vec::from([std::ops::Range { start: 0, end: messages.len() }]);
        while let Some(part) = parts.pop() {
            let sent = match self.send(&messages[part.clone()]).await {
                Ok(sent) => sent,
                Err(SendError::Refused(_)) if part.len() > 1 => {
                    let middle = part.start + part.len() / 2;
                    parts.extend([middle..part.end, part.start..middle]);
                    continue;
                }
                Err(SendError::Refused(why)) => vec![PushOutcome::Refused(why)],
                Err(SendError::NotNow(why) | SendError::Unknown(why)) => vec![PushOutcome::NotNow(why); part.len()],
            };
            outcomes.splice(part, sent);
        }
        outcomes
    }

    async fn ask<T: DeserializeOwned>(&self, what: &str, body: &Value) -> Result<T, SendError> {
        #[derive(Deserialize)]
        struct Answer<T> {
            data: T,
        }
        let answer = self
            .http
            .post(format!("{}/--/api/v2/push/{what}", self.base))
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_ENCODING, "gzip")
            .body(gzip(body).map_err(|error| SendError::NotNow(error.to_string()))?)
            .send()
            .await?;
        match http_client::read::<Answer<T>>(answer).await? {
            (status, Some(answer)) if status.is_success() => Ok(answer.data),
            (status, _) if status.is_success() => Err(SendError::Unknown("Expo's answer could not be parsed".into())),
            // Something in it is wrong, such as a token of another project: all of it is refused for that.
            (StatusCode::BAD_REQUEST, _) => Err(SendError::Refused("Expo refuses the request".into())),
            (status, _) => Err(http_client::of_status(status)),
        }
    }
}

fn gzip(body: &Value) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body.to_string().as_bytes())?;
    encoder.finish()
}
