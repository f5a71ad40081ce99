//! When to retry what certainly failed.

use domain::messages::Template;
use jiff::{SignedDuration, Timestamp};
use store::tables::sending::{LeasedMessage, Settled};

/// Another attempt, unless it would come too late.
pub(super) fn again(message: &LeasedMessage, template: &Template, now: Timestamp, why: String) -> Settled {
    let at = now + backoff(message, template);
    if at < message.expires_at { Settled::Again { at, why } } else { Settled::Dead { why } }
}

/// Twice as long after each attempt, half of it random (jitter), so that what failed together isn't repeated together:
/// for an alert at most 30 seconds, for the rest a quarter of an hour.
pub(super) fn backoff(message: &LeasedMessage, template: &Template) -> SignedDuration {
    let whole = at_most(message.attempts, template.is_urgent());
    SignedDuration::from_millis(whole / 2 + fastrand::i64(0..=whole / 2))
}

/// The same without jitter, in milliseconds.
fn at_most(attempts: i32, is_urgent: bool) -> i64 {
    let (first, most) = if is_urgent { (1_000, 30_000) } else { (4_000, 900_000) };
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(16);
    (first << doublings).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_to_its_end() {
        let waits = |is_urgent| (1..=10).map(move |attempts| at_most(attempts, is_urgent) / 1000).collect::<Vec<_>>();
        assert_eq!(waits(true), [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]);
        assert_eq!(waits(false), [4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(at_most(i32::MAX, true), 30_000);
    }
}
