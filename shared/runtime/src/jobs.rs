//! Asking the function `jobs` to do now what waits for it, right after the commit that made it wait.

use std::time::Duration;

use aws_config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_lambda::{Client, config::Builder, error::DisplayErrorContext, primitives::Blob, types::InvocationType};
use domain::jobs::JobName;
use serde_json::{Value, json};

use crate::{aws::SdkConfig, config::JobsFunction};

/// The function `jobs`, invoked asynchronously. Held by functions that queue messages.
#[derive(Clone)]
pub struct JobsInvoker {
    client: Client,
    function: String,
    urgent: String,
    exports: String,
}

/// How long the answer to somebody's request may wait for this. What is queued goes out within a minute anyway.
const PATIENCE: Duration = Duration::from_millis(300);

impl JobsInvoker {
    /// The function that the environment names.
    #[must_use]
    pub fn new(aws: &SdkConfig, JobsFunction(function): &JobsFunction) -> Self {
        let config = Builder::from(aws)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(PATIENCE).build())
            .build();
        // `urgent`, its code once more with a concurrency of its own, and `exports` stand beside it under names like
        // its own.
        let beside = |name: &str| match function.rsplit_once("jobs") {
            Some((before, after)) => format!("{before}{name}{after}"),
            None => function.clone(),
        };
        let (urgent, exports) = (beside("urgent"), beside("exports"));
        Self { client: Client::from_conf(config), function: function.clone(), urgent, exports }
    }

    /// Has the outbox sent now. Call it after the commit; a failure is only logged, since the outbox is looked at every
    /// minute anyway.
    pub async fn dispatch(&self) {
        self.run(&self.function, json!({"job": JobName::Dispatch})).await;
    }

    /// Has what is about alerts sent now, whatever else waits. The same holds for it.
    pub async fn dispatch_urgent(&self) {
        self.run(&self.urgent, json!({"job": JobName::Dispatch, "urgent": true})).await;
    }

    /// Has alerts take the steps that are due, and what follows from them sent. The same holds for it.
    pub async fn escalate(&self) {
        self.run(&self.urgent, json!({"job": JobName::Escalate})).await;
    }

    /// Has exports made that wait. The same holds for it: what a lost invocation leaves, the schedule finds.
    pub async fn exports(&self) {
        self.run(&self.exports, json!({"job": "exports"})).await;
    }

    async fn run(&self, function: &str, event: Value) {
        let asked = self
            .client
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event.to_string()))
            .send()
            .await;
        if let Err(error) = asked {
            tracing::warn!(%event, error = %DisplayErrorContext(error), "the function {function} could not be invoked");
        }
    }
}
