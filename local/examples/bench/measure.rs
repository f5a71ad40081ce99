//! How a path is measured: the function and the bare SQL in turn, so that both meet the same noise.

use super::{
    budget::Budget,
    function::{Answer, Function},
    internals::Fatal,
    report::{Figures, Line, Report},
    stack::{Distance, Stack},
    statistics::{Milliseconds, Percentiles},
};
use tokio_postgres::Client;

/// Calls before any is counted: plans are kept from the sixth on where the server chooses.
const WARM_UP: usize = 6;

/// A path to be measured.
pub struct Path {
    pub name: String,
    pub function: &'static str,
    pub rounds: usize,
    pub budget: Budget,
}

impl Path {
    /// A path with its budget as a multiple of the bare SQL.
    pub fn new(name: &str, function: &'static str, rounds: usize, times: f64) -> Self {
        Self { name: name.to_owned(), function, rounds, budget: Budget::TimesBareSql(times) }
    }
}

/// Calls of `call` that one path needs: so many visits to check in to there have to be.
pub fn calls_of(stack: &Stack, rounds: usize) -> usize {
    2 * (stack.options.rounds(rounds) + WARM_UP) + fresh_starts(stack)
}

fn fresh_starts(stack: &Stack) -> usize {
    if stack.options.quick { 3 } else { 7 }
}

/// Measures a path near and away. `call` makes one request through the function it is given, `bare` does the same rows
/// by SQL.
pub async fn measure<C, B>(
    stack: &Stack,
    report: &mut Report,
    path: Path,
    mut call: C,
    mut bare: B,
) -> Result<(), Fatal>
where
    C: AsyncFnMut(&Function) -> Result<Answer, Fatal>,
    B: AsyncFnMut(&Client) -> Result<Milliseconds, Fatal>,
{
    if !stack.options.wants(&path.name) {
        return Ok(());
    }
    let rounds = stack.options.rounds(path.rounds);
    let mut first_calls = Vec::new();
    for _ in 0..fresh_starts(stack) {
        let function = stack.function(path.function, 1, Distance::Near).await?;
        first_calls.push(call(&function).await?.took.into());
    }
    let near = at(stack, &path, Distance::Near, rounds, &mut call, &mut bare).await?;
    let away = at(stack, &path, Distance::Millisecond, rounds, &mut call, &mut bare).await?;
    report.add(Line {
        path: path.name,
        budget: path.budget,
        first_call: Percentiles::of(first_calls).p50,
        round_trips: away.round_trips,
        statements: away.statements,
        cpu: near.cpu,
        bytes: near.bytes,
        peak_memory: near.peak_memory,
        near: near.figures,
        away: away.figures,
    });
    Ok(())
}

struct Measured {
    figures: Figures,
    round_trips: f64,
    statements: f64,
    cpu: Milliseconds,
    bytes: usize,
    peak_memory: u64,
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
async fn at<C, B>(
    stack: &Stack,
    path: &Path,
    distance: Distance,
    rounds: usize,
    call: &mut C,
    bare: &mut B,
) -> Result<Measured, Fatal>
where
    C: AsyncFnMut(&Function) -> Result<Answer, Fatal>,
    B: AsyncFnMut(&Client) -> Result<Milliseconds, Fatal>,
{
    let function = stack.function(path.function, 1, distance).await?;
    let client = stack.bare(distance).await?;
    for _ in 0..WARM_UP {
        call(&function).await?;
        bare(&client).await?;
    }
    stack.relay.take();
    let cpu_before = function.cpu_time();
    let (mut times, mut bare_times, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        let answer = call(&function).await?;
        times.push(answer.took.into());
        bytes = answer.wire.len();
        bare_times.push(bare(&client).await?);
    }
    let counts = stack.relay.take();
    let cpu = Milliseconds::from(function.cpu_time().saturating_sub(cpu_before));
    Ok(Measured {
        figures: Figures { function: Percentiles::of(times), bare: Percentiles::of(bare_times) },
        round_trips: counts.round_trips as f64 / rounds as f64,
        statements: counts.statements as f64 / rounds as f64,
        cpu: Milliseconds(cpu.0 / rounds as f64),
        bytes,
        peak_memory: function.peak_memory(),
    })
}
