//! Asking the function `realtime` to tell those who listen, right after the commit that made something to tell.

use std::{collections::BTreeSet, time::Duration};

use aws_config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_lambda::{Client, config::Builder, error::DisplayErrorContext, primitives::Blob, types::InvocationType};
use serde_json::json;
use uuid::Uuid;

use crate::aws::SdkConfig;

/// The function `realtime`, invoked asynchronously. Held by whoever writes.
#[derive(Clone)]
pub struct RealtimeInvoker {
    client: Client,
    function: String,
}

/// How long the answer to somebody's request may wait for this. Who isn't told in time is told with the next change, or
/// at its own next ping.
const PATIENCE: Duration = Duration::from_millis(300);

impl RealtimeInvoker {
    /// The function of that name or ARN.
    #[must_use]
    pub fn new(aws: &SdkConfig, function: &str) -> Self {
        let config = Builder::from(aws)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(PATIENCE).build())
            .build();
        Self { client: Client::from_conf(config), function: function.to_owned() }
    }

    /// Says that something changed in these agencies. Call it after the commit; a failure is only logged.
    pub async fn changed(&self, agencies: &BTreeSet<Uuid>) {
        let told = self
            .client
            .invoke()
            .function_name(&self.function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(json!({"changed": agencies}).to_string()))
            .send()
            .await;
        if let Err(error) = told {
            tracing::warn!(error = %DisplayErrorContext(error), "the function {} could not be invoked", self.function);
        }
    }
}
