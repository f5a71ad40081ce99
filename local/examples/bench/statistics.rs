//! Arithmetic on measured times.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// A time.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Milliseconds(pub f64);

impl Milliseconds {
    /// From `began` to now.
    pub fn since(began: Instant) -> Self {
        began.elapsed().into()
    }
}

impl From<Duration> for Milliseconds {
    fn from(duration: Duration) -> Self {
        Self(duration.as_secs_f64() * 1000.0)
    }
}

/// Percentiles of many times. The 10th is what a busy machine disturbs least.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    pub p10: Milliseconds,
    pub p50: Milliseconds,
    pub p95: Milliseconds,
}

impl Percentiles {
    /// Not a number where there is no time.
    pub fn of(mut times: Vec<Milliseconds>) -> Self {
        times.sort_by(|one, other| one.0.total_cmp(&other.0));
        let [p10, p50, p95] = [10, 50, 95].map(|percent| nearest_rank(&times, percent));
        Self { p10, p50, p95 }
    }
}

/// The smallest of the sorted times that at least `percent` of all are no longer than.
fn nearest_rank(sorted: &[Milliseconds], percent: usize) -> Milliseconds {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(Milliseconds(f64::NAN))
}

/// The arithmetic mean; not a number of nothing.
#[allow(clippy::cast_precision_loss, reason = "a handful of figures")]
pub fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len() as f64
}

/// From the smallest to the largest.
pub fn spread(figures: &[f64]) -> f64 {
    let largest = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let smallest = figures.iter().copied().fold(f64::INFINITY, f64::min);
    (largest - smallest).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percentiles(p10: f64, p50: f64, p95: f64) -> Percentiles {
        Percentiles { p10: Milliseconds(p10), p50: Milliseconds(p50), p95: Milliseconds(p95) }
    }

    fn times(all: impl IntoIterator<Item = u32>) -> Vec<Milliseconds> {
        all.into_iter().map(|ms| Milliseconds(f64::from(ms))).collect()
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank_in_any_order() {
        let of_hundred = Percentiles::of(times((1..=100).rev()));
        assert_eq!(of_hundred, percentiles(10.0, 50.0, 95.0));
        let of_three = Percentiles::of(times([9, 1, 5]));
        assert_eq!(of_three, percentiles(1.0, 5.0, 9.0));
        let of_one = Percentiles::of(times([7]));
        assert_eq!(of_one, percentiles(7.0, 7.0, 7.0));
    }

    #[test]
    fn percentiles_of_nothing_are_no_number() {
        assert!(Percentiles::of(Vec::new()).p50.0.is_nan());
    }

    #[test]
    fn spread_is_zero_of_one_figure_and_of_none() {
        assert_eq!((spread(&[3.0]).to_bits(), spread(&[]).to_bits()), (0.0_f64.to_bits(), 0.0_f64.to_bits()));
        assert!((spread(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((mean(&[1.0, 2.0, 6.0]) - 3.0).abs() < 1e-9);
    }
}
