//! What the local stack and the tests share: making the services ready, and what is generated from the handlers.

pub mod document;
pub mod prepare;
