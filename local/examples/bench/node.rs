//! Node's binding of Argon2, as a reference that this machine's speed moves as it moves ours.

use std::process::{Command, Stdio};

use super::statistics::Milliseconds;

/// From the repository's root, where `make` runs the benchmark.
const FOLDER: &str = "local/examples/bench/node";

/// CPU time of one verification with our parameters, where Node and the package `argon2` are there; else nothing is
/// compared.
pub fn argon2_cpu() -> Option<Milliseconds> {
    let output = Command::new("node").arg("argon2.mjs").current_dir(FOLDER).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let cpu = text.trim().parse().ok().map(Milliseconds);
    if cpu.is_none() {
        eprintln!("Node's Argon2 is not compared: `npm ci --prefix local/examples/bench/node` installs it");
    }
    cpu
}
