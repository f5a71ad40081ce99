//! The log: one JSON object a line on standard output, which Lambda hands to CloudWatch.

use std::{fmt::Debug, io::Write};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{Layer, fmt::MakeWriter, layer::Context, prelude::*};

use super::Sentry;
use crate::{metrics, request};

/// The log of one process.
pub struct Log<W> {
    service: String,
    environment: String,
    level: LevelFilter,
    writer: W,
}

impl<W: for<'a> MakeWriter<'a> + Send + Sync + 'static> Log<W> {
    /// A log that goes to `writer`. `service` is what it calls the process where no request says more, `environment`
    /// is `BERTHCARE_ENV`, and `level` is `LOG_LEVEL`: `info` where it can't be understood, and never finer. At `debug`
    /// some libraries show requests, with their tokens and bodies.
    pub fn new(service: String, environment: String, level: &str, writer: W) -> Self {
        let level = level.parse().unwrap_or(LevelFilter::INFO).min(LevelFilter::INFO);
        Self { service, environment, level, writer }
    }

    /// What `tracing` sends its events to: this log, and those among them that are errors to Sentry.
    pub fn subscriber(self, sentry: Sentry) -> impl Subscriber + Send + Sync {
        tracing_subscriber::registry().with(self).with(sentry)
    }
}

impl<S: Subscriber, W: for<'a> MakeWriter<'a> + 'static> Layer<S> for Log<W> {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        // What is measured must arrive at whatever level the rest is kept.
        let measured = metadata.fields().field(metrics::FIELD).is_some();
        measured || *metadata.level() <= self.level
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let request = request::current();
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
        put("timestamp", Timestamp::now().to_string().into());
        put("level", event.metadata().level().as_str().into());
        put("environment", self.environment.as_str().into());
        put("service", request.as_ref().map_or(self.service.as_str(), |request| request.service).into());
        if let Some(request) = request {
            put("requestId", request.id.as_str().into());
            if let Some(trace) = &request.trace_id {
                put("traceId", trace.as_str().into());
            }
            if let Some((user_id, role)) = request.caller() {
                put("userId", user_id.to_string().into());
                put("role", <&str>::from(role).into());
            }
        }
        event.record(&mut Fields(&mut line));
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        // A log that can't be written has nowhere to say so.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(text.as_bytes());
    }
}

/// Reads an event's fields into the line.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        if field.name() != metrics::FIELD {
            self.put(field, text);
        } else if let Ok(Value::Object(members)) = serde_json::from_str(&text) {
            self.0.extend(members);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}
