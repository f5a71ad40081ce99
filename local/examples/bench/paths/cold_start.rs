//! From the start of a process to its first answer, database connection and keys included, and the memory of it.

use std::time::Instant;

use crate::{
    budget::Budget,
    internals::Fatal,
    report::{Fact, Report},
    requests::get,
    stack::{Distance, Stack},
    statistics::{Milliseconds, Percentiles},
};

const STARTS: usize = 11;
/// Milliseconds.
const BUDGET: f64 = 60.0;
/// What a function may have resident, in MiB.
pub const MEMORY: f64 = 128.0;

/// Starts each function that answers requests some times.
pub async fn cold_starts(stack: &Stack, report: &mut Report) -> Result<(), Fatal> {
    for (name, path) in [
        ("auth", "/v1/.well-known/jwks.json"),
        ("clients", "/v1/clients"),
        ("visits", "/v1/visits"),
        ("sync", "/v1/sync"),
        ("photos", "/v1/photos/0193a5b0-0000-7000-8000-000000000001"),
        ("alerts", "/v1/alerts"),
        ("health", "/v1/health"),
    ] {
        let what = format!("cold start of {name}");
        if !stack.options.wants(&what) {
            continue;
        }
        let (mut times, mut peak_memory) = (Vec::new(), 0);
        for _ in 0..stack.options.rounds(STARTS) {
            let began = Instant::now();
            let function = stack.function(name, 1, Distance::Near).await?;
            function.send(&get(path, None)).await?;
            times.push(Milliseconds::since(began));
            peak_memory = peak_memory.max(function.peak_memory());
        }
        let took = Percentiles::of(times).p50.0;
        state(report, what, took, "ms", BUDGET);
        state(report, format!("memory of {name} after its first answer"), mebibytes(peak_memory), "MiB", MEMORY);
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn state(report: &mut Report, what: String, figure: f64, unit: &str, most: f64) {
    let budget = Budget::AtMost(most);
    let verdict = budget.verdict(figure, None);
    report.state(Fact { what, figure, unit: unit.into(), bare: None, budget, verdict, more_is_worse: true });
}
