//! How often it held at each value that a search tried, and where half of the runs hold.

use crate::record::show::number;
use crate::record::{RecordDocument, SearchRecord};
use crate::scenario::SearchUnit;

use super::super::svg::{Axis, Band, BandKind, Chart, LabelAt, Mark, Scale, Series, Style};

/// The colour of intervals: grey, behind what was counted.
const GREY: usize = 7;

/// `None` without a search, or before its first trial.
pub fn chart(document: &RecordDocument) -> Option<Chart> {
    let search = document.search.as_ref()?;
    let (first, last) = (search.points.first()?, search.points.last()?);
    let share = |held: u32, runs: u32| (runs > 0).then(|| f64::from(held) / f64::from(runs));
    let intervals = search.points.iter().flat_map(|point| {
        let ends = point.low.zip(point.high);
        let ends = ends.map(|(low, high)| [(point.value, Some(low)), (point.value, Some(high))]);
        ends.into_iter().flatten()
    });
    let shares = search
        .points
        .iter()
        .map(|point| (point.value, share(point.held, point.runs)));
    // Some room on both sides, so that nothing is drawn on the edge.
    let room = ((last.value - first.value) * 0.05).max(f64::MIN_POSITIVE);
    let (min, max) = (first.value - room, last.value + room);
    let half = Series {
        name: "half of the runs".to_owned(),
        style: Style::Reference,
        points: vec![(min, Some(0.5)), (max, Some(0.5))],
    };
    Some(Chart {
        slug: "search".to_owned(),
        title: format!("How often it holds, by {}", search.key),
        description: format!(
            "The share of runs in which {} holds at each value of {}, with 95 % intervals, and where the share passes one half.",
            search.until, search.key
        ),
        x: Axis {
            label: match search.unit {
                SearchUnit::Seconds => format!("{}, seconds", search.key),
                SearchUnit::Number => search.key.clone(),
            },
            scale: Scale::Linear,
            min,
            max,
            ticks: search.points.iter().map(|point| point.value).collect(),
            format: number,
        },
        y: Axis {
            label: "share of runs".to_owned(),
            scale: Scale::Linear,
            // Room for the circles at both ends.
            min: -0.06,
            max: 1.06,
            ticks: vec![0.0, 0.25, 0.5, 0.75, 1.0],
            format: percent,
        },
        bands: band(search, min, max).into_iter().collect(),
        series: vec![
            Series {
                name: "95 % interval (Wilson)".to_owned(),
                style: Style::Interval(GREY),
                points: intervals.collect(),
            },
            Series {
                name: format!("share of {} runs that hold", search.runs),
                style: Style::DottedLine(0),
                points: shares.collect(),
            },
            half,
        ],
        marks: search
            .crossing
            .map(|crossing| Mark {
                x: crossing.value,
                y: 0.5,
                label: search.unit.show(crossing.value),
                // The curve leaves this corner free.
                at: if search.is_falling() {
                    LabelAt::Above
                } else {
                    LabelAt::Below
                },
            })
            .into_iter()
            .collect(),
        stacks: Vec::new(),
        note: format!(
            "Each circle is one value: in how many of its runs `{}` held. The crossing lies between the last value that is shown to be on one side of one half and the first that is shown to be on the other.",
            search.until
        ),
    })
}

fn band(search: &SearchRecord, min: f64, max: f64) -> Option<Band> {
    let crossing = search.crossing?;
    let end = |end: Option<f64>| end.map_or_else(|| "?".to_owned(), |end| search.unit.show(end));
    Some(Band {
        from: crossing.low.unwrap_or(min),
        to: crossing.high.unwrap_or(max),
        label: format!(
            "crossing between {} and {}",
            end(crossing.low),
            end(crossing.high)
        ),
        kind: BandKind::Interval,
    })
}

fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}
