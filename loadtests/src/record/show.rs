//! Numbers as people read them: with their unit and three or so significant digits.

use super::figures::Unit;

/// What stands where nothing was measured.
pub const NOTHING: &str = "–";

impl Unit {
    /// The number with its unit; infinity reads "never".
    pub fn show(self, value: f64) -> String {
        if value == f64::INFINITY {
            return "never".to_owned();
        }
        match self {
            Self::Count => number(value),
            Self::PerSecond => format!("{}/s", number(value)),
            Self::Milliseconds if value >= 10_000.0 => format!("{} s", number(value / 1e3)),
            Self::Milliseconds => format!("{} ms", number(value)),
            Self::Seconds => format!("{} s", number(value)),
            Self::Share => format!("{} %", number(value * 100.0)),
        }
    }

    pub fn show_or_nothing(self, value: Option<f64>) -> String {
        value.map_or_else(|| NOTHING.to_owned(), |value| self.show(value))
    }
}

/// Three significant digits below 1,000, whole numbers with separators above.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        NOTHING.to_owned()
    } else if size >= 999.5 {
        separated(value.round())
    } else {
        let decimals = match size {
            size if size >= 99.95 || size == 0.0 => 0,
            size if size >= 9.995 => 1,
            size if size >= 0.995 => 2,
            _ => 3,
        };
        without_trailing_zeros(&format!("{value:.decimals$}"))
    }
}

fn separated(whole: f64) -> String {
    let digits = format!("{:.0}", whole.abs());
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if whole < 0.0 {
        format!("-{text}")
    } else {
        text
    }
}

fn without_trailing_zeros(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits_and_no_more() {
        let shown = [
            0.0,
            0.1234,
            1.0,
            1.2345,
            12.345,
            123.45,
            999.4,
            999.6,
            1234.5,
            1_234_567.0,
            -2500.0,
        ]
        .map(number);
        let wanted = [
            "0",
            "0.123",
            "1",
            "1.23",
            "12.3",
            "123",
            "999",
            "1,000",
            "1,235",
            "1,234,567",
            "-2,500",
        ];
        assert_eq!(shown, wanted.map(str::to_owned));
    }

    #[test]
    fn units_are_written_and_nothing_is_no_number() {
        assert_eq!(Unit::Milliseconds.show(12.3), "12.3 ms");
        assert_eq!(Unit::Milliseconds.show(30_000.0), "30 s");
        assert_eq!(Unit::PerSecond.show(409.8), "410/s");
        assert_eq!(Unit::Share.show(0.125), "12.5 %");
        assert_eq!(Unit::Seconds.show(f64::INFINITY), "never");
        assert_eq!(Unit::Milliseconds.show_or_nothing(None), "–");
        assert_eq!(number(f64::NAN), "–");
    }
}
