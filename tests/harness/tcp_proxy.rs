//! A TCP proxy before PostgreSQL, for cutting the connection.

use std::sync::Arc;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A loopback port that leads to PostgreSQL until it is cut.
pub struct TcpProxy {
    pub port: u16,
    is_open: Arc<watch::Sender<bool>>,
}

impl TcpProxy {
    pub async fn to(host: String, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let here = listener.local_addr().unwrap().port();
        let is_open = Arc::new(watch::Sender::new(true));
        let state = Arc::clone(&is_open);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut open = state.subscribe();
                let host = host.clone();
                tokio::spawn(async move {
                    // While it is cut, a connection is closed as soon as it is made.
                    if !*open.borrow() {
                        return;
                    }
                    let Ok(mut far) = TcpStream::connect((host, port)).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = open.wait_for(|is_open| !is_open) => {}
                    }
                });
            }
        });
        Self { port: here, is_open }
    }

    /// Closes all connections, and each that is tried.
    pub fn cut(&self) {
        self.is_open.send_replace(false);
    }

    pub fn restore(&self) {
        self.is_open.send_replace(true);
    }
}
