//! Twilio's REST interface, version 2010-04-01: sending, looking up what was sent, and ending calls.

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{Client, RequestBuilder, Url};
use runtime::twilio::REPEAT;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use store::tables::messages::Channel;
use uuid::Uuid;

use crate::http_client::{self, SendError};

/// Where Twilio is.
pub const PUBLIC_URL: &str = "https://api.twilio.com";

/// How long a call rings, in seconds: voicemail mostly answers later.
const RING_SECONDS: u32 = 25;
/// How many of the latest messages to a number are looked through.
const LOOKED_THROUGH: &str = "50";

/// A bad number, one that opted out, one that takes no SMS, or a country that the account may not call.
const NEVER: [i32; 5] = [21211, 21214, 21408, 21610, 21614];
/// The same of a call: no such number, one that no carrier reaches or may not be called, a country that is not allowed,
/// one that a trial account has not verified. Who else could answer is called at once.
const NEVER_CALLED: [i32; 14] =
    [21201, 21203, 21211, 21214, 21215, 21216, 21217, 21219, 13223, 13224, 13225, 13226, 13227, 32205];
/// Our account or its numbers are not in order: a person has to mend that.
const MISCONFIGURED: [i32; 9] = [20003, 20005, 20006, 21212, 21603, 21606, 21659, 21910, 30002];
/// A call that isn't there, or that somebody has picked up or put down.
const NOT_RINGING: [i32; 2] = [20404, 21220];

/// The secret `{env}/twilio/account`. Only `jobs` may read it.
#[expect(clippy::struct_field_names, reason = "these are the names in the secret")]
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
    /// What becomes of an SMS.
    pub sms_status_callback_url: String,
    /// Our own token, in the query of each of these.
    pub webhook_auth_token: SecretString,
}

/// Twilio, as `jobs` uses it.
#[derive(Clone)]
pub struct Twilio {
    http: Client,
    base: String,
    account: Account,
    numbers: PhoneNumbers,
    webhooks: Webhooks,
}

/// A message that Twilio has.
#[derive(Clone, Debug)]
pub struct SentMessage {
    /// The SID by which Twilio reports on it.
    pub sid: String,
    /// When Twilio took it, in whole seconds.
    pub created_at: Timestamp,
    /// An SMS's words.
    pub body: Option<String>,
}

#[derive(Deserialize)]
struct Created {
    sid: String,
}

/// Twilio's own word that a request failed.
#[derive(Deserialize)]
struct Refusal {
    code: i32,
}

#[derive(Deserialize)]
struct Page {
    #[serde(alias = "messages", alias = "calls")]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    sid: String,
    date_created: String,
    body: Option<String>,
}

impl Twilio {
    /// `base` is [`PUBLIC_URL`], or where something stands in for it.
    #[must_use]
    pub fn new(http: Client, base: &str, account: Account, numbers: PhoneNumbers, webhooks: Webhooks) -> Self {
        Self { http, base: base.trim_end_matches('/').to_owned(), account, numbers, webhooks }
    }

    /// Which of our numbers a channel sends from.
    #[must_use]
    pub fn number(&self, channel: Channel) -> &str {
        match channel {
            Channel::Voice => &self.numbers.voice_number,
            Channel::Sms | Channel::Push => &self.numbers.sms_number,
        }
    }

    /// Sends an SMS. Answers its id.
    pub async fn send_sms(&self, message_id: Uuid, to: &str, body: &str) -> Result<String, SendError> {
        let reports = self.webhook(&self.webhooks.sms_status_callback_url, message_id)?;
        let form =
            [("To", to), ("From", &self.numbers.sms_number), ("Body", body), ("StatusCallback", reports.as_str())];
        self.create("Messages.json", &form, &NEVER).await
    }

