//! Axes: how values become positions, and where ticks stand.

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Linear,
    Log,
    /// For quantiles from 0 to below 1: each further nine takes as much room as the last.
    Tail,
}

#[derive(Debug, Clone)]
pub struct Axis {
    pub label: String,
    pub scale: Scale,
    pub min: f64,
    pub max: f64,
    /// Where ticks stand; empty: at round values.
    pub ticks: Vec<f64>,
    pub format: fn(f64) -> String,
}

impl Axis {
    /// From 0 to a round value above every one of these.
    pub fn from_zero(
        label: &str,
        values: impl Iterator<Item = f64>,
        format: fn(f64) -> String,
    ) -> Self {
        let highest = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let max = if highest > 0.0 { highest } else { 1.0 };
        let step = round_up(max / 4.0);
        // A little more than the highest, so that no line runs along the upper edge.
        let max = (max * 1.03 / step).ceil() * step;
        Self {
            label: label.to_owned(),
            scale: Scale::Linear,
            min: 0.0,
            max,
            ticks: Vec::new(),
            format,
        }
    }

    /// Decades around these values, at least one.
    pub fn log(label: &str, values: impl Iterator<Item = f64>, format: fn(f64) -> String) -> Self {
        let usable = values.filter(|value| value.is_finite() && *value > 0.0);
        let (low, high) = usable.fold((f64::INFINITY, 0.0_f64), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        let (low, high) = if low.is_finite() {
            (low, high)
        } else {
            (1.0, 10.0)
        };
        let (min, max) = (round_down(low), round_up(high));
        let max = if max < min * 10.0 { min * 10.0 } else { max };
        Self {
            label: label.to_owned(),
            scale: Scale::Log,
            min,
            max,
            ticks: Vec::new(),
            format,
        }
    }

    /// 0 at the axis' start, 1 at its end; what lies outside is put on the edge.
    pub fn position(&self, value: f64) -> f64 {
        let (low, high, at) = (self.warp(self.min), self.warp(self.max), self.warp(value));
        if high > low {
            ((at - low) / (high - low)).clamp(0.0, 1.0)
        } else {
            0.5
        }
    }

    pub fn tick_values(&self) -> Vec<f64> {
        let within = |value: &f64| *value >= self.min * 0.999_999 && *value <= self.max * 1.000_001;
        let candidates = match (self.ticks.is_empty(), self.scale) {
            (false, _) => self.ticks.clone(),
            (true, Scale::Linear) => linear_ticks(self.min, self.max),
            (true, Scale::Log) => log_ticks(self.min, self.max),
            (true, Scale::Tail) => vec![0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999_999],
        };
        candidates.into_iter().filter(within).collect()
    }

    fn warp(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(f64::MIN_POSITIVE).log10(),
            Scale::Tail => -(1.0 - value.clamp(0.0, 1.0 - 1e-9)).log10(),
        }
    }
}

/// The largest of 1, 2, 5 times a power of ten that is not above the value.
fn round_down(value: f64) -> f64 {
    let decade = 10f64.powf(value.log10().floor());
    [5.0, 2.0, 1.0]
        .into_iter()
        .map(|digit| digit * decade)
        .find(|round| *round <= value * 1.000_001)
        .unwrap_or(decade)
}

fn round_up(value: f64) -> f64 {
    let decade = 10f64.powf(value.log10().floor());
    let digits = [1.0, 2.0, 5.0, 10.0].into_iter();
    digits
        .map(|digit| digit * decade)
        .find(|round| *round >= value * 0.999_999)
        .unwrap_or(decade * 10.0)
}

fn linear_ticks(min: f64, max: f64) -> Vec<f64> {
    let step = round_up((max - min) / 6.0);
    let first = (min / step).ceil();
    (0..=12).map(|i| (first + f64::from(i)) * step).collect()
}

/// Decades, and 2 and 5 times them where there are few.
fn log_ticks(min: f64, max: f64) -> Vec<f64> {
    let decades = (max / min).log10();
    let digits: &[f64] = if decades <= 2.5 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let first = min.log10().floor() as i32;
    let last = max.log10().ceil() as i32;
    (first..=last)
        .flat_map(|power| digits.iter().map(move |digit| digit * 10f64.powi(power)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: f64) -> String {
        value.to_string()
    }

    #[test]
    fn a_linear_axis_ends_on_a_round_value_above_all() {
        let axis = Axis::from_zero(
            "x",
            [3.0, 417.0, f64::NAN, f64::INFINITY].into_iter(),
            plain,
        );
        assert!(axis.max >= 417.0 && axis.max <= 600.0, "{}", axis.max);
        assert_eq!(axis.tick_values().first(), Some(&0.0));
        assert!(
            (3..=8).contains(&axis.tick_values().len()),
            "{:?}",
            axis.tick_values()
        );
        assert!((axis.position(axis.max) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn without_values_an_axis_is_still_drawable() {
        for axis in [
            Axis::from_zero("x", std::iter::empty(), plain),
            Axis::log("x", [0.0, -1.0].into_iter(), plain),
        ] {
            assert!(axis.max > axis.min && axis.tick_values().len() >= 2);
            assert!((0.0..=1.0).contains(&axis.position(f64::MAX)));
        }
    }

    #[test]
    fn a_log_axis_gives_each_decade_the_same_room() {
        let axis = Axis::log("x", [1.0, 10_000.0].into_iter(), plain);
        let steps: Vec<f64> = axis
            .tick_values()
            .windows(2)
            .map(|w| axis.position(w[1]) - axis.position(w[0]))
            .collect();
        assert!(
            steps.iter().all(|step| (step - 0.25).abs() < 1e-9),
            "{steps:?}"
        );
    }

    #[test]
    fn a_tail_axis_gives_each_nine_the_same_room() {
        let axis = Axis {
            label: String::new(),
            scale: Scale::Tail,
            min: 0.0,
            max: 0.9999,
            ticks: Vec::new(),
            format: plain,
        };
        let at = |quantile| axis.position(quantile);
        assert!(
            (at(0.9) - 0.25).abs() < 1e-6
                && (at(0.99) - 0.5).abs() < 1e-6
                && (at(0.999) - 0.75).abs() < 1e-6
        );
        assert_eq!(axis.tick_values().last(), Some(&0.9999));
    }
}
