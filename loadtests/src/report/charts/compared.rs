//! Timelines that compare arms: one line per arm.

use crate::record::{ArmDocument, RecordDocument};

use super::super::svg::{Chart, Series, Style};
use super::over_time::{
    ATTEMPTS, GOODPUT, OFFERED, Reading, Timeline, latency_chart, over_rounds, rate_chart,
};

/// What is drawn whenever arms are compared, then what only some scenarios have.
pub fn charts(document: &RecordDocument) -> Vec<Chart> {
    let mut charts = vec![goodput(document), p99(document)];
    charts.extend(attempts(document));
    charts.extend(gateway_queue(document));
    charts
}

fn goodput(document: &RecordDocument) -> Chart {
    let mut series = arms_as_lines(document, GOODPUT);
    if let Some(first) = document.arms.iter().find(|arm| !arm.rounds.is_empty()) {
        let points = over_rounds(document, &first.name, OFFERED);
        series.insert(
            0,
            Series {
                name: "offered".to_owned(),
                style: Style::Reference,
                points,
            },
        );
    }
    let description =
        "Arrivals per second answered within their deadline, over time, one line per arm.";
    rate_chart(
        &Timeline::of_all(document),
        "goodput",
        "Goodput over time",
        description,
        series,
    )
}

fn p99(document: &RecordDocument) -> Chart {
    let series = arms_as_lines(document, |second| second.p99_ms);
    let description = "The 99th percentile of response times in each second, one line per arm, on a logarithmic scale.";
    latency_chart(
        &Timeline::of_all(document),
        "p99",
        "Response time p99 over time",
        description,
        series,
    )
}

/// `None` where nobody tries again.
fn attempts(document: &RecordDocument) -> Option<Chart> {
    let mut loads = document.arms.iter().filter_map(|arm| arm.load.as_ref());
    if loads.all(|load| load.retries == 0) {
        return None;
    }
    let description = "Attempts per second, first ones and retries, one line per arm.";
    Some(rate_chart(
        &Timeline::of_all(document),
        "attempts",
        "Attempts over time",
        description,
        arms_as_lines(document, ATTEMPTS),
    ))
}

/// `None` where nothing ever waited at the gateway.
fn gateway_queue(document: &RecordDocument) -> Option<Chart> {
    let series = arms_as_lines(document, |second| {
        second.server.get("gateway_waiting_max").copied().flatten()
    });
    let points = || series.iter().flat_map(|line| &line.points);
    if points().all(|(_, waiting)| waiting.is_none_or(|waiting| waiting == 0.0)) {
        return None;
    }
    let description = "Requests that wait for a place at the payment gateway, those of callers that have gone included, one line per arm.";
    let mut chart = rate_chart(
        &Timeline::of_all(document),
        "gateway-queue",
        "The queue at the payment gateway over time",
        description,
        series,
    );
    "requests".clone_into(&mut chart.y.label);
    Some(chart)
}

fn arms_as_lines(document: &RecordDocument, reading: Reading) -> Vec<Series> {
    let measured = document
        .arms
        .iter()
        .filter(|arm| !arm.rounds.is_empty())
        .enumerate();
    let line = |(number, arm): (usize, &ArmDocument)| Series {
        name: arm.name.clone(),
        style: Style::Line(number),
        points: over_rounds(document, &arm.name, reading),
    };
    measured.map(line).collect()
}
