//! A proxy before PostgreSQL that asks for a password, which the tests' own server doesn't.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// A loopback port that leads to PostgreSQL for whoever gives a good password.
pub struct PasswordProxy {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

type Check = Box<dyn Fn(&str) -> bool + Send>;

struct State {
    accepts: Check,
    tried: Vec<String>,
}

impl PasswordProxy {
    pub async fn before((host, port): (String, u16), accepts: impl Fn(&str) -> bool + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let here = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State { accepts: Box::new(accepts), tried: Vec::new() }));
        let ours = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                // Whoever leaves in between is of no interest.
                tokio::spawn(authenticate(near, (host.clone(), port), Arc::clone(&ours)));
            }
        });
        Self { port: here, state }
    }

    /// Other passwords are good from now on; open connections stay.
    pub fn accept_only(&self, accepts: impl Fn(&str) -> bool + Send + 'static) {
        self.state.lock().unwrap().accepts = Box::new(accepts);
    }

    /// Every password that was tried.
    pub fn passwords_tried(&self) -> Vec<String> {
        self.state.lock().unwrap().tried.clone()
    }
}

/// PostgreSQL's protocol, 55.2: the start-up message, the request for a password in clear text, the password.
async fn authenticate(mut near: TcpStream, far: (String, u16), state: Arc<Mutex<State>>) -> std::io::Result<()> {
    let length = near.read_u32().await?;
    let mut start = length.to_be_bytes().to_vec();
    start.resize(length as usize, 0);
    near.read_exact(&mut start[4..]).await?;

    near.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3]).await?;
    assert_eq!(near.read_u8().await?, b'p');
    let mut password = vec![0; near.read_u32().await? as usize - 4];
    near.read_exact(&mut password).await?;
    password.pop();
    let password = String::from_utf8(password).unwrap();
    let good = {
        let mut state = state.lock().unwrap();
        state.tried.push(password.clone());
        (state.accepts)(&password)
    };
    if !good {
        let fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0";
        near.write_u8(b'E').await?;
        near.write_u32(4 + u32::try_from(fields.len()).unwrap()).await?;
        return near.write_all(fields).await;
    }
    // The server behind asks nothing, and says itself that all is well.
    let mut far = TcpStream::connect(far).await?;
    far.write_all(&start).await?;
    copy_bidirectional(&mut near, &mut far).await.map(drop)
}
