//! What every function stands on.
//!
//! Three borders, and nothing crosses them backwards: [`models`] know SQL and no HTTP, functions know HTTP and no
//! SQL, and this crate knows no function.

pub mod app;
pub mod clinical;
pub mod config;
pub mod db;
pub mod ephemeral;
pub mod error;
pub mod escalation;
pub mod http;
pub mod identity;
pub mod jobs;
pub mod lambda;
pub mod messages;
pub mod metrics;
pub mod models;
pub mod objects;
pub mod outgoing;
pub mod photo_kinds;
pub mod push;
pub mod request;
pub mod secrets;
pub mod sync;
pub mod task_type;
pub mod tls;
pub mod transitions;
pub mod twilio;
pub mod uploads;
pub mod validation;
