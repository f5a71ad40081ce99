//! How measurements are printed.

use std::time::{Duration, Instant};

/// A time.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Milliseconds(pub f64);

impl Milliseconds {
    pub fn since(began: Instant) -> Self {
        began.elapsed().into()
    }
}

impl From<Duration> for Milliseconds {
    fn from(duration: Duration) -> Self {
        Self(duration.as_secs_f64() * 1000.0)
    }
}

/// Half of them took longer.
pub fn median(mut times: Vec<Milliseconds>) -> Milliseconds {
    times.sort_by(|one, other| one.0.total_cmp(&other.0));
    times.get(times.len() / 2).copied().unwrap_or(Milliseconds(f64::NAN))
}

/// What was measured of one thing.
pub struct Line {
    pub what: String,
    /// Median in the function.
    pub took: Milliseconds,
    /// Median of the bare SQL in the same run.
    pub bare: Option<Milliseconds>,
    /// How many records it moved.
    pub records: usize,
    /// Bytes on the wire.
    pub bytes: usize,
    /// Of the function's process, in bytes.
    pub peak_memory: u64,
}

pub fn heading(title: &str) {
    println!("\n{title}");
    println!(
        "{:<44} {:>10} {:>10} {:>7} {:>11} {:>11} {:>9}",
        "", "function", "bare SQL", "ratio", "per record", "bytes", "memory"
    );
}

impl Line {
    #[allow(clippy::cast_precision_loss, reason = "counts and bytes far below 2^52")]
    pub fn print(&self) {
        let bare = self.bare.map_or("-".to_owned(), |bare| format!("{:.2} ms", bare.0));
        let ratio = self.bare.map_or("-".to_owned(), |bare| format!("{:.2}", self.took.0 / bare.0));
        let each = match self.records {
            0 => "-".to_owned(),
            records => format!("{:.1} us", self.took.0 * 1000.0 / records as f64),
        };
        println!(
            "{:<44} {:>10} {bare:>10} {ratio:>7} {each:>11} {:>11} {:>9}",
            self.what,
            format!("{:.2} ms", self.took.0),
            self.bytes,
            format!("{:.1} MiB", self.peak_memory as f64 / f64::from(1 << 20)),
        );
    }
}
