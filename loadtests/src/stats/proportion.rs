//! How sure a share is that was counted in a few tries.

/// The quantile of the normal distribution for a two-sided confidence of 95 %.
const Z: f64 = 1.959_964;

/// The Wilson score interval of a share, at 95 %: from E. B. Wilson, "Probable inference, the law
/// of succession, and statistical inference", JASA 22 (1927), equation 5.
///
/// Unlike the textbook interval it does not shrink to nothing when all tries agree: five of five
/// say that the share is above 0.56, not that it is 1. `None` without tries.
pub fn wilson(successes: u32, tries: u32) -> Option<(f64, f64)> {
    share_interval(f64::from(successes), f64::from(tries))
}

/// The same of counts that are figures, and so doubles. `None` as well where they are no counts.
pub fn share_interval(successes: f64, tries: f64) -> Option<(f64, f64)> {
    let are_counts = tries > 0.0 && successes >= 0.0 && tries.is_finite();
    if !are_counts {
        return None;
    }
    let n = tries;
    let share = successes.min(n) / n;
    let z2 = Z * Z;
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Some(((middle - half).max(0.0), (middle + half).min(1.0)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{share_interval, wilson};

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
    fn what_is_no_count_has_no_interval() {
        assert_eq!(share_interval(12.0, 40.0), wilson(12, 40));
        for (successes, tries) in [
            (0.0, 0.0),
            (-1.0, 3.0),
            (f64::NAN, 3.0),
            (1.0, f64::NAN),
            (1.0, f64::INFINITY),
        ] {
            assert_eq!(
                share_interval(successes, tries),
                None,
                "{successes} of {tries}"
            );
        }
        // More cannot have succeeded than were tried.
        assert_eq!(share_interval(5.0, 3.0), wilson(3, 3));
    }

    #[test]
    fn five_of_five_show_more_than_half_and_three_of_three_do_not() {
        assert!(wilson(5, 5).unwrap().0 > 0.5);
        assert!(wilson(0, 5).unwrap().1 < 0.5);
        assert!(wilson(3, 3).unwrap().0 < 0.5);
        assert!(wilson(4, 5).unwrap().0 < 0.5);
    }
}
