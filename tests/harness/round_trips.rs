//! A proxy before PostgreSQL that counts round trips: statements sent without waiting for one another are one.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::Database;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A loopback port that leads to PostgreSQL.
pub struct RoundTrips {
    port: u16,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    begun: AtomicUsize,
    executed: AtomicUsize,
}

impl RoundTrips {
    /// Before the database of a test; answers also the URL by which functions come through here.
    pub async fn before(database: &Database) -> (Self, String) {
        let (host, port) = database.host_and_port();
        let proxy = Self::to(host.clone(), port).await;
        let direct = database.past_the_pooler();
        let url = direct.replace(&format!(":{port}/"), &format!(":{}/", proxy.port)).replace(&host, "127.0.0.1");
        (proxy, url)
    }

    async fn to(host: String, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let here = listener.local_addr().unwrap().port();
        let counters = Arc::new(Counters::default());
        let counting = Arc::clone(&counters);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect((host.clone(), port)).await.unwrap();
                tokio::spawn(forward(near, far, Arc::clone(&counting)));
            }
        });
        Self { port: here, counters }
    }

    /// How many have begun since it was last asked.
    pub fn count(&self) -> usize {
        self.counts().0
    }

    /// How many have begun, and how many statements they executed, those of transaction control included, since it was
    /// last asked.
    pub fn counts(&self) -> (usize, usize) {
        (self.counters.begun.swap(0, Ordering::SeqCst), self.counters.executed.swap(0, Ordering::SeqCst))
    }
}

/// Each `Sync` and each simple query is answered by one `ReadyForQuery`. A round trip begins with what is sent while
/// none of these answers is owed.
async fn forward(near: TcpStream, far: TcpStream, counters: Arc<Counters>) {
    let owed = Arc::new(Mutex::new(0_i64));
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let asked = {
        let owed = Arc::clone(&owed);
        move |kinds: &[u8]| {
            let executed = kinds.iter().filter(|kind| matches!(kind, b'E' | b'Q')).count();
            counters.executed.fetch_add(executed, Ordering::SeqCst);
            let asks = kinds.iter().filter(|kind| matches!(kind, b'S' | b'Q')).count();
            let mut owed = owed.lock().unwrap();
            if *owed == 0 && asks > 0 {
                counters.begun.fetch_add(1, Ordering::SeqCst);
            }
            *owed += i64::try_from(asks).unwrap();
        }
    };
    let answered = move |kinds: &[u8]| {
        let answers = kinds.iter().filter(|kind| matches!(kind, b'Z')).count();
        let mut owed = owed.lock().unwrap();
        // The first is not asked for: it ends the start of the session.
        *owed = (*owed - i64::try_from(answers).unwrap()).max(0);
    };
    // Only the start of a session has no kind before its length.
    tokio::join!(
        copy(near_read, far_write, Messages { untyped: true, ..Messages::default() }, asked),
        copy(far_read, near_write, Messages::default(), answered)
    );
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut messages: Messages,
    mut tell: impl FnMut(&[u8]),
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        tell(&messages.kinds(&buffer[..read]));
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Where the stream stands: in a message's head, or in its body.
#[derive(Default)]
struct Messages {
    untyped: bool,
    head: Vec<u8>,
    body_left: usize,
}

impl Messages {
    /// The kinds of the messages that begin in these bytes.
    fn kinds(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut kinds = Vec::new();
        while !bytes.is_empty() {
            if self.body_left > 0 {
                let taken = self.body_left.min(bytes.len());
                self.body_left -= taken;
                bytes = &bytes[taken..];
                continue;
            }
            self.head.push(bytes[0]);
            bytes = &bytes[1..];
            let kind = usize::from(!self.untyped);
            if self.head.len() == kind + 4 {
                let length = u32::from_be_bytes(self.head[kind..].try_into().unwrap());
                self.body_left = usize::try_from(length).unwrap() - 4;
                if !self.untyped {
                    kinds.push(self.head[0]);
                }
                self.untyped = false;
                self.head.clear();
            }
        }
        kinds
    }
}
