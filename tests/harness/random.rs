//! Chance that can be repeated: `SEED` chooses the random cases, and without it each run draws its own.

use std::env;

use proptest::test_runner::{Config, RngSeed};
use uuid::Uuid;

/// Whether all that is slow is asked for, as `make nightly` does.
pub fn is_nightly() -> bool {
    env::var_os("NIGHTLY").is_some()
}

/// So many random cases, ten times as many where `NIGHTLY` is set. The seed is printed, so that it stands in the output
/// of a failing test.
pub fn cases(each_change: u32) -> Config {
    let seed = env::var("SEED").map_or_else(|_| Uuid::new_v4().as_u64_pair().0 >> 32, |seed| seed.parse().unwrap());
    println!("SEED={seed} draws the same cases again");
    let cases = if is_nightly() { 10 * each_change } else { each_change };
    Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() }
}
