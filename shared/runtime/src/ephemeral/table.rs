//! The table itself, and what its attributes are made of.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::{
    Client,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    types::AttributeValue,
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use domain::error::Error;
use jiff::Timestamp;

use crate::config::EphemeralTable;

/// An item as DynamoDB gives it: attributes by their names.
pub type Item = HashMap<String, AttributeValue>;

/// The table. Keys are `pk` and `sk`; `expires_at` is in seconds since the epoch.
#[derive(Clone)]
pub struct Ephemeral {
    /// To the service.
    pub client: Client,
    /// The table's name.
    pub table: Arc<str>,
}

impl Ephemeral {
    /// The table that the environment names.
    #[must_use]
    pub fn new(aws: &aws_config::SdkConfig, EphemeralTable(name): &EphemeralTable) -> Self {
        Self { client: Client::new(aws), table: name.as_str().into() }
    }

    /// Whether the table answers.
    pub async fn reach(&self) -> Result<(), Error> {
        self.get("HEALTH", "HEALTH").await.map(drop)
    }

    /// One item as it is now, unless it has expired.
    pub async fn get(&self, pk: &str, sk: &str) -> Result<Option<Item>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&*self.table)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .consistent_read(true)
            .send()
            .await
            .map_err(unavailable)?;
        Ok(answer.item.filter(|item| number_of(item, "expires_at").is_some_and(|at| at > now())))
    }

    /// Removes one item, if it is there.
    pub async fn delete(&self, pk: &str, sk: &str) -> Result<(), Error> {
        self.client
            .delete_item()
            .table_name(&*self.table)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .send()
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}

/// Seconds since the epoch.
#[must_use]
pub fn now() -> i64 {
    Timestamp::now().as_second()
}

/// A text attribute.
#[must_use]
pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
#[must_use]
pub fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// An attribute that is a whole number.
#[must_use]
pub fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// An attribute that is a text.
#[must_use]
pub fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// A digest as an attribute or part of a key.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}

/// Whether a conditional write found its condition false; any other failure is an error.
pub fn condition_failed<E, R>(error: SdkError<E, R>) -> Result<(), Error>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    if error.code() == Some("ConditionalCheckFailedException") { Ok(()) } else { Err(unavailable(error)) }
}

/// What a failure of the service means.
pub fn unavailable<E, R>(error: SdkError<E, R>) -> Error
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    Error::Unavailable(format!("DynamoDB: {}", DisplayErrorContext(error)).into())
}
