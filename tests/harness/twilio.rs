//! Twilio, as it calls our webhooks.

use aws_lc_rs::hmac;
use axum::Router;
use base64::{Engine, engine::general_purpose::STANDARD};
use local::{gateway::Sent, prepare};
use runtime::{aws::SdkConfig, lambda::Fatal};
use serde_json::json;

use super::{Answer, PUBLIC_URL, event::invoke};

/// As `prepare::twilio` makes them.
pub const AUTH_TOKEN: &str = "local-auth-token";
pub const PREVIOUS_AUTH_TOKEN: &str = "the auth token before it";
pub const TOKEN: &str = "local-webhook-token";
pub const PREVIOUS_TOKEN: &str = "our-token-before-it";
pub const SMS_NUMBER: &str = "+14165550199";

/// Makes the tokens ones that are just replacing others.
pub async fn rotate(aws: &SdkConfig, environment: &str) -> Result<(), Fatal> {
    let at = |path: &str| format!("{PUBLIC_URL}/v1/{path}");
    let webhooks = json!({
        "voice_webhook_url": at("voice/webhook"), "voice_status_callback_url": at("voice/status"),
        "sms_webhook_url": at("sms/webhook"), "sms_status_callback_url": at("sms/status"),
        "webhook_auth_token": TOKEN, "previous_webhook_auth_token": PREVIOUS_TOKEN,
        "auth_token": AUTH_TOKEN, "previous_auth_token": PREVIOUS_AUTH_TOKEN,
    });
    prepare::secret(aws, &format!("{environment}/twilio/webhooks"), &webhooks).await
}

/// A request of Twilio's, before it is sent.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub path: String,
    pub form: Vec<(String, String)>,
    pub auth_token: &'static str,
    /// Where Twilio believes to be.
    pub url: String,
}

impl Webhook {
    /// To `path` below `/v1`, its query included, but for our token.
    pub fn to(path: &str, form: &[(&str, &str)]) -> Self {
        let join = if path.contains('?') { '&' } else { '?' };
        let path = format!("/v1/{path}{join}token={TOKEN}");
        let form = form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { url: format!("{PUBLIC_URL}{path}"), path, form, auth_token: AUTH_TOKEN }
    }

    /// To an address that we gave it.
    pub fn to_address(address: &str, form: &[(&str, &str)]) -> Self {
        // A fragment is neither sent nor signed.
        let url = address.split('#').next().unwrap().to_owned();
        let path = url.strip_prefix(PUBLIC_URL).unwrap().to_owned();
        Self { path, url, ..Self::to("", form) }
    }

    /// As Twilio's documentation has it.
    pub fn signature(&self) -> String {
        let mut pairs = self.form.clone();
        pairs.sort();
        pairs.dedup();
        let signed = pairs.into_iter().fold(self.url.clone(), |text, (name, value)| text + &name + &value);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.auth_token.as_bytes());
        STANDARD.encode(hmac::sign(&key, signed.as_bytes()))
    }

    pub fn body(&self) -> Vec<u8> {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.form).finish().into_bytes()
    }

    pub async fn send(&self, router: Router) -> Answer {
        let signature = self.signature();
        self.send_with(router, &[("x-twilio-signature", &signature)], self.body()).await
    }

    pub async fn send_with(&self, router: Router, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let form = ("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
        let is_typed = headers.iter().any(|(name, _)| *name == form.0);
        let headers = headers.iter().chain((!is_typed).then_some(&form));
        let sent = Sent {
            method: "POST",
            path: &self.path,
            source_ip: "192.0.2.7",
            headers: headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: Some(body),
        };
        Answer::read(&invoke(router, &sent).await)
    }
}
