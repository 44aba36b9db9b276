//! Writes a chart as SVG text. Text that comes from records is escaped here, in one place.

use std::fmt::Write as _;

use super::{Axis, Band, BandKind, Chart, Mark, STYLE, Series, Style};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 18.0;
const PLOT_HEIGHT: f64 = 210.0;
const BELOW: f64 = 46.0;
const ROW: f64 = 17.0;
/// The mean width of a character at the size of labels; a guess on the safe side.
const CHARACTER: f64 = 6.6;
const COLOURS: usize = 8;

/// Where the parts of a chart stand.
struct Frame<'a> {
    chart: &'a Chart,
    /// The y of the plot's upper edge.
    top: f64,
    svg: String,
}

/// For a page that brings [`STYLE`] itself.
pub fn inline(chart: &Chart) -> String {
    drawn(chart, "")
}

/// For a file of its own.
pub fn standalone(chart: &Chart) -> String {
    drawn(chart, &format!("<style>{STYLE}</style>"))
}

fn drawn(chart: &Chart, style: &str) -> String {
    let legend = legend_rows(&chart.series);
    let band_rows = band_rows(chart);
    let top = 26.0 + legend.len() as f64 * ROW + 6.0 + band_rows as f64 * ROW;
    let height = top + PLOT_HEIGHT + BELOW;
    let mut frame = Frame {
        chart,
        top,
        svg: String::new(),
    };
    frame.line(format_args!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{slug}-t {slug}-d" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="12">{style}"#,
        slug = escaped(&chart.slug),
    ));
    frame.line(format_args!(
        r#"<title id="{}-t">{}</title>"#,
        escaped(&chart.slug),
        escaped(&chart.title)
    ));
    frame.line(format_args!(
        r#"<desc id="{}-d">{}</desc>"#,
        escaped(&chart.slug),
        escaped(&chart.description)
    ));
    frame.line(format_args!(
        r#"<rect class="paper" width="{WIDTH}" height="{height}"/>"#
    ));
    frame.line(format_args!(
        r#"<text class="title" x="{LEFT}" y="18">{}</text>"#,
        escaped(&chart.title)
    ));
    frame.legend(&legend);
    frame.bands();
    frame.axes();
    for series in &chart.series {
        frame.series(series);
    }
    for mark in &chart.marks {
        frame.mark(mark);
    }
    frame.svg.push_str("</svg>\n");
    frame.svg
}

impl Frame<'_> {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.svg.write_fmt(text);
        self.svg.push('\n');
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.chart.x.position(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        self.top + (1.0 - self.chart.y.position(value)) * PLOT_HEIGHT
    }

    fn legend(&mut self, rows: &[Vec<&Series>]) {
        for (row, names) in rows.iter().enumerate() {
            let y = 26.0 + (row as f64 + 0.75) * ROW;
            let mut x = LEFT;
            for series in names {
                let class = class(series.style);
                self.line(format_args!(
                    r#"<line class="{class}" x1="{x:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}"/><text x="{:.1}" y="{y:.1}">{}</text>"#,
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

    fn bands(&mut self) {
        let bottom = self.top + PLOT_HEIGHT;
        let has_faults = self
            .chart
            .bands
            .iter()
            .any(|band| band.kind == BandKind::Fault);
        let mut phases = 1;
        for band in &self.chart.bands {
            let (from, to) = (self.x(band.from), self.x(band.to));
            let row = if has_faults && band.kind != BandKind::Fault {
                1.5
            } else {
                0.5
            };
            let class = match band.kind {
                BandKind::Fault => "fault",
                BandKind::Warmup => "warmup",
                BandKind::Phase if phases % 2 == 0 => "phase",
                BandKind::Phase => "phase odd",
            };
            phases += usize::from(band.kind != BandKind::Fault);
            let upper = self.top - (row + 0.5) * ROW;
            self.line(format_args!(
                r#"<rect class="{class}" x="{from:.1}" y="{upper:.1}" width="{:.1}" height="{:.1}"><title>{}</title></rect>"#,
                (to - from).max(0.0),
                bottom - upper,
                escaped(&band.label),
            ));
            self.band_label(band, from, to, self.top - row * ROW + 4.0);
        }
    }

    /// Faults may be wider than their band; phases are named only where there is room.
    fn band_label(&mut self, band: &Band, from: f64, to: f64, y: f64) {
        let label = band_text(band);
        let half = label.chars().count() as f64 * CHARACTER / 2.0;
        let middle = f64::midpoint(from, to);
        if band.kind == BandKind::Fault {
            let middle = middle.clamp(LEFT + half, (WIDTH - RIGHT - half).max(LEFT + half));
            self.line(format_args!(
                r#"<text class="fault-name" text-anchor="middle" x="{middle:.1}" y="{y:.1}">{}</text>"#,
                escaped(&label)
            ));
        } else if half * 2.0 <= to - from {
            self.line(format_args!(
                r#"<text class="band" text-anchor="middle" x="{middle:.1}" y="{y:.1}">{}</text>"#,
                escaped(&label)
            ));
        }
    }

    fn axes(&mut self) {
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

    fn series(&mut self, series: &Series) {
        let class = class(series.style);
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
                    r#"<polyline class="{class}" points="{}"/>"#,
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
                    r#"<circle class="dot {class}" cx="{:.1}" cy="{:.1}" r="{radius}"/>"#,
                    self.x(x),
                    self.y(y)
                ));
            }
        }
    }

    fn mark(&mut self, mark: &Mark) {
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
            bottom - 10.0,
            escaped(&mark.label),
        ));
    }
}

