//! Lines, dots and marks. Lines that lie on each other must all be seen: the earlier a line is drawn
//! the wider it is, and their dashes differ.

use super::super::{Chart, LabelAt, Mark, Series, Style};
use super::frame::{CHARACTER, Frame, PLOT_HEIGHT, RIGHT, WIDTH, escaped};

const COLOURS: usize = 8;
const DASHES: usize = 5;
/// The widths of the last line and of the first, when there are many.
const THIN: f64 = 1.8;
const WIDE: f64 = 5.4;
/// By how much a line is wider than the next, when there are few.
const STEP: f64 = 0.9;
/// The height of a stretch.
const THICK: f64 = 7.0;
/// Half the width of the ends of an interval.
const CAP: f64 = 5.0;

/// How a line is drawn: its class, and more attributes.
pub(super) struct Look {
    class: String,
    width: String,
}

impl Look {
    pub(super) fn of(chart: &Chart, style: Style) -> Self {
        let class = match style {
            Style::Line(number) => {
                format!("s s{} d{}", number % COLOURS, number % DASHES)
            }
            Style::DottedLine(number)
            | Style::Dots(number)
            | Style::Interval(number)
            | Style::Stretches(number) => {
                format!("s s{}", number % COLOURS)
            }
            Style::Reference => "s reference".to_owned(),
        };
        let width = match style {
            Style::Line(number) => format!(r#" style="stroke-width:{:.1}""#, width(chart, number)),
            Style::Stretches(_) => {
                format!(r#" style="stroke-width:{THICK:.1};stroke-linecap:butt""#)
            }
            _ => String::new(),
        };
        Self { class, width }
    }
}

impl std::fmt::Display for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, r#"class="{}"{}"#, self.class, self.width)
    }
}

fn width(chart: &Chart, number: usize) -> f64 {
    let numbers = || {
        chart.series.iter().filter_map(|series| match series.style {
            Style::Line(number) => Some(number),
            _ => None,
        })
    };
    let most = numbers().count().saturating_sub(1).max(1);
    let above = numbers().filter(|other| *other > number).count();
    let step = STEP.min((WIDE - THIN) / most as f64);
    THIN + step * above as f64
}

impl Frame<'_> {
    /// What the others are compared with comes last, so that nothing hides it.
    pub(super) fn all_series(&mut self) {
        let chart = self.chart;
        let is_reference = |series: &&Series| series.style == Style::Reference;
        for series in chart.series.iter().filter(|series| !is_reference(series)) {
            self.series(series);
        }
        for series in chart.series.iter().filter(is_reference) {
            self.series(series);
        }
    }

    fn series(&mut self, series: &Series) {
        let look = Look::of(self.chart, series.style);
        if matches!(series.style, Style::Interval(_)) {
            self.intervals(series, &look);
            return;
        }
        if matches!(series.style, Style::Stretches(_)) {
            self.stretches(series, &look);
            return;
        }
        if !matches!(series.style, Style::Dots(_)) {
            for stretch in series
                .points
                .split(|(_, y)| y.is_none())
                .filter(|stretch| !stretch.is_empty())
            {
                let mut path: Vec<String> = Vec::with_capacity(stretch.len());
                for (x, y) in stretch.iter().filter_map(|(x, y)| Some((x, (*y)?))) {
                    path.push(format!("{:.1},{:.1}", self.x(*x), self.y(y)));
                }
                if let [only] = path.as_slice() {
                    // A stretch of one point would be invisible as a line.
                    path.push(only.clone());
                }
                self.line(format_args!(
                    r#"<polyline {look} points="{}"/>"#,
                    path.join(" ")
                ));
            }
        }
        if matches!(series.style, Style::Dots(_) | Style::DottedLine(_)) {
            let radius = if matches!(series.style, Style::Dots(_)) {
                1.0
            } else {
                4.0
            };
            for (x, y) in series.points.iter().filter_map(|(x, y)| Some((*x, (*y)?))) {
                self.line(format_args!(
                    r#"<circle class="dot {}" cx="{:.1}" cy="{:.1}" r="{radius}"/>"#,
                    look.class,
                    self.x(x),
                    self.y(y)
                ));
            }
        }
    }

    fn intervals(&mut self, series: &Series, look: &Look) {
        for ends in series.points.chunks_exact(2) {
            let [(x, Some(low)), (_, Some(high))] = ends else {
                continue;
            };
            let (x, low, high) = (self.x(*x), self.y(*low), self.y(*high));
            let (left, right) = (x - CAP, x + CAP);
            self.line(format_args!(
                r#"<path {look} d="M{left:.1},{low:.1}H{right:.1}M{x:.1},{low:.1}V{high:.1}M{left:.1},{high:.1}H{right:.1}"/>"#
            ));
        }
    }

    fn stretches(&mut self, series: &Series, look: &Look) {
        let y = self.top + PLOT_HEIGHT - THICK;
        for ends in series.points.chunks_exact(2) {
            let (from, to) = (self.x(ends[0].0), self.x(ends[1].0));
            self.line(format_args!(
                r#"<line {look} x1="{from:.1}" y1="{y:.1}" x2="{to:.1}" y2="{y:.1}"/>"#
            ));
        }
    }

    pub(super) fn mark(&mut self, mark: &Mark) {
        let (x, y) = (self.x(mark.x), self.y(mark.y));
        let bottom = self.top + PLOT_HEIGHT;
        let width = mark.label.chars().count() as f64 * CHARACTER;
        let (anchor, text_x) = if x + width + 10.0 > WIDTH - RIGHT {
            ("end", x - 8.0)
        } else {
            ("start", x + 8.0)
        };
        self.line(format_args!(
            r#"<line class="mark" x1="{x:.1}" y1="{y:.1}" x2="{x:.1}" y2="{bottom:.1}"/><circle class="mark" cx="{x:.1}" cy="{y:.1}" r="7"/><text class="mark-name" text-anchor="{anchor}" x="{text_x:.1}" y="{:.1}">{}</text>"#,
            match mark.at {
                LabelAt::Foot => bottom - 10.0,
                LabelAt::Above => y - 9.0,
                LabelAt::Below => y + 18.0,
            },
            escaped(&mark.label),
        ));
    }
}
