//! What the local stack and the tests share: making the services ready, the demo data, and what is generated from the
//! handlers.

pub mod audit_proof;
pub mod cors;
pub mod demo;
pub mod document;
pub mod gateway;
pub mod mobile;
pub mod prepare;
pub mod web_sockets;
