//! Horizontal bars of stacked parts: one per stack, in named groups, over one axis at the bottom.

use super::super::{Chart, Series, Stack, Style};
use super::frame::{BELOW, CHARACTER, Frame, RIGHT, ROW, WIDTH, escaped};

/// Where bars begin; names stand to the left of it.
const BARS: f64 = 170.0;
/// What is left free to the right of the longest bar, for its total.
const TOTAL: f64 = 64.0;
const BAR: f64 = 18.0;
const GROUP: f64 = 22.0;
/// The colours of parts.
const FILLS: usize = 5;

/// The height of all bars with the names of their groups.
pub(super) fn height(chart: &Chart) -> f64 {
    let bars = chart.stacks.len() as f64 * BAR;
    bars + groups(chart).count() as f64 * GROUP + 6.0
}

/// The stacks at which a new group begins.
fn groups(chart: &Chart) -> impl Iterator<Item = usize> {
    let begins = |at: &usize| *at == 0 || chart.stacks[*at].group != chart.stacks[*at - 1].group;
    (0..chart.stacks.len()).filter(begins)
}

impl Frame<'_> {
    pub(super) fn swatches(&mut self) {
        let mut x = BARS;
        let y = 26.0 + 0.75 * ROW;
        for series in &self.chart.series {
            self.line(format_args!(
                r#"<rect class="{}" x="{x:.1}" y="{:.1}" width="12" height="12"/><text x="{:.1}" y="{y:.1}">{}</text>"#,
                fill(series),
                y - 10.0,
                x + 18.0,
                escaped(&series.name),
            ));
            x += 18.0 + series.name.chars().count() as f64 * CHARACTER + 16.0;
        }
    }

    pub(super) fn stacks(&mut self) {
        let chart = self.chart;
        let bottom = self.top + height(chart);
        self.bottom_axis(bottom);
        let begins: Vec<usize> = groups(chart).collect();
        let mut y = self.top;
        for (at, stack) in chart.stacks.iter().enumerate() {
            if begins.contains(&at) {
                y += GROUP;
                self.line(format_args!(
                    r#"<text class="group" x="12" y="{:.1}">{}</text>"#,
                    y - 5.0,
                    escaped(&stack.group)
                ));
            }
            self.stack(stack, y);
            y += BAR;
        }
    }

    fn stack(&mut self, stack: &Stack, y: f64) {
        self.line(format_args!(
            r#"<text class="tick" text-anchor="end" x="{:.1}" y="{:.1}">{}</text>"#,
            BARS - 8.0,
            y + 12.0,
            escaped(&shortened(&stack.label)),
        ));
        let format = self.chart.x.format;
        let mut from = 0.0;
        for (part, series) in stack.parts.iter().zip(&self.chart.series) {
            let (left, right) = (self.along(from), self.along(from + part));
            from += part;
            self.line(format_args!(
                r#"<rect class="{}" x="{left:.1}" y="{:.1}" width="{:.1}" height="{:.1}"><title>{}: {}</title></rect>"#,
                fill(series),
                y + 2.0,
                right - left,
                BAR - 4.0,
                escaped(&series.name),
                escaped(&format(*part)),
            ));
        }
        self.line(format_args!(
            r#"<text x="{:.1}" y="{:.1}">{}</text>"#,
            self.along(from) + 6.0,
            y + 12.0,
            escaped(&format(from))
        ));
    }

    fn bottom_axis(&mut self, bottom: f64) {
        let x = self.chart.x.clone();
        let (top, right) = (self.top, self.along(x.max));
        for tick in x.tick_values() {
            let at = self.along(tick);
            self.line(format_args!(
                r#"<line class="grid" x1="{at:.1}" y1="{top:.1}" x2="{at:.1}" y2="{bottom:.1}"/><text class="tick" text-anchor="middle" x="{at:.1}" y="{:.1}">{}</text>"#,
                bottom + 17.0,
                escaped(&(x.format)(tick)),
            ));
        }
        self.line(format_args!(
            r#"<line class="edge" x1="{BARS}" y1="{bottom:.1}" x2="{right:.1}" y2="{bottom:.1}"/><text class="axis" text-anchor="middle" x="{:.1}" y="{:.1}">{}</text>"#,
            f64::midpoint(BARS, right),
            bottom + BELOW - 10.0,
            escaped(&x.label),
        ));
    }

    fn along(&self, value: f64) -> f64 {
        BARS + self.chart.x.position(value) * (WIDTH - BARS - TOTAL - RIGHT)
    }
}

/// The class of a part's colour.
fn fill(series: &Series) -> String {
    match series.style {
        Style::Line(number)
        | Style::DottedLine(number)
        | Style::Interval(number)
        | Style::Dots(number)
        | Style::Stretches(number) => format!("b{}", number % FILLS),
        Style::Reference => "b0".to_owned(),
    }
}

/// What fits to the left of a bar.
fn shortened(label: &str) -> String {
    let most = ((BARS - 16.0) / CHARACTER) as usize;
    if label.chars().count() <= most {
        return label.to_owned();
    }
    let kept: String = label.chars().take(most - 1).collect();
    format!("{kept}…")
}
