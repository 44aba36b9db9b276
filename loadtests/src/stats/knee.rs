//! The knee of a rising curve: where more input stops paying.

/// Below this distance from the chord a curve is as good as straight and has no knee.
const LEAST_BEND: f64 = 0.05;

/// A point of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knee {
    pub x: f64,
    pub y: f64,
}

/// The point farthest above the line of equal gain, as in the Kneedle algorithm (Satopää et al.,
/// 2011) without its smoothing: with both axes scaled to 0..1 over the measured range, the point
/// with the greatest `y - x`.
///
/// `None` with fewer than 3 points, a flat curve, or one that nowhere bends above that line by 5 %.
pub fn knee(points: &[(f64, f64)]) -> Option<Knee> {
    if points.len() < 3 || points.iter().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
        return None;
    }
    let (x_low, x_high) = range(points.iter().map(|point| point.0));
    let (y_low, y_high) = range(points.iter().map(|point| point.1));
    if x_low >= x_high || y_low >= y_high {
        return None;
    }
    let bend =
        |(x, y): &(f64, f64)| (y - y_low) / (y_high - y_low) - (x - x_low) / (x_high - x_low);
    let (x, y) = points
        .iter()
        .copied()
        .max_by(|a, b| bend(a).total_cmp(&bend(b)))?;
    (bend(&(x, y)) >= LEAST_BEND).then_some(Knee { x, y })
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_sharp_corner_is_the_knee() {
        let points = [
            (1.0, 100.0),
            (2.0, 200.0),
            (4.0, 400.0),
            (8.0, 410.0),
            (16.0, 415.0),
            (32.0, 416.0),
        ];
        assert_eq!(knee(&points), Some(Knee { x: 4.0, y: 400.0 }));
    }

    #[test]
    fn the_knee_of_a_saturating_curve_is_where_its_slope_is_the_chords() {
        // y = x / (x + 1) on 0..10: the slope 1 / (x + 1)^2 equals the chord's 1 / 11 at sqrt(11) - 1 = 2.32.
        let points: Vec<(f64, f64)> = (0..=1000)
            .map(|i| f64::from(i) / 100.0)
            .map(|x| (x, x / (x + 1.0)))
            .collect();
        let found = knee(&points).unwrap();
        assert!((found.x - (11f64.sqrt() - 1.0)).abs() < 0.02, "{found:?}");
    }

    #[test]
    fn a_curve_that_falls_after_its_peak_still_has_its_knee_before() {
        let points = [
            (1.0, 10.0),
            (2.0, 90.0),
            (4.0, 100.0),
            (8.0, 80.0),
            (16.0, 20.0),
        ];
        assert_eq!(knee(&points), Some(Knee { x: 2.0, y: 90.0 }));
    }

    #[test]
    fn lines_flats_and_too_few_points_have_none() {
        assert_eq!(
            knee(&[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (4.0, 4.0)]),
            None
        );
        assert_eq!(knee(&[(1.0, 5.0), (2.0, 5.0), (3.0, 5.0)]), None);
        assert_eq!(knee(&[(1.0, 1.0), (2.0, 2.0)]), None);
        assert_eq!(knee(&[(1.0, 1.0), (2.0, f64::NAN), (3.0, 3.0)]), None);
        // Convex: the gain only begins at the end.
        assert_eq!(knee(&[(1.0, 1.0), (2.0, 1.1), (3.0, 9.0)]), None);
    }
}
