//! DynamoDB: one table of what expires by itself.
//!
//! Deletion by time-to-live lags, by up to two days, so every reader compares `expires_at` itself.

pub mod rate;
pub mod table;

pub use table::Ephemeral;
