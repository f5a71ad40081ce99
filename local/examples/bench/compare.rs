//! Which of two builds is slower: runs of both in turn, and what of each differs by more than its noise.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    internals::Fatal,
    report::Report,
    statistics::{mean, spread},
};

/// Runs of each build.
const RUNS: usize = 2;
/// Two runs of one build differ by at least this part, however alike those of this time came out.
const LEAST_NOISE: f64 = 0.1;

/// Runs the benchmarks in the folders `base` and `head`, each with its functions beside it, in turn. Fails where `head`
/// is slower.
pub fn run(base: &Path, head: &Path) -> Result<(), Fatal> {
    let (mut of_base, mut of_head) = (BTreeMap::new(), BTreeMap::new());
    for number in 1..=RUNS {
        for (name, folder, figures) in [("base", base, &mut of_base), ("head", head, &mut of_head)] {
            println!("\n{name}, run {number} of {RUNS}");
            for (figure, value) in figures_of(&measured(folder, number)?) {
                figures.entry(figure).or_insert_with(Vec::new).push(value);
            }
        }
    }
    println!("\n{:<72} {:>10} {:>10} {:>8} {:>8}", "", "base", "head", "change", "noise");
    let mut slower = 0;
    for (figure, base) in &of_base {
        let Some(head) = of_head.get(figure) else { continue };
        let change = Change::between(base, head);
        let (before, after) = (mean(base), mean(head));
        let verdict = if change.is_slower() { "slower" } else { "" };
        let [part, noise] = [change.part, change.noise].map(|part| format!("{:+.1} %", part * 100.0));
        println!("{figure:<72} {before:>10.2} {after:>10.2} {part:>8} {noise:>8} {verdict}");
        slower += usize::from(change.is_slower());
    }
    if slower == 0 { Ok(()) } else { Err(format!("{slower} figures got slower by more than their noise").into()) }
}

/// Runs one benchmark and reads what it measured.
fn measured(folder: &Path, number: usize) -> Result<Report, Fatal> {
    let file: PathBuf = folder.join(format!("run-{number}.json"));
    let status = Command::new(folder.join("bench")).env("BENCH_FUNCTIONS", folder).env("BENCH_JSON", &file).status()?;
    if !status.success() {
        return Err(format!("the benchmark in {} failed", folder.display()).into());
    }
    Ok(serde_json::from_slice(&fs::read(file)?)?)
}

/// What is compared; more of each is worse. Times are taken as multiples of the bare SQL of their run, which meets the
/// same noise.
fn figures_of(report: &Report) -> BTreeMap<String, f64> {
    let mut figures = BTreeMap::new();
    for line in &report.lines {
        for (what, figure) in [
            ("times bare SQL", line.near.ratio()),
            ("times bare SQL, 1 ms away", line.away.ratio()),
            ("first call, times bare SQL", line.first_call.0 / line.near.bare.p50.0),
            ("round trips", line.round_trips),
            ("statements", line.statements),
        ] {
            figures.insert(format!("{}: {what}", line.path), figure);
        }
    }
    for fact in &report.facts {
        let of_bare = fact.figure / fact.bare.unwrap_or(1.0);
        figures.insert(fact.what.clone(), if fact.more_is_worse { of_bare } else { 1.0 / of_bare });
    }
    figures
}

/// How a figure changed.
struct Change {
    /// As a part of the base.
    part: f64,
    /// How much runs of one build differ, as a part of the base.
    noise: f64,
}

impl Change {
    fn between(base: &[f64], head: &[f64]) -> Self {
        let before = mean(base);
        let noise = spread(base).max(spread(head)) / before;
        Self { part: (mean(head) - before) / before, noise: noise.max(LEAST_NOISE) }
    }

    fn is_slower(&self) -> bool {
        self.part > self.noise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_within_the_noise_of_either_build_is_none() {
        assert!(!Change::between(&[2.0, 2.6], &[2.7, 2.8]).is_slower(), "the base differs from itself by as much");
        assert!(!Change::between(&[2.0, 2.0], &[2.0, 3.0]).is_slower(), "so does the head");
        assert!(!Change::between(&[2.0, 2.0], &[2.1, 2.1]).is_slower(), "nothing is that exact");
    }

    #[test]
    fn a_change_beyond_the_noise_is_named() {
        assert!(Change::between(&[2.0, 2.1], &[3.0, 3.2]).is_slower());
        assert!(!Change::between(&[3.0, 3.2], &[2.0, 2.1]).is_slower(), "faster is not slower");
        assert!(Change::between(&[2.0, 2.0], &[3.0, 3.0]).is_slower(), "as with round trips, which don't vary");
    }
}