    /// Places a call, whose words and keys `webhooks` answers for. Answers its id.
    pub async fn place_call(&self, message_id: Uuid, to: &str) -> Result<String, SendError> {
        let words = self.webhook(&self.webhooks.voice_webhook_url, message_id)?;
        let reports = self.webhook(&self.webhooks.voice_status_callback_url, message_id)?;
        let timeout = RING_SECONDS.to_string();
        let mut form = vec![
            ("To", to),
            ("From", &self.numbers.voice_number),
            ("Url", words.as_str()),
            ("Method", "POST"),
            ("StatusCallback", reports.as_str()),
            ("StatusCallbackMethod", "POST"),
            ("Timeout", &timeout),
        ];
        form.extend(["initiated", "ringing", "answered", "completed"].map(|event| ("StatusCallbackEvent", event)));
        self.create("Calls.json", &form, &NEVER_CALLED).await
    }

    /// Ends a call that still rings. One that somebody has picked up goes on: they are told what there is to know.
    pub async fn stop_ringing(&self, sid: &str) -> Result<(), SendError> {
        let request = self.http.post(self.url(&format!("Calls/{sid}.json"))?).form(&[("Status", "canceled")]);
        match self.ask::<Created>(request, &NOT_RINGING).await {
            Ok(_) | Err(SendError::Refused(_)) => Ok(()),
            Err(undone) => Err(undone),
        }
    }

    /// The latest SMS or calls from our number to another, newest first.
    pub async fn latest(&self, channel: Channel, to: &str) -> Result<Vec<SentMessage>, SendError> {
        let resource = if channel == Channel::Voice { "Calls.json" } else { "Messages.json" };
        let mut url = self.url(resource)?;
        url.query_pairs_mut().extend_pairs([("To", to), ("From", self.number(channel)), ("PageSize", LOOKED_THROUGH)]);
        let page: Page = self.ask(self.http.get(url), &NEVER).await?;
        let known = page.items.into_iter().map(|Item { sid, date_created, body }| {
            let created_at = rfc2822::parse(&date_created).map(|date| date.timestamp()).map_err(|_| unreadable())?;
            Ok(SentMessage { sid, created_at, body })
        });
        known.collect()
    }

    async fn create(&self, resource: &str, form: &[(&str, &str)], never: &[i32]) -> Result<String, SendError> {
        let created: Created = self.ask(self.http.post(self.url(resource)?).form(form), never).await?;
        Ok(created.sid)
    }

    /// `never`: Twilio's codes after which asking again is of no use.
    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder, never: &[i32]) -> Result<T, SendError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Answer<T> {
            Done(T),
            Refused(Refusal),
        }
        let (user, password) = match &self.account.api_key {
            Some(key) => (&key.sid, &key.secret),
            None => (&self.account.account_sid, &self.account.auth_token),
        };
        let answer = request.basic_auth(user, Some(password.expose_secret())).send().await?;
        match http_client::read(answer).await? {
            (status, Some(Answer::Done(done))) if status.is_success() => Ok(done),
            (status, Some(Answer::Refused(Refusal { code }))) if !status.is_success() => {
                let said = format!("twilio {code}");
                if MISCONFIGURED.contains(&code) {
                    tracing::error!(code, "Twilio can't be used before our account is mended");
                }
                Err(if never.contains(&code) { SendError::Refused(said) } else { SendError::NotNow(said) })
            }
            (status, _) if status.is_success() => Err(unreadable()),
            (status, _) => Err(http_client::of_status(status)),
        }
    }

    fn url(&self, resource: &str) -> Result<Url, SendError> {
        parsed(&format!("{}/2010-04-01/Accounts/{}/{resource}", self.base, self.account.account_sid))
    }

    /// One of our webhooks, with our token and which message it is about.
    fn webhook(&self, url: &str, message_id: Uuid) -> Result<Url, SendError> {
        let mut url = parsed(url)?;
        url.query_pairs_mut()
            .append_pair("token", self.webhooks.webhook_auth_token.expose_secret())
            .append_pair("message", &message_id.to_string());
        url.set_fragment(Some(REPEAT));
        Ok(url)
    }
}

fn parsed(url: &str) -> Result<Url, SendError> {
    // Ours to correct; the messages wait until then.
    Url::parse(url).map_err(|error| SendError::NotNow(format!("a configured URL is invalid: {error}")))
}

fn unreadable() -> SendError {
    SendError::Unknown("Twilio's answer could not be parsed".into())
}
