//! How sure a share is that was counted in a few tries.

/// The quantile of the normal distribution for a two-sided confidence of 95 %.
const Z: f64 = 1.959_964;

/// The Wilson score interval of a share, at 95 %: from E. B. Wilson, "Probable inference, the law
/// of succession, and statistical inference", JASA 22 (1927), equation 5.
///
/// Unlike the textbook interval it does not shrink to nothing when all tries agree: five of five
/// say that the share is above 0.56, not that it is 1. `None` without tries.
pub fn wilson(successes: u32, tries: u32) -> Option<(f64, f64)> {
    if tries == 0 {
        return None;
    }
    let n = f64::from(tries);
    let share = f64::from(successes.min(tries)) / n;
    let z2 = Z * Z;
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Some(((middle - half).max(0.0), (middle + half).min(1.0)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::wilson;

    #[test]
    fn the_interval_is_that_of_published_tables() {
        // Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I.
        for (successes, tries, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = wilson(successes, tries).unwrap();
            assert!((found.0 - low).abs() < 5e-5, "{found:?}");
            assert!((found.1 - high).abs() < 5e-5, "{found:?}");
        }
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn five_of_five_show_more_than_half_and_three_of_three_do_not() {
        assert!(wilson(5, 5).unwrap().0 > 0.5);
        assert!(wilson(0, 5).unwrap().1 < 0.5);
        assert!(wilson(3, 3).unwrap().0 < 0.5);
        assert!(wilson(4, 5).unwrap().0 < 0.5);
    }
}
