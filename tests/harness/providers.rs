//! Twilio and Expo as a test wants them: they keep what they accept, and fail as they are told to.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, Read},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Json, Response},
    routing::post,
};
use flate2::read::GzDecoder;
use futures_util::stream;
use jiff::{Timestamp, tz::TimeZone};
use jobs::{Clock, Providers};
use local::prepare;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{Config, TestApp};

/// How a request for a call or SMS goes wrong.
pub enum Fault {
    /// Too many requests, in Twilio's own words.
    TooMany,
    /// Twilio's own 500.
    Broken,
    /// A proxy's 500 before Twilio, which has accepted the request.
    BrokenAfter,
    /// One of Twilio's codes.
    Refused(i32),
    /// Accepted, and the connection is lost.
    LostAfter,
    /// Lost before it was accepted.
    LostBefore,
    /// Accepted, and answered when the test says so.
    Held(oneshot::Sender<Held>),
    /// Neither accepted nor answered.
    Silent,
}

/// An accepted request that waits for its answer.
pub struct Held {
    pub sid: String,
    pub answer: oneshot::Sender<()>,
}

/// What Twilio accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub sid: String,
    pub to: String,
    pub at: Timestamp,
    pub form: HashMap<String, String>,
}

#[derive(Default)]
struct ProviderState {
    accepted: Vec<Accepted>,
    /// Calls that were to ring no longer.
    stopped: Vec<String>,
    faults: VecDeque<Fault>,
    /// Requests to list what was sent, answered or not.
    looked_up: usize,
    lists_fail: bool,
    pushed: Vec<Vec<Value>>,
    unregistered: Vec<String>,
    foreign: Vec<String>,
    /// What Expo says of a token instead of taking its message.
    rejected: HashMap<String, &'static str>,
    push_faults: VecDeque<Fault>,
    /// Tickets that receipts were asked for.
    asked_for: Vec<String>,
    receipts: HashMap<String, Value>,
    authorization: Option<String>,
}

#[derive(Clone)]
pub struct FakeProviders {
    pub url: String,
    pub clock: SimulatedClock,
    state: Arc<Mutex<ProviderState>>,
}

/// Time that passes only when somebody waits for it.
#[derive(Clone)]
pub struct SimulatedClock(Arc<Mutex<Timestamp>>);

impl SimulatedClock {
    pub fn starting_now() -> Self {
        Self(Arc::new(Mutex::new(Timestamp::now())))
    }

    pub fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    pub fn advance_to(&self, at: Timestamp) {
        let mut now = self.0.lock().unwrap();
        *now = at.max(*now);
    }

    pub fn advance(&self, by: jiff::SignedDuration) {
        self.advance_to(self.now() + by);
    }

    pub fn clock(&self) -> Clock {
        let (reader, waiter) = (self.clone(), self.clone());
        Clock::new(
            move || reader.now(),
            move |at| -> Pin<Box<dyn Future<Output = ()> + Send>> {
                let waiter = waiter.clone();
                Box::pin(async move {
                    waiter.advance_to(at);
                    tokio::task::yield_now().await;
                })
            },
        )
    }
}

impl FakeProviders {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self { url, clock: SimulatedClock::starting_now(), state: Arc::default() };
        let router = Router::new()
            .route("/2010-04-01/Accounts/AC1/{resource}", post(create).get(list))
            .route("/2010-04-01/Accounts/AC1/Calls/{call}", post(stop))
            .route("/--/api/v2/push/send", post(push))
            .route("/--/api/v2/push/getReceipts", post(receipts))
            .with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    /// The same where nobody listens.
    pub fn out_of_reach(&self) -> Self {
        Self { url: "http://127.0.0.1:1".into(), ..self.clone() }
    }

    /// The settings of a function that sends through these, with their secrets in place.
    pub async fn config(&self, app: &TestApp) -> Config {
        let environment = &app.config.environment;
        for (name, value) in [
            ("account", json!({"account_sid": "AC1", "auth_token": "t", "api_key": {"sid": "SK1", "secret": "s"}})),
            ("phone-numbers", json!({"voice_number": "+16475550001", "sms_number": "+16475550002"})),
            (
                "webhooks",
                json!({"voice_webhook_url": "https://api.test/v1/voice/webhook",
                    "voice_status_callback_url": "https://api.test/v1/voice/status",
                    "sms_webhook_url": "https://api.test/v1/sms/webhook",
                    "sms_status_callback_url": "https://api.test/v1/sms/status", "webhook_auth_token": "ours & +"}),
            ),
        ] {
            prepare::secret(&app.aws, &format!("{environment}/twilio/{name}"), &value).await.unwrap();
        }
        let providers = Providers {
            twilio_url: self.url.clone(),
            expo_url: self.url.clone(),
            call_spacing_ms: 1000,
            sms_spacing_ms: 1000,
        };
        Config { providers, ..app.config.clone() }
    }

