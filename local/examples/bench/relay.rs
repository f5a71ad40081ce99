//! A loopback port that leads to PostgreSQL, as far away as one wishes, and counts what goes by.
//!
//! Threads and not tasks: Tokio's timers tick by the millisecond, and half of one is what is waited for.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::wire::Messages;

/// How often the database was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Statements that are sent without waiting for one another are one round trip.
    pub round_trips: usize,
    /// Executed ones, transaction control included.
    pub statements: usize,
}

#[derive(Default)]
struct Counters {
    round_trips: AtomicUsize,
    statements: AtomicUsize,
}

/// A running relay. It ends with the process.
pub struct Relay {
    pub port: u16,
    counters: Arc<Counters>,
}

impl Relay {
    /// Listens; what is sent either way arrives `delay` later.
    pub fn start(to: SocketAddr, delay: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let counters = Arc::new(Counters::default());
        let counted = Arc::clone(&counters);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if let Err(error) = forward(near, to, delay, &counted) {
                    eprintln!("the relay could not reach PostgreSQL: {error}");
                }
            }
        });
        Ok(Self { port, counters })
    }

    /// What went by since it was last asked.
    pub fn take(&self) -> Counts {
        Counts {
            round_trips: self.counters.round_trips.swap(0, Ordering::SeqCst),
            statements: self.counters.statements.swap(0, Ordering::SeqCst),
        }
    }
}

/// Each `Sync` and each simple query is answered by one `ReadyForQuery`. A round trip begins with what is sent while
/// none of these answers is owed.
fn forward(near: TcpStream, to: SocketAddr, delay: Duration, counters: &Arc<Counters>) -> io::Result<()> {
    let far = TcpStream::connect(to)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let owed = Arc::new(AtomicI64::new(0));
    let (counters, asked) = (Arc::clone(counters), Arc::clone(&owed));
    let mut requests = Messages::of_client();
    let on_request = move |bytes: &[u8]| {
        for kind in requests.kinds(bytes) {
            if matches!(kind, b'E' | b'Q') {
                counters.statements.fetch_add(1, Ordering::SeqCst);
            }
            if matches!(kind, b'S' | b'Q') && asked.fetch_add(1, Ordering::SeqCst) == 0 {
                counters.round_trips.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    let mut answers = Messages::of_server();
    // The first is not asked for: it ends the start of the session.
    let mut of_start = 1;
    let on_answer = move |bytes: &[u8]| {
        for _ in answers.kinds(bytes).into_iter().filter(|kind| *kind == b'Z') {
            if of_start == 0 {
                owed.fetch_sub(1, Ordering::SeqCst);
            } else {
                of_start = 0;
            }
        }
    };
    let (from, into) = (near.try_clone()?, far.try_clone()?);
    carry(from, into, delay, on_request, |_| {});
    carry(far, near, delay, |_| {}, on_answer);
    Ok(())
}

/// Carries bytes one way: one thread takes them, another gives them on when their time has come.
fn carry(
    mut from: TcpStream,
    mut into: TcpStream,
    delay: Duration,
    mut on_taken: impl FnMut(&[u8]) + Send + 'static,
    mut on_given: impl FnMut(&[u8]) + Send + 'static,
) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            on_taken(&buffer[..read]);
            if sender.send((Instant::now() + delay, buffer[..read].to_vec())).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            on_given(&bytes);
            if into.write_all(&bytes).is_err() {
                return;
            }
        }
        let _ = into.shutdown(std::net::Shutdown::Both);
    });
}
