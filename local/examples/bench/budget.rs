//! What each path may take, and whether it does.

use serde::{Deserialize, Serialize};

/// How much slower "the same" may come out: two measurements of one thing differ by as much.
const SAME: f64 = 1.25;

/// What a path may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Budget {
    /// So many times the bare SQL of the same run.
    TimesBareSql(f64),
    /// As another path of the same run, whatever the agency's size or its log's.
    SameAs(String),
    /// At most this many of the figure's unit.
    AtMost(f64),
    /// Requests a second rise with environments as the bare SQL's do.
    RisesAsBareSql,
    /// For comparison only.
    None,
}

/// Whether a figure is within its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    Met,
    Missed,
    /// There is no budget, or what it refers to was not measured.
    Unjudged,
}

impl Budget {
    /// As it stands in the table.
    pub fn text(&self) -> String {
        match self {
            Self::TimesBareSql(times) => format!("{times} x bare SQL"),
            Self::SameAs(path) => format!("as {path}"),
            Self::AtMost(most) => format!("at most {}", (most * 10.0).round() / 10.0),
            Self::RisesAsBareSql => "rises as bare SQL".into(),
            Self::None => String::new(),
        }
    }

    /// Judges `figure` against `reference`: the bare SQL's figure, or the other path's. Rising is judged by [`rises`].
    pub fn verdict(&self, figure: f64, reference: Option<f64>) -> Verdict {
        let limit = match self {
            Self::TimesBareSql(times) => reference.map(|bare| bare * times),
            Self::SameAs(_) => reference.map(|other| other * SAME),
            Self::AtMost(most) => Some(*most),
            Self::RisesAsBareSql | Self::None => None,
        };
        match limit {
            Some(limit) if figure.is_finite() && limit.is_finite() => met(figure <= limit),
            _ => Verdict::Unjudged,
        }
    }
}

/// Whether requests a second rise from one environment to more at least as the bare SQL's do.
pub fn rises((one, more): (f64, f64), (bare_one, bare_more): (f64, f64)) -> Verdict {
    let (gain, bare_gain) = (more / one, bare_more / bare_one);
    if gain.is_finite() && bare_gain.is_finite() {
        met(gain * SAME >= bare_gain && more * 1.1 >= one)
    } else {
        Verdict::Unjudged
    }
}

fn met(is: bool) -> Verdict {
    if is { Verdict::Met } else { Verdict::Missed }
}

impl Verdict {
    /// Both have to be met, as far as they were judged.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Missed, _) | (_, Self::Missed) => Self::Missed,
            (Self::Met, _) | (_, Self::Met) => Self::Met,
            _ => Self::Unjudged,
        }
    }

    /// As it stands in the table.
    pub fn text(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "**missed**",
            Self::Unjudged => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multiple_of_the_bare_sql_is_met_up_to_its_limit() {
        let budget = Budget::TimesBareSql(2.5);
        assert_eq!(budget.verdict(2.5, Some(1.0)), Verdict::Met);
        assert_eq!(budget.verdict(2.6, Some(1.0)), Verdict::Missed);
        assert_eq!(budget.verdict(2.6, None), Verdict::Unjudged);
        assert_eq!(budget.verdict(f64::NAN, Some(1.0)), Verdict::Unjudged);
    }

    #[test]
    fn the_same_allows_for_the_difference_of_two_measurements() {
        let budget = Budget::SameAs("pull of nothing".into());
        assert_eq!(budget.verdict(3.9, Some(3.2)), Verdict::Met);
        assert_eq!(budget.verdict(5.0, Some(3.2)), Verdict::Missed);
    }

    #[test]
    fn requests_a_second_rise_where_the_bare_sql_does() {
        assert_eq!(rises((69.0, 113.0), (436.0, 477.0)), Verdict::Met);
        assert_eq!(rises((29.0, 31.0), (200.0, 400.0)), Verdict::Missed);
        assert_eq!(rises((100.0, 80.0), (400.0, 300.0)), Verdict::Missed, "falling is not rising");
        assert_eq!(rises((0.0, 0.0), (1.0, 1.0)), Verdict::Unjudged);
    }

    #[test]
    fn one_missed_budget_is_a_missed_budget() {
        assert_eq!(Verdict::Met.and(Verdict::Missed), Verdict::Missed);
        assert_eq!(Verdict::Unjudged.and(Verdict::Met), Verdict::Met);
        assert_eq!(Verdict::Unjudged.and(Verdict::Unjudged), Verdict::Unjudged);
    }
}
