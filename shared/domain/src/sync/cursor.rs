//! The cursor on the wire, which WatermelonDB calls a timestamp.

use std::fmt;

/// A cursor: an agency's epoch in the upper 13 bits, its change number in the lower 40. A JSON number below 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SyncCursor(i64);

/// What stands in place of a cursor is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the timestamp of this device's last pull")]
pub struct MalformedCursor;

const NUMBER_BITS: u32 = 40;

impl SyncCursor {
    /// The cursor of a change number in an epoch.
    #[must_use]
    pub fn new(epoch: i32, number: i64) -> Self {
        Self((i64::from(epoch) << NUMBER_BITS) | number)
    }

    /// Reads the `last_pulled_at` parameter: absent, empty, `0` and `null` are a first sync.
    ///
    /// # Errors
    /// Where it is no whole number between 1 and 2^53.
    pub fn parse(text: Option<&str>) -> Result<Option<Self>, MalformedCursor> {
        match text {
            None | Some("" | "0" | "null" | "undefined") => Ok(None),
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                let cursor = text.parse().ok().filter(|n| (1..1 << 53).contains(n));
                cursor.map(|cursor| Some(Self(cursor))).ok_or(MalformedCursor)
            }
            Some(_) => Err(MalformedCursor),
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