    fn state(&self) -> MutexGuard<'_, ProviderState> {
        self.state.lock().unwrap()
    }

    /// The next request for a call or SMS goes wrong so, the one after it as the next in line.
    pub fn fail(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    pub fn fail_lists(&self, fail: bool) {
        self.state().lists_fail = fail;
    }

    pub fn accepted(&self) -> Vec<Accepted> {
        self.state().accepted.clone()
    }

    pub fn accepted_for(&self, to: &str) -> usize {
        self.state().accepted.iter().filter(|accepted| accepted.to == to).count()
    }

    pub fn stopped(&self) -> Vec<String> {
        self.state().stopped.clone()
    }

    pub fn looked_up(&self) -> usize {
        self.state().looked_up
    }

    pub fn authorization(&self) -> String {
        self.state().authorization.clone().unwrap()
    }

    pub fn pushed(&self) -> Vec<Vec<Value>> {
        self.state().pushed.clone()
    }

    /// No device has this token any more.
    pub fn unregister(&self, token: &str) {
        self.state().unregistered.push(token.into());
    }

    /// Expo refuses what goes to this token, with one of its codes; the next time it doesn't.
    pub fn reject(&self, token: &str, code: &'static str) {
        self.state().rejected.insert(token.into(), code);
    }

    /// Expo refuses each batch that has this token, as one of another project's.
    pub fn refuse_batches_with(&self, token: &str) {
        self.state().foreign.push(token.into());
    }

    /// The next batch of push messages goes wrong so.
    pub fn fail_push(&self, fault: Fault) {
        self.state().push_faults.push_back(fault);
    }

    pub fn asked_for(&self) -> Vec<String> {
        self.state().asked_for.clone()
    }

    pub fn give_receipt(&self, ticket: &str, receipt: Value) {
        self.state().receipts.insert(ticket.into(), receipt);
    }

    fn accept(&self, resource: &str, form: HashMap<String, String>) -> String {
        let mut state = self.state();
        let kind = if resource == "Calls.json" { "CA" } else { "SM" };
        let sid = format!("{kind}{:032x}", state.accepted.len() + 1);
        let to = form["To"].clone();
        state.accepted.push(Accepted { sid: sid.clone(), to, at: self.clock.now(), form });
        sid
    }
}

fn refusal(status: StatusCode, code: i32) -> Response {
    let body = json!({"code": code, "message": "no", "more_info": "", "status": status.as_u16()});
    (status, Json(body)).into_response()
}

/// An answer that breaks off.
fn lost() -> Response {
    let broken = stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
    (StatusCode::CREATED, Body::from_stream(broken)).into_response()
}

fn created(sid: &str) -> Response {
    (StatusCode::CREATED, Json(json!({"sid": sid, "status": "queued", "to": "+1"}))).into_response()
}

async fn create(
    State(fake): State<FakeProviders>,
    Path(resource): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    // Repeated keys are told by how often they come.
    let mut form = HashMap::new();
    for (key, value) in form_urlencoded::parse(body.as_bytes()).into_owned() {
        form.entry(key).and_modify(|all: &mut String| *all = format!("{all} {value}")).or_insert(value);
    }
    let authorization = headers["authorization"].to_str().unwrap().to_owned();
    let fault = {
        let mut state = fake.state();
        state.authorization = Some(authorization);
        state.faults.pop_front()
    };
    match fault {
        None => created(&fake.accept(&resource, form)),
        Some(Fault::TooMany) => refusal(StatusCode::TOO_MANY_REQUESTS, 20429),
        Some(Fault::Broken) => refusal(StatusCode::INTERNAL_SERVER_ERROR, 20500),
        Some(Fault::BrokenAfter) => {
            fake.accept(&resource, form);
            (StatusCode::BAD_GATEWAY, "<html>").into_response()
        }
        Some(Fault::Refused(code)) => refusal(StatusCode::BAD_REQUEST, code),
        Some(Fault::LostAfter) => {
            fake.accept(&resource, form);
            lost()
        }
        Some(Fault::LostBefore) => lost(),
        Some(Fault::Held(test)) => {
            let sid = fake.accept(&resource, form);
            let (answer, asked) = oneshot::channel();
            let _ = test.send(Held { sid: sid.clone(), answer });
            let _ = asked.await;
            created(&sid)
        }
        Some(Fault::Silent) => std::future::pending().await,
    }
}

