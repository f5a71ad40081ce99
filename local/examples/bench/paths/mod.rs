//! What is measured.

pub mod cold_start;
pub mod environments;
pub mod sign_in;
pub mod storage;
pub mod sync;
pub mod visits;
