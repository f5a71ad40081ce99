//! What a test's functions log.

use std::{
    io,
    sync::{Arc, Mutex},
};

use runtime::lambda::{Log, Sentry};
use serde_json::Value;
use tracing::subscriber::DefaultGuard;

/// The log of this thread from now on, on which all of a test's tasks run.
pub struct Captured {
    written: Written,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Captured {
    pub fn start() -> Self {
        Self::at("trace")
    }

    /// With `level` as `LOG_LEVEL`.
    pub fn at(level: &str) -> Self {
        Self::with(level, Sentry::default())
    }

    /// With errors reported to `sentry` too.
    pub fn with(level: &str, sentry: Sentry) -> Self {
        let written = Written::default();
        let writer = written.clone();
        let log = Log::new("tests".into(), "test".into(), level, move || writer.clone());
        Self { written, _guard: tracing::subscriber::set_default(log.subscriber(sentry)) }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.written.0.lock().unwrap().clone()).unwrap()
    }

    /// Each line, which must be an object.
    pub fn lines(&self) -> Vec<Value> {
        let lines: Vec<Value> = self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.iter().all(Value::is_object), "{lines:#?}");
        lines
    }
}
