//! What a run measures, told by the environment.

use std::{env, path::PathBuf};

/// Visits of the agency that is measured with `LARGE=1`, and entries of its log.
const LARGE: usize = 2_000_000;
const LOG_ROWS: usize = 10_000_000;

/// The choices of one run.
pub struct Options {
    /// `QUICK=1`: a small agency and few rounds, a minute or two. Its figures are not written to the document.
    pub quick: bool,
    /// `LARGE=1`: also an agency of two million visits; another number: of so many.
    pub large: Option<usize>,
    /// `LOG_ROWS`: how many entries that agency's log has; ten million where it isn't set.
    pub log_rows: usize,
    /// `PATH_FILTER`: only paths whose name contains this.
    filter: String,
    /// `BENCH_FUNCTIONS`: the folder of the functions' binaries; the benchmark's own where it isn't set.
    pub functions: PathBuf,
    /// `BENCH_JSON`: where the figures go for `bench-check`.
    pub json: Option<PathBuf>,
    /// `BENCH_DOCUMENT`: the document whose table is written by a whole run.
    pub document: PathBuf,
}

impl Options {
    /// Reads the process's environment.
    pub fn from_env() -> Result<Self, std::io::Error> {
        let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<usize>().ok());
        let set = |name: &str| env::var(name).is_ok_and(|value| !value.is_empty() && value != "0");
        let functions = match env::var_os("BENCH_FUNCTIONS") {
            Some(folder) => folder.into(),
            // The benchmark is in target/<profile>/examples.
            None => env::current_exe()?.ancestors().nth(2).map(PathBuf::from).unwrap_or_default(),
        };
        Ok(Self {
            quick: set("QUICK"),
            large: set("LARGE").then(|| number("LARGE").filter(|visits| *visits > 1).unwrap_or(LARGE)),
            log_rows: number("LOG_ROWS").unwrap_or(LOG_ROWS),
            filter: env::var("PATH_FILTER").unwrap_or_default(),
            functions,
            json: env::var_os("BENCH_JSON").filter(|file| !file.is_empty()).map(PathBuf::from),
            document: env::var_os("BENCH_DOCUMENT").map_or_else(|| "docs/measurements.md".into(), PathBuf::from),
        })
    }

    /// Whether the path of this name is measured.
    pub fn wants(&self, path: &str) -> bool {
        path.contains(&self.filter)
    }

    /// Whether every path is measured as the document has it.
    pub fn whole(&self) -> bool {
        !self.quick && self.filter.is_empty()
    }

    /// `rounds` of a whole run, fewer of a quick one.
    pub fn rounds(&self, rounds: usize) -> usize {
        if self.quick { (rounds / 4).max(5) } else { rounds }
    }

    /// Visits of the agency that most paths are measured in.
    pub fn visits(&self) -> usize {
        if self.quick { 20_000 } else { 200_000 }
    }

    /// Changes by others that a pull has to step over.
    pub fn changes_by_others(&self) -> usize {
        if self.quick { 20_000 } else { 50_000 }
    }
}
