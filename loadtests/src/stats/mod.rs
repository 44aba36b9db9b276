//! Small statistics with known formulas, free of effects and of any knowledge of records.

mod bisection;
mod crossing;
mod knee;
mod proportion;
mod recovery;
mod usl;

pub use bisection::{most_probes, next_probe};
pub use crossing::{Crossing, Tally, crossing, most_held};
pub use knee::{Knee, knee};
pub use proportion::{share_interval, wilson};
pub use recovery::{Recovery, level_to_regain, recovery};
pub use usl::{Usl, UslRefusal, fit_usl};

/// The middle value; the mean of the two middle ones where their number is even.
///
/// `None` without values. Infinities are values like others.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle_or_between_the_middles() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn infinities_take_part() {
        assert_eq!(
            median([1.0, f64::INFINITY, f64::INFINITY]),
            Some(f64::INFINITY)
        );
        assert_eq!(median([1.0, f64::INFINITY]), Some(f64::INFINITY));
    }
}