fn class(style: Style) -> String {
    match style {
        Style::Line(number) | Style::DottedLine(number) if number < COLOURS => {
            format!("s s{number}")
        }
        Style::Line(number) | Style::DottedLine(number) => {
            format!("s s{} dashed", number % COLOURS)
        }
        Style::Dots(number) => format!("s s{}", number % COLOURS),
        Style::Reference => "s reference".to_owned(),
    }
}

/// The rows of labels above the plot: phases, and above nothing else but faults.
fn band_rows(chart: &Chart) -> usize {
    let has = |fault: bool| {
        chart
            .bands
            .iter()
            .any(|band| (band.kind == BandKind::Fault) == fault)
    };
    usize::from(has(true)) + usize::from(has(false))
}

fn band_text(band: &Band) -> String {
    if band.kind == BandKind::Warmup {
        format!("{} (warm-up)", band.label)
    } else {
        band.label.clone()
    }
}

fn legend_width(series: &Series) -> f64 {
    26.0 + series.name.chars().count() as f64 * CHARACTER + 18.0
}

fn legend_rows(series: &[Series]) -> Vec<Vec<&Series>> {
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

fn escaped(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(series: Vec<Series>) -> Chart {
        let values: Vec<f64> = series
            .iter()
            .flat_map(|s| s.points.iter().filter_map(|p| p.1))
            .collect();
        Chart {
            slug: "test".into(),
            title: "A <b>title</b> & more".into(),
            description: "d".into(),
            x: Axis::from_zero("seconds", [10.0].into_iter(), |v| v.to_string()),
            y: Axis::from_zero("per second", values.into_iter(), |v| v.to_string()),
            bands: vec![Band {
                from: 0.0,
                to: 5.0,
                label: "one".into(),
                kind: BandKind::Phase,
            }],
            series,
            marks: Vec::new(),
            note: String::new(),
        }
    }

    fn series(points: Vec<(f64, Option<f64>)>) -> Series {
        Series {
            name: "a".into(),
            style: Style::Line(0),
            points,
        }
    }

    #[test]
    fn names_cannot_break_out_of_the_markup() {
        let svg = standalone(&chart(vec![]));
        assert!(svg.contains("A &lt;b&gt;title&lt;/b&gt; &amp; more"));
        assert!(!svg.contains("<b>"));
    }

    #[test]
    fn a_gap_in_the_data_is_a_gap_in_the_line() {
        let points = vec![
            (0.0, Some(1.0)),
            (1.0, Some(2.0)),
            (2.0, None),
            (3.0, Some(1.0)),
            (4.0, Some(2.0)),
        ];
        let svg = inline(&chart(vec![series(points)]));
        assert_eq!(svg.matches("<polyline").count(), 2);
    }

    #[test]
    fn no_numbers_that_are_none_reach_the_picture() {
        let svg = inline(&chart(vec![series(vec![
            (0.0, Some(f64::INFINITY)),
            (1.0, None),
            (2.0, Some(0.0)),
        ])]));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let empty = inline(&chart(vec![series(Vec::new())]));
        assert!(!empty.contains("NaN"));
    }

    #[test]
    fn many_names_wrap_into_rows_within_the_width() {
        let many: Vec<Series> = (0..12)
            .map(|i| Series {
                name: format!("a rather long name {i}"),
                style: Style::Line(i),
                points: Vec::new(),
            })
            .collect();
        let rows = legend_rows(&many);
        assert!(rows.len() > 2);
        assert_eq!(rows.iter().map(Vec::len).sum::<usize>(), 12);
        assert!(rows.iter().all(|row| row.iter().map(|s| legend_width(s)).sum::<f64>() <= WIDTH - LEFT - RIGHT));
    }

    #[test]
    fn only_the_file_carries_its_style() {
        assert!(standalone(&chart(vec![])).contains("<style>"));
        assert!(!inline(&chart(vec![])).contains("<style>"));
    }
}
