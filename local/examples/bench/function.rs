//! A function as Lambda runs it: its binary, processes of its own, and the runtime API on loopback from which they take
//! one event at a time.

use std::{
    collections::HashMap,
    fs,
    path::Path as FilePath,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc, oneshot},
};
use uuid::Uuid;

use super::internals::{Fatal, Sent, event};

/// Longer than a function may take in AWS.
const LIMIT: Duration = Duration::from_mins(1);

/// What a function answered.
pub struct Answer {
    pub status: u16,
    /// As it goes over the wire, compressed or not.
    pub wire: Vec<u8>,
    /// From the moment that the function took the event to the one that its answer was here.
    pub took: Duration,
    gzip: bool,
}

impl Answer {
    pub fn json(&self) -> Result<Value, Fatal> {
        if self.gzip {
            return Ok(serde_json::from_reader(flate2::read::GzDecoder::new(&self.wire[..]))?);
        }
        Ok(serde_json::from_slice(&self.wire)?)
    }
}

/// An answer's body, and when its event was taken and it came.
struct Answered {
    began: Instant,
    ended: Instant,
    body: Bytes,
}

struct Invocation {
    event: Bytes,
    answer: oneshot::Sender<Answered>,
}

struct UnderWay {
    began: Instant,
    answer: oneshot::Sender<Answered>,
}

/// What the runtime API and the processes share.
struct Runtime {
    waiting: Mutex<mpsc::UnboundedReceiver<Invocation>>,
    under_way: StdMutex<HashMap<String, UnderWay>>,
}

/// A running function.
pub struct Function {
    environments: Vec<Child>,
    queue: mpsc::UnboundedSender<Invocation>,
    server: tokio::task::JoinHandle<()>,
}

impl Function {
    /// Starts `environments` processes of the binary `name` in `folder`.
    pub async fn start(
        folder: &FilePath,
        name: &str,
        environments: usize,
        variables: &[(&str, String)],
    ) -> Result<Self, Fatal> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (queue, waiting) = mpsc::unbounded_channel();
        let runtime = Arc::new(Runtime { waiting: Mutex::new(waiting), under_way: StdMutex::default() });
        let server = tokio::spawn(async move {
            let _ = axum::serve(
                listener.tap_io(|stream| {
                    let _ = stream.set_nodelay(true);
                }),
                runtime_api(runtime),
            )
            .await;
        });
        let environments = (0..environments)
            .map(|_| {
                Command::new(folder.join(name))
                    .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
                    .env("AWS_LAMBDA_FUNCTION_NAME", name)
                    .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
                    .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
                    .envs(variables.iter().map(|(name, value)| (*name, value.as_str())))
                    .stdout(Stdio::null())
                    .spawn()
                    .map_err(Into::into)
            })
            .collect::<Result<_, Fatal>>()?;
        Ok(Self { environments, queue, server })
    }

    /// Sends a request and waits for its answer.
    pub async fn send(&self, sent: &Sent<'_>) -> Result<Answer, Fatal> {
        let (answer, answered) = oneshot::channel();
        let event = Bytes::from(serde_json::to_vec(&event(sent))?);
        self.queue.send(Invocation { event, answer }).map_err(|_| "the runtime API has ended")?;
        let Answered { began, ended, body } = tokio::time::timeout(LIMIT, answered).await??;
        let answer: Value = serde_json::from_slice(&body)?;
        let text = answer["body"].as_str().unwrap_or_default();
        let encoded = answer["isBase64Encoded"].as_bool().unwrap_or_default();
        Ok(Answer {
            status: answer["statusCode"].as_u64().and_then(|status| status.try_into().ok()).ok_or("no status")?,
            wire: if encoded { STANDARD.decode(text)? } else { text.as_bytes().to_vec() },
            took: ended - began,
            gzip: answer["headers"]["content-encoding"] == "gzip",
        })
    }

    /// The most memory that any of its processes had resident, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let peak = |child: &Child| {
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
            kib.unwrap_or_default() * 1024
        };
        self.environments.iter().map(peak).max().unwrap_or_default()
    }

    /// The CPU time that all its processes have taken. Threads that ended are not counted: take it often.
    pub fn cpu_time(&self) -> Duration {
        let nanoseconds = self.environments.iter().flat_map(|child| {
            let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).into_iter().flatten().flatten();
            tasks.filter_map(|task| {
                let statistics = fs::read_to_string(task.path().join("schedstat")).ok()?;
                statistics.split_whitespace().next()?.parse::<u64>().ok()
            })
        });
        Duration::from_nanos(nanoseconds.sum())
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        for child in &mut self.environments {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.server.abort();
    }
}

/// `GET .../invocation/next` hands out an event, `POST .../invocation/{id}/response` takes its answer.
fn runtime_api(runtime: Arc<Runtime>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(answered).layer(DefaultBodyLimit::disable()))
        .route("/2018-06-01/runtime/init/error", post(failed))
        .with_state(runtime)
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Response {
    let Some(invocation) = runtime.waiting.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let id = Uuid::now_v7().to_string();
    let deadline = (jiff::Timestamp::now().as_millisecond() + 29_000).to_string();
    let headers = [
        ("lambda-runtime-aws-request-id", id.clone()),
        ("lambda-runtime-deadline-ms", deadline),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:ca-central-1:123456789012:function:bench".into()),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".into()),
    ];
    let mut under_way = runtime.under_way.lock().unwrap_or_else(PoisonError::into_inner);
    under_way.insert(id, UnderWay { began: Instant::now(), answer: invocation.answer });
    (headers, invocation.event).into_response()
}

async fn answered(
    State(runtime): State<Arc<Runtime>>,
    Path((id, outcome)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let ended = Instant::now();
    if outcome != "response" {
        eprintln!("{outcome}: {}", String::from_utf8_lossy(&body));
    }
    let answered = runtime.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    if let Some(UnderWay { began, answer }) = answered {
        // Whoever waited may have given up.
        let _ = answer.send(Answered { began, ended, body });
    }
    StatusCode::ACCEPTED
}

async fn failed(body: String) -> StatusCode {
    eprintln!("a function could not start: {body}");
    StatusCode::ACCEPTED
}
