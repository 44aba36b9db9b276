//! Rows of the table of figures that are read from the servers, by where they come from.

use super::{DatabaseReading, Figure, Fold, Part, RedisReading, Selector, Source, Unit};

pub(super) const fn histogram(
    name: &'static str,
    fold: Fold,
    metric: &'static str,
    doc: &'static str,
) -> Figure {
    let source = Source::Histogram(Selector {
        metric,
        labels: &[],
    });
    Figure {
        name,
        unit: Unit::Milliseconds,
        fold,
        source,
        doc,
    }
}

pub(super) const fn counter(name: &'static str, metric: &'static str, doc: &'static str) -> Figure {
    labelled_counter(name, metric, &[], doc)
}

pub(super) const fn labelled_counter(
    name: &'static str,
    metric: &'static str,
    labels: &'static [(&'static str, &'static str)],
    doc: &'static str,
) -> Figure {
    let source = Source::Counter(Selector { metric, labels });
    Figure {
        name,
        unit: Unit::Count,
        fold: Fold::Delta,
        source,
        doc,
    }
}

/// Of the time that requests spent in the service.
pub(super) const fn share(name: &'static str, part: &'static str, doc: &'static str) -> Figure {
    let whole = Selector {
        metric: "http_server_request_duration_seconds_sum",
        labels: &[],
    };
    let source = Source::Share {
        part: Selector {
            metric: part,
            labels: &[],
        },
        whole,
    };
    Figure {
        name,
        unit: Unit::Share,
        fold: Fold::Mean,
        source,
        doc,
    }
}

/// What a part of their time adds up to, over the number of all requests: so that the parts add up
/// to the mean time of a request, whether or not each request has each part. Every request has a
/// part of its own work.
pub(super) const fn per_request(
    name: &'static str,
    part: &'static [(&'static str, &'static str)],
    doc: &'static str,
) -> Figure {
    let source = Source::Share {
        part: Selector {
            metric: "target_request_time_seconds_sum",
            labels: part,
        },
        whole: Selector {
            metric: "target_request_time_seconds_count",
            labels: &[("part", "own")],
        },
    };
    Figure {
        name,
        unit: Unit::Milliseconds,
        fold: Fold::Mean,
        source,
        doc,
    }
}

pub(super) const fn gauge(
    name: &'static str,
    metric: &'static str,
    labels: &'static [(&'static str, &'static str)],
    doc: &'static str,
) -> Figure {
    let source = Source::Gauge(Selector { metric, labels });
    Figure {
        name,
        unit: Unit::Count,
        fold: Fold::Max,
        source,
        doc,
    }
}

pub(super) const fn database(
    name: &'static str,
    reading: DatabaseReading,
    doc: &'static str,
) -> Figure {
    Figure {
        name,
        unit: Unit::Count,
        fold: Fold::Delta,
        source: Source::Database(reading),
        doc,
    }
}

pub(super) const fn redis(name: &'static str, reading: RedisReading, doc: &'static str) -> Figure {
    Figure {
        name,
        unit: Unit::Count,
        fold: Fold::Delta,
        source: Source::Redis(reading),
        doc,
    }
}

pub(super) const fn cpu(name: &'static str, part: Part, doc: &'static str) -> Figure {
    Figure {
        name,
        unit: Unit::Seconds,
        fold: Fold::Delta,
        source: Source::Cpu(part),
        doc,
    }
}
