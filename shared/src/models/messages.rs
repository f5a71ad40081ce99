//! The outbox. A message is written in the transaction of its cause; `jobs` sends it.

use serde_json::Value;
use uuid::Uuid;

use super::users::Locale;
use crate::{
    db::{Identity, Tx},
    error::Error,
};

/// A message to one person's phone.
#[derive(Debug)]
pub struct Sms<'a> {
    /// To whom.
    pub recipient_id: Uuid,
    /// Their number (E.164).
    pub phone: &'a str,
    /// In which language.
    pub locale: Locale,
    /// Which text.
    pub template: &'static str,
    /// What goes into it. No health data, no surnames.
    pub values: Value,
    /// Two messages with one key are one message.
    pub dedupe_key: String,
}

impl Sms<'_> {
    /// Queues it with whatever else the transaction writes.
    pub async fn enqueue<I: Identity>(&self, tx: &mut Tx<I>) -> Result<(), Error> {
        Ok(tx
            .execute(
                "insert into messages
                   (agency_id, channel, recipient_id, recipient, locale, template, template_values, dedupe_key)
                 values (app.agency_id(), 'sms', $1, $2, $3, $4, $5, $6)
                 on conflict do nothing",
                &[&self.recipient_id, &self.phone, &self.locale, &self.template, &self.values, &self.dedupe_key],
            )
            .await?)
    }
}
