//! The bounds of every histogram in seconds: five to a decade, from 10 µs to 100 s, so that a quantile read
//! between two bounds is at most a fourth off.

pub(super) const SECONDS: [f64; 36] = [
    0.000_01, 0.000_016, 0.000_025, 0.000_04, 0.000_063, //
    0.000_1, 0.000_16, 0.000_25, 0.000_4, 0.000_63, //
    0.001, 0.001_6, 0.002_5, 0.004, 0.006_3, //
    0.01, 0.016, 0.025, 0.04, 0.063, //
    0.1, 0.16, 0.25, 0.4, 0.63, //
    1.0, 1.6, 2.5, 4.0, 6.3, //
    10.0, 16.0, 25.0, 40.0, 63.0, 100.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_grow_evenly_on_a_logarithmic_scale() {
        for pair in SECONDS.windows(2) {
            let step = pair[1] / pair[0];
            assert!((1.55..1.65).contains(&step), "{pair:?}");
        }
    }
}
