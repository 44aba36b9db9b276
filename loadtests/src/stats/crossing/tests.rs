//! Crossings of known counts, and of simulated systems whose true crossing is known.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::stats::next_probe;

fn tallies(counts: &[(f64, u32, u32)]) -> Vec<Tally> {
    let tally = |&(value, held, runs): &(f64, u32, u32)| Tally { value, runs, held };
    counts.iter().map(tally).collect()
}

fn found(counts: &[(f64, u32, u32)]) -> (f64, Option<f64>, Option<f64>) {
    let Crossing { value, low, high } = crossing(&tallies(counts)).unwrap();
    (value, low, high)
}

#[test]
fn a_sharp_edge_lies_between_its_neighbours() {
    let counts = [(2.0, 5, 5), (9.0, 5, 5), (10.0, 0, 5), (20.0, 0, 5)];
    assert_eq!(found(&counts), (9.5, Some(9.0), Some(10.0)));
}

#[test]
fn it_may_rise_as_well_as_fall() {
    let counts = [(1.0, 0, 5), (4.0, 1, 5), (8.0, 5, 5)];
    let (value, low, high) = found(&counts);
    assert!((value - 5.5).abs() < 1e-9, "{value}");
    assert_eq!((low, high), (Some(1.0), Some(8.0)));
}

#[test]
fn values_that_could_go_either_way_lie_within_the_interval() {
    let counts = [
        (2.0, 5, 5),
        (8.0, 4, 5),
        (9.0, 3, 5),
        (10.0, 2, 5),
        (11.0, 0, 5),
        (20.0, 0, 5),
    ];
    let (value, low, high) = found(&counts);
    assert!((value - 9.5).abs() < 1e-9, "{value}");
    assert_eq!((low, high), (Some(2.0), Some(11.0)));
}

#[test]
fn neighbours_that_contradict_the_direction_are_pooled() {
    // 9 and 10 together: 5 of 10, level at one half, whose middle is 9.5.
    let counts = [(8.0, 5, 5), (9.0, 2, 5), (10.0, 3, 5), (11.0, 0, 5)];
    let (value, low, high) = found(&counts);
    assert!((value - 9.5).abs() < 1e-9, "{value}");
    assert_eq!((low, high), (Some(8.0), Some(11.0)));
}

#[test]
fn values_shown_to_contradict_each_other_widen_the_interval() {
    let counts = [(2.0, 5, 5), (5.0, 0, 5), (6.0, 5, 5), (9.0, 0, 5)];
    let (value, low, high) = found(&counts);
    assert!((5.0..=6.0).contains(&value), "{value}");
    assert_eq!((low, high), (Some(2.0), Some(9.0)));
}

#[test]
fn too_few_runs_show_nothing_so_the_interval_has_no_ends() {
    let (value, low, high) = found(&[(1.0, 1, 1), (2.0, 0, 1)]);
    assert!((value - 1.5).abs() < 1e-9);
    assert_eq!((low, high), (None, None));
}

#[test]
fn without_a_change_of_sides_there_is_no_crossing() {
    for counts in [
        vec![(1.0, 5, 5), (2.0, 3, 5)],
        vec![(1.0, 2, 5), (2.0, 0, 5)],
        vec![(1.0, 5, 5), (2.0, 0, 0)],
        vec![(1.0, 5, 5)],
        vec![],
    ] {
        assert_eq!(crossing(&tallies(&counts)), None, "{counts:?}");
    }
}

/// Numbers from 0 to 1 that are the same in every run of the tests (`SplitMix64`).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A whole search over 2, 3, ... 20, five runs each, of a system that holds with this probability.
fn searched(seed: u64, holds: &impl Fn(f64) -> f64) -> Option<Crossing> {
    let mut draws = Draws(seed);
    let mut tallies: Vec<Tally> = (2..=20)
        .map(|value| Tally {
            value: f64::from(value),
            runs: 0,
            held: 0,
        })
        .collect();
    let mut answers = vec![None; tallies.len()];
    while let Some(place) = next_probe(&answers) {
        let tally = &mut tallies[place];
        tally.runs = 5;
        tally.held = (0..5)
            .map(|_| u32::from(draws.next() < holds(tally.value)))
            .sum();
        answers[place] = Some(most_held(tally));
    }
    crossing(&tallies)
}

#[test]
fn a_step_is_always_found_within_one_value_of_where_it_is() {
    for tenths in 25..195 {
        let at = f64::from(tenths) / 10.0;
        let found = searched(1, &|value| f64::from(u8::from(value <= at))).unwrap();
        assert!((found.value - at).abs() <= 1.0, "{at}: {found:?}");
        assert!(
            found.low.unwrap() <= at && at <= found.high.unwrap(),
            "{at}: {found:?}"
        );
        assert!((found.high.unwrap() - found.low.unwrap() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn the_interval_holds_the_truth_for_nearly_all_seeds_however_steep_the_curve() {
    for (at, width) in [(9.3, 0.3), (9.5, 1.0), (12.0, 1.0), (7.0, 2.0), (14.2, 0.6)] {
        for direction in [1.0, -1.0] {
            let logistic = |value: f64| 1.0 / (1.0 + (direction * (value - at) / width).exp());
            let mut misses = 0;
            let mut closed = 0;
            let mut error = 0.0;
            for seed in 0..1_000 {
                let Some(found) = searched(seed * 7_919 + 1, &logistic) else {
                    misses += 1;
                    continue;
                };
                let within = found.low.is_none_or(|low| low <= at)
                    && found.high.is_none_or(|high| at <= high);
                misses += u32::from(!within);
                closed += u32::from(found.low.is_some() && found.high.is_some());
                error += (found.value - at).abs() / 1_000.0;
            }
            // Where both ends of the range are beyond doubt, no interval is left open.
            assert!(width > 1.0 || closed >= 990, "{closed} closed at {at}");
            assert!(misses <= 50, "{misses} misses at {at} with width {width}");
            assert!(
                error < 0.5 + width,
                "{error} off at {at} with width {width}"
            );
        }
    }
}
