//! The cursor on the wire, which WatermelonDB calls a timestamp.

use std::fmt;

/// A cursor: an agency's epoch in the upper 13 bits, its change number in the lower 40. A JSON number below 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SyncCursor(i64);

const NUMBER_BITS: u32 = 40;

impl SyncCursor {
    /// The cursor of a change number in an epoch.
    #[must_use]
    pub fn new(epoch: i32, number: i64) -> Self {
        Self((i64::from(epoch) << NUMBER_BITS) | number)
    }

    /// Reads the `last_pulled_at` parameter: absent, empty, `0` and `null` are a first sync. What is no cursor of ours
    /// is one that can't be served, which makes the phone start again.
    #[must_use]
    pub fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            None | Some("" | "0" | "null" | "undefined") => None,
            Some(text) => Some(Self(text.parse().ok().filter(|n| (1..1 << 53).contains(n)).unwrap_or(1))),
        }
    }

    /// As the database and JSON have it.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// Its change number, which means something in its own epoch alone.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0 & ((1 << NUMBER_BITS) - 1)
    }

    /// Its change number, where it is of `epoch`.
    #[must_use]
    pub fn number_in(self, epoch: i32) -> Option<i64> {
        (self.0 >> NUMBER_BITS == i64::from(epoch)).then_some(self.number())
    }
}

impl fmt::Display for SyncCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
