//! The wire to PostgreSQL, for cutting.

use std::sync::Arc;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A loopback port that leads to PostgreSQL for as long as it is plugged in.
pub struct Cable {
    pub port: u16,
    plugged: Arc<watch::Sender<bool>>,
}

impl Cable {
    pub async fn to(host: String, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let here = listener.local_addr().unwrap().port();
        let plugged = Arc::new(watch::Sender::new(true));
        let state = Arc::clone(&plugged);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut unplugged = state.subscribe();
                let host = host.clone();
                tokio::spawn(async move {
                    // Unplugged, a connection is closed as soon as it is made.
                    if !*unplugged.borrow() {
                        return;
                    }
                    let Ok(mut far) = TcpStream::connect((host, port)).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = unplugged.wait_for(|plugged| !plugged) => {}
                    }
                });
            }
        });
        Self { port: here, plugged }
    }

    /// Closes all connections, and each that is tried.
    pub fn unplug(&self) {
        self.plugged.send_replace(false);
    }

    pub fn plug_in(&self) {
        self.plugged.send_replace(true);
    }
}
