//! What sending needs: the database, Twilio, Expo, and the rate limit of each.

use std::sync::OnceLock;

use domain::error::Error;
use jiff::SignedDuration;
use runtime::secrets::{SecretName, Secrets};
use store::{
    Db,
    tables::{messages::Channel, sending::Lane},
};

use crate::{
    Providers,
    expo::{self, Expo},
    http_client,
    twilio::Twilio,
};

/// Expo takes 600 messages a second: six batches.
const BATCH_SPACING_MS: i32 = 167;

/// Sends messages, and asks what became of them.
pub(crate) struct Sender {
    pub(crate) db: Db,
    pub(crate) twilio: Twilio,
    pub(crate) expo: Expo,
    providers: Providers,
}

/// What makes a [`Sender`]: secrets are read when a run needs them, connections are kept between runs.
#[derive(Clone)]
pub(crate) struct Senders {
    /// Made when first needed.
    http: OnceLock<http_client::Client>,
    providers: Providers,
    secrets: Secrets,
}

impl Senders {
    pub(crate) fn new(providers: &Providers, secrets: &Secrets) -> Self {
        Self { http: OnceLock::new(), providers: providers.clone(), secrets: secrets.clone() }
    }

    pub(crate) async fn sender(&self, db: &Db) -> Result<Sender, Error> {
        let Self { providers, secrets, .. } = self;
        let (account, numbers, webhooks) = futures_util::join!(
            secrets.json(SecretName::TwilioAccount),
            secrets.json(SecretName::TwilioPhoneNumbers),
            secrets.json(SecretName::TwilioWebhooks)
        );
        Ok(Sender {
            db: db.clone(),
            twilio: Twilio::new(self.http()?, &providers.twilio_url, account?, numbers?, webhooks?),
            expo: self.expo()?,
            providers: providers.clone(),
        })
    }

    /// From one SMS to the next.
    pub(crate) fn sms_spacing(&self) -> SignedDuration {
        SignedDuration::from_millis(self.providers.sms_spacing_ms.into())
    }

    pub(crate) fn expo(&self) -> Result<Expo, Error> {
        Ok(Expo::new(self.http()?, &self.providers.expo_url))
    }

    /// The one client of this environment.
    fn http(&self) -> Result<http_client::Client, Error> {
        if let Some(http) = self.http.get() {
            return Ok(http.clone());
        }
        let http = http_client::client()?;
        Ok(self.http.get_or_init(|| http).clone())
    }
}

impl Sender {
    /// The lane of a channel: its number's, where it has one.
    pub(crate) fn lane(&self, channel: Channel) -> Lane {
        let name: &str = channel.into();
        let number = self.twilio.number(channel);
        match channel {
            Channel::Voice => Lane {
                channel,
                name: format!("{name} {number}"),
                spacing_ms: self.providers.call_spacing_ms,
                at_a_turn: 1,
            },
            Channel::Sms => Lane {
                channel,
                name: format!("{name} {number}"),
                spacing_ms: self.providers.sms_spacing_ms,
                at_a_turn: 1,
            },
            Channel::Push => Lane {
                channel,
                name: name.to_owned(),
                spacing_ms: BATCH_SPACING_MS,
                at_a_turn: i32::try_from(expo::BATCH).unwrap_or(i32::MAX),
            },
        }
    }
}
