//! One file a question that reaches across tables.

pub mod affected;
mod base;
pub mod chart_history;
pub mod daily_summary;
pub mod device_loss;
pub mod events;
pub mod export;
pub mod family;
pub mod overdue_visits;
mod phone_records;
pub mod privacy_due;
pub mod sync_pull;
pub mod sync_push;
pub mod sync_status;
pub mod timeline;
pub mod who_can_see;
