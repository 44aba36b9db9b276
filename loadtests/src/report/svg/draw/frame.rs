//! Where the parts of a chart stand, and what is written of them so far.

use std::fmt::Write as _;

use super::super::Chart;

pub(super) const WIDTH: f64 = 760.0;
pub(super) const LEFT: f64 = 80.0;
pub(super) const RIGHT: f64 = 18.0;
pub(super) const PLOT_HEIGHT: f64 = 210.0;
pub(super) const BELOW: f64 = 46.0;
pub(super) const ROW: f64 = 17.0;
/// The mean width of a character at the size of labels; a guess on the safe side.
pub(super) const CHARACTER: f64 = 6.6;

/// Where the parts of a chart stand.
pub(super) struct Frame<'a> {
    pub(super) chart: &'a Chart,
    /// The y of the plot's upper edge.
    pub(super) top: f64,
    pub(super) svg: String,
}

impl Frame<'_> {
    pub(super) fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.svg.write_fmt(text);
        self.svg.push('\n');
    }

    pub(super) fn x(&self, value: f64) -> f64 {
        LEFT + self.chart.x.position(value) * (WIDTH - LEFT - RIGHT)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        self.top + (1.0 - self.chart.y.position(value)) * PLOT_HEIGHT
    }
}

/// What may stand in markup.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // Not allowed in XML, however written.
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
