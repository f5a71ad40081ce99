//! Proves the audit log from a copy of the database and the anchors alone: `make verify-audit`.

use std::{env, path::PathBuf, process::ExitCode};

use jiff::Timestamp;
use local::{audit_proof, prepare};
use runtime::lambda::Fatal;
use tokio_postgres::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Fatal> {
    let database: Config = env::var("DATABASE_URL")?.parse()?;
    let anchors = audit_proof::anchors(&PathBuf::from(env::var("ANCHORS")?))?;
    let proof = audit_proof::prove(&prepare::connect(&database).await?, &anchors, Timestamp::now()).await?;
    println!("{} links hold, {} of {} anchors agree.", proof.links, proof.anchors, anchors.len());
    if proof.days_without_anchor > 0 {
        println!("{} days between the first anchor and the last have none.", proof.days_without_anchor);
    }
    for fault in &proof.faults {
        println!("WRONG: {fault}");
    }
    Ok(if proof.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
