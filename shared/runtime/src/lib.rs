//! What a function runs on: Lambda, the log, metrics, secrets and the other services of AWS. Each service is a feature,
//! so that a function carries the clients that it uses. Nothing here knows a table or a path.

pub mod aws;
mod chain;
pub mod config;
#[cfg(feature = "dynamodb")]
pub mod ephemeral;
#[cfg(feature = "lambda")]
pub mod jobs;
pub mod lambda;
pub mod metrics;
#[cfg(feature = "s3")]
pub mod objects;
#[cfg(feature = "lambda")]
pub mod realtime;
pub mod request;
pub mod secrets;
pub mod tls;
pub mod twilio;

pub use chain::Chain;
