//! The axes with their ticks and names. Labels that would overlap are left out.

use super::super::Axis;
use super::frame::{CHARACTER, Frame, LEFT, PLOT_HEIGHT, RIGHT, WIDTH, escaped};

impl Frame<'_> {
    pub(super) fn axes(&mut self) {
        let (bottom, right) = (self.top + PLOT_HEIGHT, WIDTH - RIGHT);
        let Axis { label, format, .. } = self.chart.y.clone();
        for tick in self.chart.y.tick_values() {
            let y = self.y(tick);
            self.line(format_args!(
                r#"<line class="grid" x1="{LEFT}" y1="{y:.1}" x2="{right}" y2="{y:.1}"/><text class="tick" text-anchor="end" x="{:.1}" y="{:.1}">{}</text>"#,
                LEFT - 7.0,
                y + 4.0,
                escaped(&format(tick)),
            ));
        }
        let middle = self.top + PLOT_HEIGHT / 2.0;
        self.line(format_args!(
            r#"<text class="axis" text-anchor="middle" transform="translate(13 {middle:.1}) rotate(-90)">{}</text>"#,
            escaped(&label)
        ));
        let Axis { label, format, .. } = self.chart.x.clone();
        let mut free_from = f64::NEG_INFINITY;
        for tick in self.chart.x.tick_values() {
            let (x, text) = (self.x(tick), format(tick));
            self.line(format_args!(
                r#"<line class="edge" x1="{x:.1}" y1="{bottom:.1}" x2="{x:.1}" y2="{:.1}"/>"#,
                bottom + 4.0
            ));
            let half = text.chars().count() as f64 * CHARACTER / 2.0;
            // The last label may be wider than what is left of it.
            let middle = x.min(WIDTH - half);
            if middle - half >= free_from {
                self.line(format_args!(
                    r#"<text class="tick" text-anchor="middle" x="{middle:.1}" y="{:.1}">{}</text>"#,
                    bottom + 17.0,
                    escaped(&text)
                ));
                free_from = middle + half + 4.0;
            }
        }
        self.line(format_args!(
            r#"<line class="edge" x1="{LEFT}" y1="{bottom:.1}" x2="{right}" y2="{bottom:.1}"/><text class="axis" text-anchor="middle" x="{:.1}" y="{:.1}">{}</text>"#,
            f64::midpoint(LEFT, right),
            bottom + 36.0,
            escaped(&label),
        ));
    }
}
