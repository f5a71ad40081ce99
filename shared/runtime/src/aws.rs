//! The AWS SDK's configuration.

use std::{env, time::Duration};

pub use aws_config::SdkConfig;
use aws_config::{AppName, BehaviorVersion, timeout::TimeoutConfig};

/// The AWS SDK's configuration, from the environment: region, credentials, and the endpoint when
/// `AWS_ENDPOINT_URL` names one. Short time limits: a request has 29 seconds in all, and a caller who waits.
pub async fn aws_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(8))
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    // So that the record of AWS calls shows which function asked; nameless where none runs, as in tools.
    match env::var("AWS_LAMBDA_FUNCTION_NAME").ok().and_then(|name| AppName::new(name).ok()) {
        Some(name) => loader.app_name(name).load().await,
        None => loader.load().await,
    }
}
