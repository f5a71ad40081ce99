//! Everything tested together: real PostgreSQL, the AWS emulator, and the functions' own routers behind real API
//! Gateway events. One binary, so that it links once; a file per subject.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]
#![allow(clippy::large_futures, clippy::too_many_lines, reason = "a test reads from top to bottom, and runs once")]

mod harness;

mod alerts;
mod audit;
mod auth_sessions;
mod auth_tokens;
mod bad_input;
mod database_passwords;
mod edge;
mod escalation;
mod events;
mod faults;
mod http;
mod jobs_audit;
mod jobs_care_team_grants;
mod jobs_clean_up;
mod jobs_family_sms;
mod jobs_in_one_run;
mod jobs_late_visits;
mod jobs_orphaned_uploads;
mod messages;
mod migrate;
mod nurses_day;
mod observability;
mod openapi;
mod outbox;
mod outbox_faults;
mod outbox_sending;
mod photos;
mod photos_files;
mod races;
mod redaction;
mod replays;
mod roles;
mod row_level_security;
mod schema;
mod sync;
mod sync_access;
mod sync_bases;
mod sync_conflicts;
mod sync_core;
mod sync_flights;
mod sync_pages;
mod sync_plans;
mod sync_pushes;
mod sync_retention;
mod visits;
mod webhooks;
