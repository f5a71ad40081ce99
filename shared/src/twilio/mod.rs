//! Twilio: its secrets, the client that sends, and what Twilio sends to us.

pub mod signature;
pub mod twiml;

mod client;

use secrecy::SecretString;
use serde::Deserialize;

pub use client::{Known, PUBLIC_URL, REPEAT, Twilio};

/// The secret `{env}/twilio/account`. Only `jobs` may read it.
#[derive(Clone, Deserialize)]
pub struct Account {
    /// `AC...`
    pub account_sid: String,
    /// Signs in, where there is no API key.
    pub auth_token: SecretString,
    /// An API key (`SK...`), which can be revoked alone; preferred over the token.
    #[serde(default)]
    pub api_key: Option<ApiKey>,
}

/// A key to Twilio's REST interface.
#[derive(Clone, Deserialize)]
pub struct ApiKey {
    /// `SK...`
    pub sid: String,
    /// What goes with it.
    pub secret: SecretString,
}

/// The secret `{env}/twilio/phone-numbers`: ours, in E.164.
#[derive(Clone, Deserialize)]
pub struct PhoneNumbers {
    /// Calls come from it.
    pub voice_number: String,
    /// SMS come from it, and families answer to it.
    pub sms_number: String,
}

/// The secret `{env}/twilio/webhooks`, as `jobs` reads it: where Twilio reports to us.
#[derive(Clone, Deserialize)]
pub struct Webhooks {
    /// What a call says, and what a pressed key does.
    pub voice_webhook_url: String,
    /// What becomes of a call.
    pub voice_status_callback_url: String,
    /// Replies.
    pub sms_webhook_url: String,
    /// What becomes of an SMS.
    pub sms_status_callback_url: String,
    /// Our own token, in the query of each of these.
    pub webhook_auth_token: SecretString,
}

/// The same secret, as `webhooks` reads it: how we know that it is Twilio.
#[derive(Clone, Deserialize)]
pub struct WebhookTokens {
    /// The account's token, with which Twilio signs; here too, since `webhooks` may not read the account.
    #[serde(rename = "auth_token")]
    twilios: SecretString,
    /// The one that it replaces, while both are in use.
    #[serde(rename = "previous_auth_token")]
    twilios_former: Option<SecretString>,
    /// Our own token, in the query of each address.
    #[serde(rename = "webhook_auth_token")]
    ours: SecretString,
    /// The one that it replaces.
    #[serde(rename = "previous_webhook_auth_token")]
    ours_former: Option<SecretString>,
}

impl WebhookTokens {
    /// With which Twilio may have signed.
    #[must_use]
    pub fn twilios(&self) -> Vec<&SecretString> {
        std::iter::once(&self.twilios).chain(&self.twilios_former).collect()
    }

    /// Ours, of which a request carries one.
    #[must_use]
    pub fn ours(&self) -> Vec<&SecretString> {
        std::iter::once(&self.ours).chain(&self.ours_former).collect()
    }
}
