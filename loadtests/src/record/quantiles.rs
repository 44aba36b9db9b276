//! The numbers of a distribution that a record keeps.

use hdrhistogram::{Counter, Histogram};

use super::Quantiles;

impl Quantiles {
    /// From a histogram in microseconds; all `None` when it is empty.
    pub fn of<T: Counter>(micros: &Histogram<T>) -> Self {
        if micros.is_empty() {
            return Self::default();
        }
        let at = |quantile: f64| Some(micros.value_at_quantile(quantile) as f64 / 1e3);
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: Some(micros.max() as f64 / 1e3),
            mean: Some(micros.mean() / 1e3),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::record::new_histogram;

    #[test]
    fn an_empty_distribution_has_no_numbers() {
        assert_eq!(Quantiles::of(&new_histogram()), Quantiles::default());
    }

    #[test]
    fn ranks_are_of_the_whole_distribution_in_milliseconds() {
        let mut micros = new_histogram();
        (1..=1000).for_each(|i| micros.record(i * 1000).unwrap());
        let found = Quantiles::of(&micros);
        for (value, wanted) in [
            (found.p50, 500.0),
            (found.p99, 990.0),
            (found.p999, 999.0),
            (found.max, 1000.0),
        ] {
            assert!(
                (value.unwrap() - wanted).abs() / wanted < 0.001,
                "{value:?} is not {wanted}"
            );
        }
    }
}
