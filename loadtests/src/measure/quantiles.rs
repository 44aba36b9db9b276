//! A histogram of microseconds as the quantiles of a record.

use hdrhistogram::{Counter, Histogram};

use crate::record::Quantiles;

/// In milliseconds; all `None` when nothing was recorded.
pub fn quantiles<T: Counter>(histogram: &Histogram<T>) -> Quantiles {
    if histogram.is_empty() {
        return Quantiles::default();
    }
    let at = |quantile: f64| Some(histogram.value_at_quantile(quantile) as f64 / 1e3);
    Quantiles {
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: Some(histogram.max() as f64 / 1e3),
        mean: Some(histogram.mean() / 1e3),
    }
}
