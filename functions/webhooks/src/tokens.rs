//! The secret `{env}/twilio/webhooks`, as `webhooks` reads it.

use secrecy::SecretString;
use serde::Deserialize;

/// The tokens by which a request is known to be Twilio's.
#[derive(Clone, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the secret names them so")]
pub struct WebhookTokens {
    /// The account's token, with which Twilio signs; here too, since `webhooks` may not read the account.
    auth_token: SecretString,
    /// The one that it replaces, while both are in use.
    previous_auth_token: Option<SecretString>,
    /// Our own token, in the query of each address.
    webhook_auth_token: SecretString,
    /// The one that it replaces.
    previous_webhook_auth_token: Option<SecretString>,
}

impl WebhookTokens {
    /// The account's tokens, with one of which Twilio has signed.
    #[must_use]
    pub fn auth_tokens(&self) -> Vec<&SecretString> {
        std::iter::once(&self.auth_token).chain(&self.previous_auth_token).collect()
    }

    /// Our own tokens, one of which a request carries.
    #[must_use]
    pub fn webhook_auth_tokens(&self) -> Vec<&SecretString> {
        std::iter::once(&self.webhook_auth_token).chain(&self.previous_webhook_auth_token).collect()
    }
}
