//! Everything tested together: real PostgreSQL, the AWS emulator, and the functions' own routers behind real API
//! Gateway events. One binary, so that it links once; a folder per resource, a file per
//! subject.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]
#![allow(clippy::large_futures, clippy::too_many_lines, reason = "a test reads from top to bottom, and runs once")]

mod harness;

mod agencies {
    mod commands;
    mod first_day;
}
mod alerts {
    mod calls;
    mod chains;
    mod escalation;
    mod fair_order;
    mod lifecycle;
    mod limits;
    mod stage;
}
mod audit {
    mod actions;
    mod log;
    mod proof;
    mod refusals;
}
mod auth {
    mod access_tokens;
    mod limits;
    mod one_time_codes;
    mod parameters;
    mod passwords;
    mod phone_numbers;
    mod refresh_tokens;
    mod second_factor;
    mod sessions;
    mod sign_in;
    mod step_up;
    mod user_search;
}
mod clients {
    mod duplicates;
    mod who_can_see;
}
mod consents {
    mod gates;
    mod records;
}
mod database {
    mod applied_again;
    mod catalog;
    mod change_log;
    mod guards;
    mod limits;
    mod locks;
    mod migrate;
    mod partitions;
    mod passwords;
    mod plans;
    mod privileges;
    mod roles;
    mod round_trips;
    mod row_level_security {
        mod callers;
        mod definer_functions;
        mod random_grants;
        mod random_reads;
        mod reads;
        mod registers;
        mod rows;
        mod visible_rows;
        mod writes;
    }
    mod schema;
    mod schema_files;
    mod stale_decisions;
    mod transitions;
}
mod http {
    mod bad_input;
    mod cloudfront;
    mod conventions;
    mod hostile;
    mod kept_inputs;
    mod names;
    mod openapi;
    mod paths;
    mod races;
    mod replays;
    mod sizes;
}
mod jobs {
    mod audit_chain;
    mod care_team_grants;
    mod clean_up;
    mod family_sms;
    mod late_visits;
    mod one_run;
    mod orphaned_uploads;
    mod privacy_due;
    mod retention;
    mod retention_random;
}
mod messages {
    mod calls;
    mod delivery_promises;
    mod outbox;
    mod pushes;
    mod sending;
    mod texts;
    mod told;
}
mod photos {
    mod family;
    mod files;
    mod kinds;
    mod others_visits;
    mod records;
    pub mod requests;
    mod sync_pushes;
    mod uploads;
}
mod privacy {
    mod access;
    mod affected;
    mod bundles;
    mod export;
    mod exports;
    mod held;
    mod random_clients;
    mod registers;
}
mod realtime {
    mod changes;
    mod sockets;
    mod types;
}
mod roles {
    mod by_role;
    mod fields;
    mod hidden_ids;
    pub mod names;
    mod table;
}
mod runtime {
    mod observability;
    mod outages;
    mod recorded_events;
    mod redaction;
    mod rollout;
    mod secrets;
}
mod sync {
    mod access;
    mod access_ended;
    mod columns;
    mod conflicts;
    mod device_loss;
    mod handed_over;
    mod hidden_ids;
    mod interleavings;
    mod lost_answers;
    mod model;
    mod page_boundaries;
    mod pages;
    mod parts;
    mod pulls;
    mod pushes;
    mod query_plans;
    mod random_histories;
    mod refusals;
    mod repeated_values;
    mod retention;
    mod round_trips;
    mod rules_of_rest;
    mod schema_rules;
    mod wire;
    mod work_bases;
}
mod visits {
    mod chart_history;
    mod chart_lock;
    mod check_in;
    mod nurses_day;
    mod own_plans;
    mod own_visits;
    mod planning;
}
mod webhooks {
    mod answers;
    mod authenticity;
    mod delivery;
    mod events;
    mod replies;
}
