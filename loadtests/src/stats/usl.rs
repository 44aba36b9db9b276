//! The Universal Scalability Law (Gunther): `X(N) = X1 N / (1 + a (N - 1) + b N (N - 1))`,
//! with contention `a`, coherency `b` and the throughput `X1` of one.

use thiserror::Error;

/// A fitted curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usl {
    /// Throughput at N = 1.
    pub x1: f64,
    /// The share of work that is serial.
    pub contention: f64,
    /// The cost of keeping each pair consistent.
    pub coherency: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum UslRefusal {
    #[error("a fit needs at least 4 different sizes with a throughput above 0; there are {0}")]
    TooFewPoints(usize),
    #[error("the measured points do not go beyond a peak, so the curve's bend would be a guess")]
    NoPeakMeasured,
    #[error("the points do not follow the law: the best fit has a negative or endless term")]
    NotTheLaw,
}

impl Usl {
    pub fn throughput(&self, n: f64) -> f64 {
        self.x1 * n / (1.0 + self.contention * (n - 1.0) + self.coherency * n * (n - 1.0))
    }

    /// The size with the highest throughput: `sqrt((1 - a) / b)`.
    pub fn peak(&self) -> f64 {
        ((1.0 - self.contention) / self.coherency).sqrt()
    }
}

/// Least squares over `N / X = (1 + a (N - 1) + b N (N - 1)) / X1`, which is linear in `1 / X1`,
/// `a / X1` and `b / X1`; each point weighs `(X / N)^2`, so that relative errors of X count alike.
///
/// Refuses unless sizes beyond the fitted peak were measured.
pub fn fit_usl(points: &[(f64, f64)]) -> Result<Usl, UslRefusal> {
    let mut usable: Vec<(f64, f64)> = points
        .iter()
        .copied()
        .filter(|(n, x)| *n > 0.0 && *x > 0.0)
        .collect();
    usable.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut sizes: Vec<f64> = usable.iter().map(|point| point.0).collect();
    sizes.dedup();
    if sizes.len() < 4 {
        return Err(UslRefusal::TooFewPoints(sizes.len()));
    }
    let [intercept, linear, quadratic] = least_squares(&usable).ok_or(UslRefusal::NotTheLaw)?;
    if intercept <= 0.0 {
        return Err(UslRefusal::NotTheLaw);
    }
    let usl = Usl {
        x1: 1.0 / intercept,
        contention: linear / intercept,
        coherency: quadratic / intercept,
    };
    let largest = sizes.last().copied().unwrap_or_default();
    if usl.coherency <= 0.0 || usl.contention >= 1.0 || usl.peak() >= largest {
        return Err(UslRefusal::NoPeakMeasured);
    }
    // Written so that NaN is refused too.
    if usl.contention >= 0.0 {
        Ok(usl)
    } else {
        Err(UslRefusal::NotTheLaw)
    }
}

/// Weighted normal equations for `N / X` on `1`, `N - 1`, `N (N - 1)`, by Cramer's rule.
fn least_squares(points: &[(f64, f64)]) -> Option<[f64; 3]> {
    let mut matrix = [[0.0; 3]; 3];
    let mut right = [0.0; 3];
    for &(n, x) in points {
        let row = [1.0, n - 1.0, n * (n - 1.0)];
        let weight = (x / n).powi(2);
        for i in 0..3 {
            for j in 0..3 {
                matrix[i][j] += weight * row[i] * row[j];
            }
            right[i] += weight * row[i] * (n / x);
        }
    }
    let scale = determinant(&matrix);
    if !scale.is_normal() {
        return None;
    }
    Some([0, 1, 2].map(|column| {
        let mut replaced = matrix;
        for (row, value) in replaced.iter_mut().zip(right) {
            row[column] = value;
        }
        determinant(&replaced) / scale
    }))
}

fn determinant(m: &[[f64; 3]; 3]) -> f64 {
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const LAW: Usl = Usl {
        x1: 120.0,
        contention: 0.05,
        coherency: 0.002,
    };

    fn on_the_curve(sizes: &[f64]) -> Vec<(f64, f64)> {
        sizes.iter().map(|n| (*n, LAW.throughput(*n))).collect()
    }

    #[test]
    fn a_known_curve_is_found_again() {
        let found = fit_usl(&on_the_curve(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])).unwrap();
        assert!((found.x1 - LAW.x1).abs() < 1e-6, "{found:?}");
        assert!((found.contention - LAW.contention).abs() < 1e-8);
        assert!((found.coherency - LAW.coherency).abs() < 1e-9);
        assert!((found.peak() - 21.794).abs() < 1e-3);
    }

    #[test]
    fn the_throughput_of_one_need_not_be_measured() {
        let found = fit_usl(&on_the_curve(&[4.0, 8.0, 16.0, 32.0, 64.0])).unwrap();
        assert!((found.x1 - LAW.x1).abs() < 1e-6);
    }

    #[test]
    fn a_little_noise_moves_the_peak_a_little() {
        let mut points = on_the_curve(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]);
        for (i, point) in points.iter_mut().enumerate() {
            point.1 *= if i % 2 == 0 { 1.01 } else { 0.99 };
        }
        assert!((fit_usl(&points).unwrap().peak() - LAW.peak()).abs() < 2.0);
    }

    #[test]
    fn without_points_beyond_the_peak_it_refuses() {
        assert_eq!(
            fit_usl(&on_the_curve(&[1.0, 2.0, 4.0, 8.0, 16.0])),
            Err(UslRefusal::NoPeakMeasured)
        );
        let linear = [1.0, 2.0, 3.0, 4.0, 5.0].map(|n| (n, 10.0 * n));
        assert!(fit_usl(&linear).is_err());
    }

    #[test]
    fn too_few_or_dead_points_are_refused() {
        assert_eq!(
            fit_usl(&[(1.0, 1.0), (2.0, 2.0), (2.0, 2.1)]),
            Err(UslRefusal::TooFewPoints(2))
        );
        assert_eq!(
            fit_usl(&[1.0, 2.0, 3.0, 4.0].map(|n| (n, 0.0))),
            Err(UslRefusal::TooFewPoints(0))
        );
    }
}
