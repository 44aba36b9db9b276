//! A small chart drawer: lines, dots and bands over two axes, or stacked bars over one, as SVG that follows the reader's
//! light or dark theme. The same chart is always the same bytes.

mod axis;
mod draw;

pub use axis::{Axis, Scale};
pub use draw::{inline, standalone};

/// The colours of a chart, for a page that embeds charts drawn by [`inline`].
pub const STYLE: &str = include_str!("../../../templates/chart.css");

/// One chart, without any knowledge of records.
#[derive(Debug, Clone)]
pub struct Chart {
    /// A file name without its ending.
    pub slug: String,
    pub title: String,
    /// What is to be seen, for those who cannot see it.
    pub description: String,
    pub x: Axis,
    pub y: Axis,
    pub bands: Vec<Band>,
    pub series: Vec<Series>,
    pub marks: Vec<Mark>,
    /// Where there are any, the chart is bars of stacked parts over the x axis, and its series are
    /// the names of the parts.
    pub stacks: Vec<Stack>,
    /// What stands below it in words; may be empty.
    pub note: String,
}

/// A stretch of the x axis with a name.
#[derive(Debug, Clone)]
pub struct Band {
    pub from: f64,
    pub to: f64,
    pub label: String,
    pub kind: BandKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BandKind {
    Phase,
    Warmup,
    Fault,
    /// Where something lies that is not known exactly.
    Interval,
}

#[derive(Debug, Clone)]
pub struct Series {
    pub name: String,
    pub style: Style,
    /// In order of x; a gap where there is no y.
    pub points: Vec<(f64, Option<f64>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A line in the palette's colour of this number, with dashes of its own.
    Line(usize),
    /// A line with a dot at each point.
    DottedLine(usize),
    /// What the others are compared with: thin and dashed, above all of them.
    Reference,
    /// Vertical bars: each two points that follow each other are the ends of one.
    Interval(usize),
    /// Thick lines just above the axis: each two points that follow each other are the ends of one,
    /// whatever their y.
    Stretches(usize),
    /// Dots only, of the palette's colour of this number; not in the legend.
    Dots(usize),
}

/// One bar of parts.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Stacks of the same group follow each other under its name.
    pub group: String,
    pub label: String,
    /// One for each series.
    pub parts: Vec<f64>,
}

impl Stack {
    pub fn total(&self) -> f64 {
        self.parts.iter().sum()
    }
}

/// A point worth naming.
#[derive(Debug, Clone)]
pub struct Mark {
    pub x: f64,
    pub y: f64,
    pub label: String,
    pub at: LabelAt,
}

/// Where the name of a mark stands, to its right where there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelAt {
    /// Just above the axis.
    Foot,
    Above,
    Below,
}
