//! Errors, and a tenth of all traces, to Sentry, where the environment has an account there.
//!
//! What is sent is made here from nothing: the text that the log has, the route's template, and the request's id, by
//! which the log tells the rest. No request, user or address is ever at hand. The SDK's own transports are threads,
//! which Lambda freezes between requests; here what waits is sent before the answer goes out, if it is an error, and
//! beside the next request otherwise.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use sentry_core::{
    Client, ClientOptions, Envelope, Hub, Scope, Transaction, TransactionContext, Transport,
    protocol::{Event, SpanStatus, Values},
    types::Dsn,
};
use serde::Deserialize;
use tracing::{
    Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use super::Fatal;
use crate::{request, tls};

/// Of a hundred requests this many are traced.
const TRACED: f32 = 0.1;
/// How long an answer may wait for its error to be reported.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// More than one request leaves; beyond it something logs errors in a loop.
const MOST_WAITING: usize = 100;

/// What the secret `{env}/sentry` holds.
#[derive(Deserialize)]
pub struct SentrySecret {
    dsn: SecretString,
}

/// The way to Sentry; nowhere until [`Sentry::connect`].
#[derive(Clone, Default)]
pub struct Sentry(Arc<OnceLock<Reporter>>);

struct Reporter {
    client: Arc<Client>,
    waiting: Arc<Waiting>,
    http: reqwest::Client,
    dsn: Dsn,
}

/// Envelopes to be sent.
#[derive(Default)]
struct Waiting(Mutex<Vec<Envelope>>);

impl Transport for Waiting {
    fn send_envelope(&self, envelope: Envelope) {
        if let Ok(mut waiting) = self.0.lock()
            && waiting.len() < MOST_WAITING
        {
            waiting.push(envelope);
        }
    }
}

impl Sentry {
    /// Reports to where the secret says from now on.
    ///
    /// # Errors
    /// When that is no DSN.
    pub fn connect(&self, secret: &SentrySecret, environment: &str) -> Result<(), Fatal> {
        let dsn: Dsn = secret.dsn.expose_secret().parse().map_err(|_| "the secret for Sentry holds no DSN")?;
        let waiting = Arc::<Waiting>::default();
        let mut options = ClientOptions::new()
            .traces_sample_rate(TRACED)
            .environment(environment.to_owned())
            .release(env!("CARGO_PKG_VERSION"));
        options.dsn = Some(dsn.clone());
        options.default_integrations = false;
        options.before_send = Some(Arc::new(|event| Some(stripped(event))));
        options.transport = Some(Arc::new(Arc::clone(&waiting)));
        let http = reqwest::Client::builder().tls_backend_preconfigured(tls::client()?).timeout(TIME_LIMIT).build()?;
        let client = Arc::new(Client::with_options(options));
        let _ = self.0.set(Reporter { client, waiting, http, dsn });
        Ok(())
    }

    /// Begins the trace of a request or event, where it is one of the sample.
    pub(super) fn trace(&self, route: &str) -> Option<Transaction> {
        let reporter = self.0.get()?;
        let hub = Hub::new(Some(Arc::clone(&reporter.client)), Arc::new(Scope::default()));
        Some(hub.start_transaction(TransactionContext::new(route, "function")))
    }

    /// Sends what waits. A failure is logged, and what was to be sent forgotten.
    pub(super) async fn flush(&self) {
        let Some(reporter) = self.0.get() else { return };
        let envelopes = reporter.waiting.0.lock().map(|mut waiting| std::mem::take(&mut *waiting)).unwrap_or_default();
        for envelope in envelopes {
            if let Err(error) = reporter.send(&envelope).await {
                tracing::warn!(error = %error.without_url(), "the report to Sentry failed");
            }
        }
    }

    /// Whether something waits to be sent.
    pub(super) fn is_waiting(&self) -> bool {
        self.0.get().is_some_and(|reporter| reporter.waiting.0.lock().is_ok_and(|waiting| !waiting.is_empty()))
    }
}

impl Reporter {
    async fn send(&self, envelope: &Envelope) -> Result<(), reqwest::Error> {
        let mut body = Vec::new();
        // Writing to memory doesn't fail.
        let _ = envelope.to_writer(&mut body);
        self.http
            .post(self.dsn.envelope_api_url().as_str())
            .header("x-sentry-auth", self.dsn.to_auth(Some("berthcare")).to_string())
            .header("content-type", "application/x-sentry-envelope")
            .body(body)
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }
}

/// Nothing that could tell of a person, should anything ever put it there.
fn stripped(event: Event<'static>) -> Event<'static> {
    let breadcrumbs = Values::default();
    let (user, request, server_name) = (None, None, None);
    Event { user, request, server_name, breadcrumbs, extra: sentry_core::protocol::Map::default(), ..event }
}

pub(super) fn status_of(status: u16) -> SpanStatus {
    match status {
        ..400 => SpanStatus::Ok,
        401 => SpanStatus::Unauthenticated,
        403 => SpanStatus::PermissionDenied,
        404 => SpanStatus::NotFound,
        409 => SpanStatus::AlreadyExists,
        412 => SpanStatus::FailedPrecondition,
        429 => SpanStatus::ResourceExhausted,
        400..500 => SpanStatus::InvalidArgument,
        503 => SpanStatus::Unavailable,
        _ => SpanStatus::InternalError,
    }
}

impl<S: Subscriber> Layer<S> for Sentry {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() != Level::ERROR {
            return;
        }
        let Some(reporter) = self.0.get() else { return };
        let mut text = Text::default();
        event.record(&mut text);
        let mut report = Event { message: Some(text.0.join(": ")), ..Event::default() };
        if let Some(request) = request::current() {
            report.transaction = Some(request.route());
            report.tags.insert("service".into(), request.service.into());
            report.tags.insert("requestId".into(), request.id);
        }
        reporter.client.capture_event(report, None);
    }
}

/// An event's message, and the error that it tells of.
#[derive(Default)]
struct Text(Vec<String>);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.0.insert(0, value.to_owned()),
            "error" | "at" => self.0.push(value.to_owned()),
            _ => {}
        }
    }
}
