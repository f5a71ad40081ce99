//! The tables of `docs/measurements.md`, written between its markers, so that the document can't drift from what was
//! measured.

use std::{fmt::Write as _, fs, path::Path};

use super::{
    internals::Fatal,
    report::{Fact, Figures, Line, Report, mebibytes},
};

const BEGIN: &str = "<!-- Written by `make bench`: begin -->\n";
const END: &str = "<!-- Written by `make bench`: end -->";

/// Writes the tables of `report` into `file`; what is outside the markers stays.
pub fn write(file: &Path, report: &Report, taken: &str) -> Result<(), Fatal> {
    let text = fs::read_to_string(file)?;
    let written = between_markers(&text, &tables(report, taken)?).ok_or("the document has lost its markers")?;
    fs::write(file, written)?;
    Ok(())
}

fn between_markers(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

fn tables(report: &Report, taken: &str) -> Result<String, std::fmt::Error> {
    let mut text = format!("{taken}\n\n");
    text.push_str(
        "| path | function | bare SQL | ratio | 1 ms away: function | bare SQL | ratio | budget | | first call | \
         round trips | statements | memory | bytes |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for line in &report.lines {
        line_of(&mut text, report, line)?;
    }
    text.push_str("\n| what | figure | bare SQL or Node | budget | |\n|---|---|---|---|---|\n");
    for fact in &report.facts {
        fact_of(&mut text, fact)?;
    }
    Ok(text)
}

fn line_of(text: &mut String, report: &Report, line: &Line) -> std::fmt::Result {
    let at = |figures: &Figures| {
        format!(
            "{} ({}) | {} | {:.1}",
            short(figures.function.p50.0),
            short(figures.function.p95.0),
            short(figures.bare.p50.0),
            figures.ratio()
        )
    };
    writeln!(
        text,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        line.path,
        at(&line.near),
        at(&line.away),
        line.budget.text(),
        report.verdict(line).text(),
        short(line.first_call.0),
        short(line.round_trips),
        short(line.statements),
        mebibytes(line.peak_memory),
        line.bytes,
    )
}

fn fact_of(text: &mut String, fact: &Fact) -> std::fmt::Result {
    let bare = fact.bare.map_or_else(String::new, short);
    let (figure, unit, budget) = (short(fact.figure), &fact.unit, fact.budget.text());
    writeln!(text, "| {} | {figure} {unit} | {bare} | {budget} | {} |", fact.what, fact.verdict.text())
}

/// As many digits as mean something.
fn short(figure: f64) -> String {
    match figure.abs() {
        ..10.0 => {
            let text = format!("{figure:.2}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        ..100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = format!("# Title\n{BEGIN}old\n{END}\nProse.\n");
        let written = between_markers(&text, "new").unwrap_or_default();
        assert_eq!(written, format!("# Title\n{BEGIN}\nnew\n{END}\nProse.\n"));
        assert_eq!(between_markers(&written, "new"), Some(written.clone()), "written twice is written once");
        assert_eq!(between_markers("# Title\n", "new"), None);
    }

    #[test]
    fn figures_keep_the_digits_that_mean_something() {
        let shown = [0.544, 2.0, 15.62, 355.4, 10_240.0].map(short);
        assert_eq!(shown, ["0.54", "2", "15.6", "355", "10240"]);
    }
}
