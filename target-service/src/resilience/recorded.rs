//! Reads in a test what a part tells about itself.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

pub(super) struct Shown(PrometheusHandle);

/// Makes a part, whose metrics can then be read.
pub(super) fn recorded<T>(make: impl FnOnce() -> T) -> (T, Shown) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = Shown(recorder.handle());
    (metrics::with_local_recorder(&recorder, make), shown)
}

impl Shown {
    /// Of a series whose values are whole numbers, named as in Prometheus: `name{label="value"}`.
    pub(super) fn value(&self, series: &str) -> i64 {
        let text = self.0.render();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let value: f64 = line
            .unwrap_or_else(|| {
                panic!(
                    "no {series} in
{text}"
                )
            })
            .parse()
            .unwrap();
        assert!(value.fract().abs() < 1e-9, "{series} {value}");
        value as i64
    }
}
