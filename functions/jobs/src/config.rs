//! The configuration of `jobs`.

use app::DatabaseConfig;
use runtime::config::{AnchorsBucket, ConfigError, DocumentsBucket, PhotosBucket, optional, parsed};

use crate::{expo, twilio};

runtime::config! {
    /// The configuration of `jobs`.
    pub struct Config {
        /// Where the database is.
        pub database: DatabaseConfig,
        /// Where messages are handed over, and how fast.
        pub providers: Providers,
        /// Where uploads are removed that belong to nothing, and photos of clients who have gone.
        pub photos_bucket: PhotosBucket,
        /// Where documents of clients are removed who have gone.
        pub documents_bucket: DocumentsBucket,
        /// Where the audit chain is anchored.
        pub anchors_bucket: AnchorsBucket,
    }
}

/// Who sends our messages.
#[derive(Clone, Debug)]
pub struct Providers {
    /// `TWILIO_URL`: where Twilio's REST interface is, where it isn't Twilio's own.
    pub twilio_url: String,
    /// `EXPO_URL`: where Expo's push service is, where it isn't Expo's own.
    pub expo_url: String,
    /// `CALL_SPACING_MS`: milliseconds between two calls from our number; Twilio takes one a second unless it agreed to
    /// more.
    pub call_spacing_ms: i32,
    /// `SMS_SPACING_MS`: the same for SMS.
    pub sms_spacing_ms: i32,
}

impl Providers {
    fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            twilio_url: optional("TWILIO_URL").unwrap_or_else(|| twilio::PUBLIC_URL.into()),
            expo_url: optional("EXPO_URL").unwrap_or_else(|| expo::PUBLIC_URL.into()),
            call_spacing_ms: parsed("CALL_SPACING_MS")?.unwrap_or(1000),
            sms_spacing_ms: parsed("SMS_SPACING_MS")?.unwrap_or(1000),
        })
    }
}
