//! What was measured, on the screen and as JSON.

use serde::{Deserialize, Serialize};

use super::{
    budget::{Budget, Verdict},
    statistics::{Milliseconds, Percentiles},
};

/// A path at one distance of the database.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    pub function: Percentiles,
    pub bare: Percentiles,
}

impl Figures {
    /// How many times the bare SQL the function takes.
    pub fn ratio(&self) -> f64 {
        self.function.p50.0 / self.bare.p50.0
    }

    /// The same of the tenth that nothing else on the machine disturbed.
    pub fn quiet_ratio(&self) -> f64 {
        self.function.p10.0 / self.bare.p10.0
    }
}

/// What was measured of a path.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    pub path: String,
    pub budget: Budget,
    /// The database on this machine.
    pub near: Figures,
    /// The database a millisecond away.
    pub away: Figures,
    /// The first call through a new process and a new backend, which both know nothing yet.
    pub first_call: Milliseconds,
    pub round_trips: f64,
    pub statements: f64,
    /// CPU time of the function for one call, database near.
    pub cpu: Milliseconds,
    /// Bytes of the answer on the wire.
    pub bytes: usize,
    /// The most that its process had resident, in bytes.
    pub peak_memory: u64,
}

/// A figure that is no path's time, such as bytes of storage or requests a second.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fact {
    pub what: String,
    pub figure: f64,
    pub unit: String,
    /// The same of the bare SQL.
    pub bare: Option<f64>,
    pub budget: Budget,
    pub verdict: Verdict,
    /// Whether more of it is worse; else less is.
    pub more_is_worse: bool,
}

/// Everything that a run measured.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    pub lines: Vec<Line>,
    pub facts: Vec<Fact>,
}

impl Report {
    /// The line of a path.
    pub fn line(&self, path: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.path == path)
    }

    /// Whether a path is within its budget, the database near and a millisecond away.
    pub fn verdict(&self, line: &Line) -> Verdict {
        let other = match &line.budget {
            Budget::SameAs(path) => self.line(path),
            _ => None,
        };
        let judge = |of: fn(&Line) -> &Figures| {
            let reference = match &line.budget {
                Budget::SameAs(_) => other.map(|other| of(other).function.p50.0),
                _ => Some(of(line).bare.p50.0),
            };
            line.budget.verdict(of(line).function.p50.0, reference)
        };
        judge(|line| &line.near).and(judge(|line| &line.away))
    }

    /// Keeps a line and shows it.
    pub fn add(&mut self, line: Line) {
        if self.lines.is_empty() {
            println!(
                "\n{:<48} {:>17} {:>8} {:>6} {:>6} | {:>17} {:>8} {:>6} {:>6} | {:>16} {:>7} | \
                 {:>8} {:>5} {:>5} {:>7} {:>8}",
                "ms; database near | 1 ms away; ratios of p50, p10",
                "p50 (p95)",
                "bare",
                "ratio",
                "quiet",
                "p50 (p95)",
                "bare",
                "ratio",
                "quiet",
                "budget",
                "",
                "1st call",
                "trips",
                "stmts",
                "memory",
                "bytes"
            );
        }
        let at = |figures: &Figures| {
            format!(
                "{:>17} {:>8.2} {:>6.1} {:>6.1}",
                format!("{:.2} ({:.1})", figures.function.p50.0, figures.function.p95.0),
                figures.bare.p50.0,
                figures.ratio(),
                figures.quiet_ratio()
            )
        };
        println!(
            "{:<48} {} | {} | {:>16} {:>7} | {:>8.1} {:>5.1} {:>5.1} {:>7} {:>8}",
            line.path,
            at(&line.near),
            at(&line.away),
            line.budget.text(),
            self.verdict(&line).text().trim_matches('*'),
            line.first_call.0,
            line.round_trips,
            line.statements,
            mebibytes(line.peak_memory),
            line.bytes,
        );
        self.lines.push(line);
    }

    /// Keeps a fact and shows it.
    pub fn state(&mut self, fact: Fact) {
        let bare = fact.bare.map_or_else(String::new, |bare| format!(", bare SQL {bare:.2}"));
        let budget = match fact.budget.text() {
            budget if budget.is_empty() => budget,
            budget => format!(", budget {budget}: {}", fact.verdict.text().trim_matches('*')),
        };
        println!("{}: {:.2} {}{bare}{budget}", fact.what, fact.figure, fact.unit);
        self.facts.push(fact);
    }
}

/// Bytes as people read them.
#[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} M", bytes as f64 / f64::from(1 << 20))
}
