//! The secret `{env}/twilio/webhooks`, as `webhooks` reads it.

use secrecy::SecretString;
use serde::Deserialize;

/// How we know that it is Twilio.
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
