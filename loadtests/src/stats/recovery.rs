//! How long a disturbance outlives its cause.
//!
//! Goodput is compared per offered arrival: the level of a second is its `ok / offered`, so that
//! neither the noise of Poisson arrivals nor another rate after the disturbance looks like damage.

/// Seconds in a row that must be good before a recovery counts.
const STEADY_SECONDS: usize = 5;
/// The share of the level before that is good enough.
const GOOD_ENOUGH: f64 = 0.95;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Recovery {
    /// From the end of the disturbance to the first of the steady seconds.
    After(f64),
    /// Not within the timeline.
    Never,
}

/// The level that is good enough after a disturbance: 95 % of `ok / offered` before it, from the
/// pairs of both in each second. `None` when nothing was answered before.
pub fn level_to_regain(before: impl IntoIterator<Item = (u64, u64)>) -> Option<f64> {
    let (ok, offered) = before
        .into_iter()
        .fold((0, 0), |sum, second| (sum.0 + second.0, sum.1 + second.1));
    (ok > 0).then(|| GOOD_ENOUGH * ok as f64 / offered as f64)
}

/// Seconds from the end of a disturbance to the first of 5 good seconds in a row.
///
/// `after`: when each second begins, in order, and whether it is good; seconds that say nothing are
/// left out by the caller. `None` when fewer than 5 are left to tell.
pub fn recovery(end: f64, after: &[(f64, bool)]) -> Option<Recovery> {
    if after.len() < STEADY_SECONDS {
        return None;
    }
    let steady = after
        .windows(STEADY_SECONDS)
        .find(|window| window.iter().all(|(_, good)| *good));
    Some(steady.map_or(Recovery::Never, |window| {
        Recovery::After((window[0].0 - end).max(0.0))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(second: u32, good: &str) -> Vec<(f64, bool)> {
        good.chars()
            .enumerate()
            .map(|(i, c)| (f64::from(second) + i as f64, c == '+'))
            .collect()
    }

    #[test]
    fn nothing_was_hurt_so_recovery_is_immediate() {
        assert_eq!(
            recovery(5.0, &from(5, "++++++++")),
            Some(Recovery::After(0.0))
        );
    }

    #[test]
    fn the_first_of_the_five_steady_seconds_counts() {
        assert_eq!(
            recovery(10.0, &from(10, "--+-+++++-")),
            Some(Recovery::After(4.0))
        );
    }

    #[test]
    fn four_good_seconds_are_no_recovery() {
        assert_eq!(recovery(10.0, &from(10, "-++++-++")), Some(Recovery::Never));
    }

    #[test]
    fn an_end_within_a_second_counts_from_there() {
        assert_eq!(recovery(2.5, &from(3, "+++++")), Some(Recovery::After(0.5)));
    }

    #[test]
    fn fewer_than_five_seconds_do_not_tell() {
        assert_eq!(recovery(5.0, &from(5, "++++")), None);
        assert_eq!(recovery(5.0, &[]), None);
    }

    #[test]
    fn the_level_is_95_percent_of_what_was_answered_before() {
        assert_eq!(level_to_regain([(100, 100), (0, 100)]), Some(0.475));
        assert_eq!(level_to_regain([(0, 100)]), None);
        assert_eq!(level_to_regain([]), None);
    }
}
