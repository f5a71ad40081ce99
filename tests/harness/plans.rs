//! The plans by which PostgreSQL answers what functions ask, nested ones included, as `auto_explain` tells them.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::Database;

/// A loopback port that leads to PostgreSQL, and listens to what it notes on the way back.
pub struct Plans {
    /// What came back, a stream a session.
    streams: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// Where a plan's rows come from.
#[derive(Clone, Debug)]
pub struct Scan {
    pub kind: String,
    pub table: String,
    pub index: String,
    /// Rows found or looked at in vain, over all loops.
    pub rows: f64,
}

impl Plans {
    /// Before the database of a test; answers also the URL by which functions come through here.
    pub async fn before(database: &Database) -> (Self, String) {
        // Told to the client, with what each step read.
        let name = &database.name;
        let explain = format!(
            "load 'auto_explain';
             alter database {name} set session_preload_libraries = 'auto_explain';
             alter database {name} set auto_explain.log_min_duration = 0;
             alter database {name} set auto_explain.log_nested_statements = on;
             alter database {name} set auto_explain.log_analyze = on;
             alter database {name} set auto_explain.log_timing = off;
             alter database {name} set auto_explain.log_format = json;
             alter database {name} set auto_explain.log_level = notice"
        );
        for statement in explain.split(';') {
            database.superuser().await.batch_execute(&format!("load 'auto_explain'; {statement}")).await.unwrap();
        }
        let (host, port) = database.host_and_port();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let here = listener.local_addr().unwrap().port();
        let streams = Arc::new(Mutex::new(Vec::new()));
        let url = database.past_the_pooler();
        let url = url.replace(&format!(":{port}/"), &format!(":{here}/")).replace(&host, "127.0.0.1");
        let listening = Arc::clone(&streams);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect((host.clone(), port)).await.unwrap();
                tokio::spawn(forward(near, far, Arc::clone(&listening)));
            }
        });
        (Self { streams }, url)
    }

    /// The plans since it was last asked.
    fn take(&self) -> Vec<Value> {
        let mut streams = self.streams.lock().unwrap();
        streams.iter_mut().flat_map(|stream| notices(&std::mem::take(stream))).filter_map(|text| plan(&text)).collect()
    }

    /// The scans of the plans since it was last asked.
    pub fn scans(&self) -> Vec<Scan> {
        let mut scans = Vec::new();
        for explained in self.take() {
            walk(&explained["Plan"], &mut scans);
        }
        scans
    }
}

async fn forward(near: TcpStream, far: TcpStream, streams: Arc<Mutex<Vec<Vec<u8>>>>) {
    let place = {
        let mut streams = streams.lock().unwrap();
        streams.push(Vec::new());
        streams.len() - 1
    };
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = far.into_split();
    let back = async {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = far_read.read(&mut buffer).await {
            streams.lock().unwrap()[place].extend(&buffer[..read]);
            if near_write.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    let _ = tokio::join!(tokio::io::copy(&mut near_read, &mut far_write), back);
}

/// The notices' messages among whole messages: kind, length, and for a notice fields of a letter and a text each.
fn notices(mut stream: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while let [kind, a, b, c, d, rest @ ..] = stream {
        let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap() - 4;
        let (body, after) = rest.split_at(length.min(rest.len()));
        if *kind == b'N' {
            let fields = body.split(|byte| *byte == 0);
            found.extend(
                fields.filter_map(|field| Some(String::from_utf8_lossy(field.strip_prefix(b"M")?).into_owned())),
            );
        }
        stream = after;
    }
    found
}

fn plan(notice: &str) -> Option<Value> {
    let (_, plan) = notice.split_once("plan:\n")?;
    Some(serde_json::from_str(plan).unwrap())
}

fn walk(node: &Value, scans: &mut Vec<Scan>) {
    let text = |key: &str| node[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| node[key].as_f64().unwrap_or_default();
    let kind = text("Node Type");
    // What was left out at the last moment is in the plan, and never executed.
    let executed = number("Actual Loops") > 0.0;
    if executed && kind.contains("Scan") && (!node["Relation Name"].is_null() || !node["Index Name"].is_null()) {
        let looked = number("Actual Rows") + number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
        let rows = looked * number("Actual Loops");
        scans.push(Scan { kind, table: text("Relation Name"), index: text("Index Name"), rows });
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        walk(child, scans);
    }
}
