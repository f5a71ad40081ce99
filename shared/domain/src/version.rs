/// A record that knows its version.
pub trait Versioned {
    /// A number that changes with each change of what the record says: its change number, or a time in microseconds.
    fn version(&self) -> i64;
}
