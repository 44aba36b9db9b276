//! Writes a chart as SVG text. Text that comes from records is escaped in one place.

mod axes;
mod bands;
mod frame;
mod legend;
mod lines;
mod stacked;

use self::bands::band_rows;
use self::frame::{BELOW, Frame, LEFT, PLOT_HEIGHT, ROW, WIDTH, escaped};
use self::legend::legend_rows;
use super::{Chart, STYLE};

/// For a page that brings [`STYLE`] itself.
pub fn inline(chart: &Chart) -> String {
    drawn(chart, "")
}

/// For a file of its own.
pub fn standalone(chart: &Chart) -> String {
    drawn(chart, &format!("<style>{STYLE}</style>"))
}

fn drawn(chart: &Chart, style: &str) -> String {
    let is_plot = chart.stacks.is_empty();
    let legend = if is_plot {
        legend_rows(&chart.series)
    } else {
        vec![Vec::new()]
    };
    let band_rows = band_rows(chart);
    let top = 26.0 + legend.len() as f64 * ROW + 6.0 + band_rows as f64 * ROW;
    let inner = if is_plot {
        PLOT_HEIGHT
    } else {
        stacked::height(chart)
    };
    let height = top + inner + BELOW;
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
    if is_plot {
        frame.legend(&legend);
        frame.bands();
        frame.axes();
        frame.all_series();
        for mark in &chart.marks {
            frame.mark(mark);
        }
    } else {
        frame.swatches();
        frame.stacks();
    }
    frame.svg.push_str("</svg>\n");
    frame.svg
}

#[cfg(test)]
mod tests {
    use super::super::{Axis, Band, BandKind, Series, Style};
    use super::frame::RIGHT;
    use super::legend::legend_width;
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
            stacks: Vec::new(),
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
    fn names_of_faults_do_not_lie_on_each_other() {
        let mut crowded = chart(vec![]);
        let fault = |from: f64, label: &str| Band {
            from,
            to: from + 0.2,
            label: label.to_owned(),
            kind: BandKind::Fault,
        };
        crowded.bands = vec![
            fault(1.0, "the service is killed"),
            fault(1.5, "the database hangs"),
            fault(8.0, "the gateway is slow"),
        ];
        let svg = inline(&crowded);
        let named = |label: &str| svg.contains(&format!(">{label}</text>"));
        assert!(named("the service is killed") && named("the gateway is slow"));
        assert!(!named("the database hangs"));
        assert!(svg.contains("<title>the database hangs</title>"));
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

    /// The markup of every line, in the order in which they are painted.
    fn lines(svg: &str) -> Vec<&str> {
        svg.lines()
            .filter(|line| line.starts_with("<polyline"))
            .map(|line| line.split(" points").next().unwrap())
            .collect()
    }

    #[test]
    fn lines_on_each_other_can_all_be_seen() {
        let same = |style| Series {
            style,
            ..series(vec![(0.0, Some(1.0)), (1.0, Some(2.0))])
        };
        let arms = (0..12).map(Style::Line);
        let svg = inline(&chart(
            [Style::Reference]
                .into_iter()
                .chain(arms)
                .map(same)
                .collect(),
        ));
        let mut drawn = lines(&svg);
        assert!(drawn.pop().unwrap().contains("reference"), "{svg}");
        let width = |line: &str| -> f64 {
            let (_, rest) = line.split_once("stroke-width:").unwrap();
            rest.trim_end_matches('"').parse().unwrap()
        };
        for (under, over) in drawn.iter().zip(&drawn[1..]) {
            assert!(width(under) > width(over), "{under} hides behind {over}");
        }
        let looks: std::collections::BTreeSet<&str> = drawn
            .iter()
            .map(|line| line.split(" style").next().unwrap())
            .collect();
        assert_eq!(looks.len(), 12, "{looks:?}");
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
