//! Asking the function `jobs` to do now what waits for it, right after the commit that made it wait.

use std::time::Duration;

use aws_config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_lambda::{Client, config::Builder, error::DisplayErrorContext, primitives::Blob, types::InvocationType};
use domain::jobs::JobName;
use serde_json::json;

use crate::{aws::SdkConfig, config::JobsFunction};

/// The function `jobs`, invoked asynchronously. Held by functions that queue messages.
#[derive(Clone)]
pub struct JobsInvoker {
    client: Client,
    function: String,
}

impl JobsInvoker {
    /// The function that the environment names.
    #[must_use]
    pub fn new(aws: &SdkConfig, JobsFunction(function): &JobsFunction) -> Self {
        // The answer to somebody's request waits for this, so it is tried once and shortly.
        let config = Builder::from(aws)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(1)).build())
            .build();
        Self { client: Client::from_conf(config), function: function.clone() }
    }

    /// Has the outbox sent now. Call it after the commit; a failure is only logged, since the outbox is looked at every
    /// minute anyway.
    pub async fn dispatch(&self) {
        self.run(JobName::Dispatch).await;
    }

    /// Has alerts take the steps that are due, and what follows from them sent. The same holds for it.
    pub async fn escalate(&self) {
        self.run(JobName::Escalate).await;
    }

    async fn run(&self, job: JobName) {
        let asked = self
            .client
            .invoke()
            .function_name(&self.function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(json!({"job": job}).to_string()))
            .send()
            .await;
        if let Err(error) = asked {
            tracing::warn!(job = <&str>::from(job), error = %DisplayErrorContext(error),
                "the jobs function could not be invoked");
        }
    }
}