async fn stop(State(fake): State<FakeProviders>, Path(call): Path<String>, body: String) -> Response {
    assert_eq!(body, "Status=canceled");
    let mut state = fake.state();
    match state.faults.pop_front() {
        None => {
            let sid = call.trim_end_matches(".json").to_owned();
            state.stopped.push(sid.clone());
            (StatusCode::OK, Json(json!({"sid": sid, "status": "canceled"}))).into_response()
        }
        Some(Fault::Refused(code)) => refusal(StatusCode::BAD_REQUEST, code),
        Some(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, 20500),
    }
}

async fn list(
    State(fake): State<FakeProviders>,
    Path(resource): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let (key, kind) = if resource == "Calls.json" { ("calls", "CA") } else { ("messages", "SM") };
    let mut state = fake.state();
    state.looked_up += 1;
    if state.lists_fail {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, 20503);
    }
    let date = |at: Timestamp| jiff::fmt::rfc2822::to_string(&at.to_zoned(TimeZone::UTC)).unwrap();
    let found: Vec<_> = state
        .accepted
        .iter()
        .rev()
        .filter(|one| one.sid.starts_with(kind) && one.to == query["To"] && one.form["From"] == query["From"])
        .map(|one| json!({"sid": one.sid, "date_created": date(one.at), "body": one.form.get("Body"), "to": one.to}))
        .collect();
    Json(json!({key: found, "page": 0, "next_page_uri": null})).into_response()
}

fn gunzipped(headers: &HeaderMap, body: &[u8]) -> Value {
    assert_eq!(headers["content-encoding"], "gzip");
    let mut text = String::new();
    GzDecoder::new(body).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

async fn push(State(fake): State<FakeProviders>, headers: HeaderMap, body: Bytes) -> Response {
    let messages = gunzipped(&headers, &body).as_array().unwrap().clone();
    let mut state = fake.state();
    let fault = state.push_faults.pop_front();
    match fault {
        None => {}
        Some(Fault::TooMany) => return StatusCode::TOO_MANY_REQUESTS.into_response(),
        Some(Fault::Broken) => return StatusCode::BAD_GATEWAY.into_response(),
        Some(_) => {
            state.pushed.push(messages);
            return lost();
        }
    }
    if messages.iter().any(|message| state.foreign.iter().any(|token| message["to"] == token.as_str())) {
        let error = json!({"code": "PUSH_TOO_MANY_EXPERIENCE_IDS",
            "message": "All push notification messages in the same request must be for the same project"});
        return (StatusCode::BAD_REQUEST, Json(json!({"errors": [error]}))).into_response();
    }
    let batch = state.pushed.len();
    let tickets: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(n, message)| {
            if state.unregistered.iter().any(|gone| message["to"] == gone.as_str()) {
                json!({"status": "error", "message": "gone", "details": {"error": "DeviceNotRegistered"}})
            } else if let Some(code) = state.rejected.remove(message["to"].as_str().unwrap()) {
                json!({"status": "error", "message": "no", "details": {"error": code}})
            } else {
                json!({"status": "ok", "id": format!("ticket-{batch}-{n}")})
            }
        })
        .collect();
    state.pushed.push(messages);
    Json(json!({"data": tickets})).into_response()
}

async fn receipts(State(fake): State<FakeProviders>, headers: HeaderMap, body: Bytes) -> Response {
    let asked = gunzipped(&headers, &body);
    let mut state = fake.state();
    let ids = asked["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned());
    state.asked_for.extend(ids);
    let known: serde_json::Map<String, Value> = asked["ids"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|id| state.receipts.get_key_value(id.as_str().unwrap()))
        .map(|(id, receipt)| (id.clone(), receipt.clone()))
        .collect();
    Json(json!({"data": known})).into_response()
}
