//! Extractor of webhook requests: verifies Twilio's signature and our token, and refuses everything else.

use axum::{
    extract::{FromRequest, FromRequestParts, MatchedPath, Request},
    http::header::CONTENT_TYPE,
};
use domain::{
    error::{Error, Fault},
    limits::FORM_BYTES,
    request::RequestInfo,
};
use runtime::{
    ephemeral::rate::{Counted, Limit},
    secrets::SecretName,
    twilio::REPEAT,
};
use store::tables::accounts;
use uuid::Uuid;
use web::{CurrentRequest, limited_bytes};

use crate::{
    Webhooks,
    signature::{self, Body},
    tokens::WebhookTokens,
};

const FORM: &str = "application/x-www-form-urlencoded";
const SIGNATURE: &str = "x-twilio-signature";
/// Longer than Twilio's ids, and any number.
pub(crate) const LONGEST_ID: usize = 100;
/// Refusals that are put on record, by address. More of them are refused just the same, and only logged: the audit log
/// is not for strangers to fill.
const REFUSALS_RECORDED: Limit = Limit::per_minute("webhook-refused", 20);

/// A form that Twilio posted, and the query of the address that it posted to.
#[derive(Debug)]
pub(crate) struct TwilioRequest {
    form: Vec<(String, String)>,
    query: Vec<(String, String)>,
    path: String,
    /// For the identity and the log.
    pub(crate) request: RequestInfo,
}

impl TwilioRequest {
    /// A parameter of the form; empty where there is none.
    pub(crate) fn value(&self, name: &str) -> &str {
        value(&self.form, name).unwrap_or_default()
    }

    /// As much of a parameter as PostgreSQL can hold and we keep.
    pub(crate) fn kept(&self, name: &str, longest: usize) -> String {
        self.value(name).chars().filter(|c| *c != '\0').take(longest).collect()
    }

    /// An id or a number, that nothing can be done without.
    pub(crate) fn short(&self, name: &str) -> web::Result<String> {
        let kept = self.kept(name, LONGEST_ID);
        if kept.is_empty() { Err(vec![Fault::parameter(name, "is required")].into()) } else { Ok(kept) }
    }

    /// A number in the query; 0 if absent.
    pub(crate) fn count(&self, name: &str) -> u8 {
        value(&self.query, name).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// The message of ours that this is about.
    pub(crate) fn message_id(&self) -> web::Result<Uuid> {
        value(&self.query, "message").and_then(|text| text.parse().ok()).ok_or(Error::NotFound.into())
    }

    /// Where to post what comes next, with one more parameter in the query.
    pub(crate) fn next_address(&self, public_url: &str, name: &str, number: u8) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.query.iter().filter(|(known, _)| known != name));
        query.append_pair(name, &number.to_string());
        format!("{public_url}{}?{}#{REPEAT}", self.path, query.finish())
    }
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

impl FromRequest<Webhooks> for TwilioRequest {
    type Rejection = web::Error;

    async fn from_request(request: Request, webhooks: &Webhooks) -> web::Result<Self> {
        let (mut parts, body) = request.into_parts();
        let Ok(CurrentRequest(info)) = CurrentRequest::from_request_parts(&mut parts, webhooks).await;
        // Routing has shortened the request's own, and no path of ours has a part that varies.
        let path = parts.extensions.get::<MatchedPath>().map_or_else(String::new, |path| path.as_str().to_owned());
        let raw_query = parts.uri.query().unwrap_or_default();
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = header(CONTENT_TYPE.as_str()).split(';').next().unwrap_or_default().trim();
        let is_form = essence.eq_ignore_ascii_case(FORM);
        let bytes = limited_bytes(body, FORM_BYTES).await?;
        let form = if is_form { pairs(&bytes) } else { Vec::new() };
        let body = if is_form { Body::Form(&form) } else { Body::Other(&bytes) };
        let query = pairs(raw_query.as_bytes());

        // Never by the Host header: who is in front of us replaces it.
        let mark = if raw_query.is_empty() { "" } else { "?" };
        let url = format!("{}{path}{mark}{raw_query}", webhooks.app.public_url);
        let check = |tokens: &WebhookTokens| {
            let is_signed = signature::is_valid(&tokens.auth_tokens(), &url, body, header(SIGNATURE));
            let has_token =
                signature::has_webhook_token(&tokens.webhook_auth_tokens(), value(&query, "token").unwrap_or_default());
            match (is_signed, has_token) {
                (true, true) => Ok(()),
                (true, false) => Err("token"),
                (false, _) => Err("signature"),
            }
        };
        let secrets = &webhooks.secrets;
        let mut checked = check(&secrets.json(SecretName::TwilioWebhooks).await?);
        if checked.is_err() {
            // They may have been rotated since they were read.
            checked = check(&secrets.newer_json(SecretName::TwilioWebhooks).await?);
        }
        if let Err(why) = checked {
            record_refusal(webhooks, why, &path, &info).await?;
            return Err(Error::Forbidden.into());
        }
        if !is_form {
            return Err(web::Error::UnsupportedMediaType(FORM));
        }
        Ok(Self { form, query, path, request: info })
    }
}

fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

/// Reads the secret ahead of the first request; a failure is met again there.
pub(crate) async fn warm_up(webhooks: &Webhooks) {
    if let Err(error) = webhooks.secrets.json::<WebhookTokens>(SecretName::TwilioWebhooks).await {
        tracing::warn!(%error, "Twilio's tokens could not be read at start-up");
    }
}

async fn record_refusal(webhooks: &Webhooks, why: &str, path: &str, request: &RequestInfo) -> web::Result<()> {
    match webhooks.ephemeral.count(REFUSALS_RECORDED, &request.source_network()).await {
        Ok(Counted::Within) => {}
        Ok(Counted::Exceeded { .. }) => {
            tracing::warn!(why, path, "a refused webhook could not be written to the audit log");
            return Ok(());
        }
        // Rather one row too many than none.
        Err(error) => tracing::warn!(%error, "the rate limit of refused webhooks could not be counted"),
    }
    let details = serde_json::json!({"path": path, "why": why});
    Ok(accounts::record_event(&webhooks.app.db, "webhook.refused", None, details, request).await?)
}
