//! The samples of one second of the timeline, folded: two digits are enough for a chart.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::record::SecondRecord;

use super::clock::Nanos;
use super::phase_fold::ranked_response;
use super::sample::{ArrivalSample, Outcome};

const DIGITS: u8 = 2;

pub(super) struct SecondFold {
    offered: u64,
    ok: u64,
    failed: u64,
    unsent: u64,
    attempts: u64,
    response: Histogram<u32>,
}

impl SecondFold {
    pub(super) fn new() -> Self {
        let response =
            Histogram::new(DIGITS).expect("2 significant digits are within the library's 0 to 5");
        Self {
            offered: 0,
            ok: 0,
            failed: 0,
            unsent: 0,
            attempts: 0,
            response,
        }
    }

    pub(super) fn add(&mut self, sample: &ArrivalSample, deadline: Nanos) {
        self.offered += 1;
        self.attempts += u64::from(sample.attempts);
        match sample.outcome {
            Outcome::Ok => self.ok += 1,
            Outcome::Unsent => self.unsent += 1,
            _ => self.failed += 1,
        }
        let response = ranked_response(sample, deadline) / 1_000;
        self.response
            .record(response)
            .expect("a histogram without bounds grows with its values");
    }

    pub(super) fn finish(&self, second: u32) -> SecondRecord {
        let at = |quantile| {
            (!self.response.is_empty())
                .then(|| self.response.value_at_quantile(quantile) as f64 / 1e3)
        };
        SecondRecord {
            second,
            offered: self.offered,
            ok: self.ok,
            failed: self.failed,
            unsent: self.unsent,
            attempts: self.attempts,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            server: BTreeMap::new(),
        }
    }
}
