//! The names of the lines, in rows above the plot.

use super::super::{Series, Style};
use super::frame::{CHARACTER, Frame, LEFT, RIGHT, ROW, WIDTH, escaped};
use super::lines::Look;

impl Frame<'_> {
    pub(super) fn legend(&mut self, rows: &[Vec<&Series>]) {
        for (row, names) in rows.iter().enumerate() {
            let y = 26.0 + (row as f64 + 0.75) * ROW;
            let mut x = LEFT;
            for series in names {
                let look = Look::of(self.chart, series.style);
                self.line(format_args!(
                    r#"<line {look} x1="{x:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}"/><text x="{:.1}" y="{y:.1}">{}</text>"#,
                    y - 4.0,
                    x + 20.0,
                    y - 4.0,
                    x + 26.0,
                    escaped(&series.name),
                ));
                x += legend_width(series);
            }
        }
    }
}

pub(super) fn legend_width(series: &Series) -> f64 {
    26.0 + series.name.chars().count() as f64 * CHARACTER + 18.0
}

pub(super) fn legend_rows(series: &[Series]) -> Vec<Vec<&Series>> {
    let mut rows: Vec<Vec<&Series>> = Vec::new();
    let mut x = f64::INFINITY;
    for one in series
        .iter()
        .filter(|series| !matches!(series.style, Style::Dots(_)))
    {
        if x + legend_width(one) > WIDTH - RIGHT {
            rows.push(Vec::new());
            x = LEFT;
        }
        x += legend_width(one);
        if let Some(row) = rows.last_mut() {
            row.push(one);
        }
    }
    rows
}
