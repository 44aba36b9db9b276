//! Stretches of the timeline with their names: phases and faults.

use super::super::{Band, BandKind, Chart};
use super::frame::{CHARACTER, Frame, LEFT, PLOT_HEIGHT, RIGHT, ROW, WIDTH, escaped};

impl Frame<'_> {
    pub(super) fn bands(&mut self) {
        let bottom = self.top + PLOT_HEIGHT;
        let has_faults = self
            .chart
            .bands
            .iter()
            .any(|band| band.kind == BandKind::Fault);
        let mut phases = 1;
        let mut taken = Vec::new();
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
                BandKind::Interval => "interval",
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
            let y = self.top - row * ROW + 4.0;
            self.band_label(band, (from, to), y, &mut taken);
        }
    }

    /// Faults' and intervals' names may be wider than their band, and are left out where another
    /// name is; phases are named only where there is room. Every band tells its name when pointed at.
    fn band_label(
        &mut self,
        band: &Band,
        (from, to): (f64, f64),
        y: f64,
        taken: &mut Vec<(f64, f64)>,
    ) {
        let label = band_text(band);
        let half = label.chars().count() as f64 * CHARACTER / 2.0;
        let middle = f64::midpoint(from, to);
        if matches!(band.kind, BandKind::Fault | BandKind::Interval) {
            let class = if band.kind == BandKind::Fault {
                "fault-name"
            } else {
                "interval-name"
            };
            let middle = middle.clamp(LEFT + half, (WIDTH - RIGHT - half).max(LEFT + half));
            let (left, right) = (middle - half, middle + half);
            if taken.iter().any(|other| left < other.1 && other.0 < right) {
                return;
            }
            taken.push((left, right));
            self.line(format_args!(
                r#"<text class="{class}" text-anchor="middle" x="{middle:.1}" y="{y:.1}">{}</text>"#,
                escaped(&label)
            ));
        } else if half * 2.0 <= to - from {
            self.line(format_args!(
                r#"<text class="band" text-anchor="middle" x="{middle:.1}" y="{y:.1}">{}</text>"#,
                escaped(&label)
            ));
        }
    }
}

/// The rows of labels above the plot: phases, and above nothing else but faults.
pub(super) fn band_rows(chart: &Chart) -> usize {
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
