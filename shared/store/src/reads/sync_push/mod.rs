//! What a phone pushes: what the server has of it, without a lock, and what becomes of it, if that still is so. Each is
//! one statement, whatever the number of records.

mod changes;
mod state;

pub use changes::{
    Batch, Changes, OUT_OF_REACH, Pair, Pushed, Receipt, Refused, Rows, Touched, update, write, written,
};
pub use state::{PushState, PushingDevice, State, keep_revoked_clients_readable, load, state_of};
