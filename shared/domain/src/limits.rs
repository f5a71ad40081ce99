//! Every number that is a rule of the product: how late is late, how far is far, how much is too much.

/// The beginning of the year 2200, in milliseconds: later is a mistake, and dates reckoned from it must still be dates.
pub const LATEST_MS: i64 = 7_258_118_400_000;
