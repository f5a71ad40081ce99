//! What both functions that talk with Twilio know of it.

/// The fragment of a webhook's address: Twilio repeats one that failed for these reasons, and so often. It isn't
/// signed.
pub const REPEAT: &str = "rc=3&rp=ct,rt,5xx";
