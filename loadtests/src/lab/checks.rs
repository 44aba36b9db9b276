//! What is checked of a trial after its load: its payments, where there is a gateway, whether everybody was
//! told of what has happened, and the service's books.

use std::collections::BTreeMap;
use std::mem;
use std::time::Instant;

use super::books::BooksCheck;
use super::deliveries::DeliveryCheck;
use super::payments::PaymentCheck;
use crate::engine::LoadMeasurements;
use crate::environment::Lab;
use crate::record::{DeliveryCounts, Event, Finding, Tally, Told};
use crate::scenario::{Trial, Violation};

/// How things stood before the trial, in servers that may have seen others.
pub(super) struct Checks<'a> {
    payments: Option<PaymentCheck<'a>>,
    deliveries: DeliveryCheck,
    books: BooksCheck,
}

/// What clients were told.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Of their payments; `None`: there is no gateway.
    payments: Option<Vec<Told>>,
    /// The addresses of those who are registered.
    registered: Vec<String>,
}

impl Heard {
    pub(super) fn take_from(load: &mut LoadMeasurements) -> Self {
        Self {
            payments: load.told.take(),
            registered: mem::take(&mut load.registered),
        }
    }
}

/// What the checks came to.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// `None`: nothing could be checked, or there is nothing to check.
    pub(super) violations: Option<BTreeMap<Violation, u64>>,
    pub(super) findings: Vec<Finding>,
    /// How many arrivals tried to pay; `None`: their payments were not compared.
    pub(super) tried: Option<u64>,
    /// What the books hold since the load began; `None`: nothing, or they were not read.
    pub(super) tally: Option<Tally>,
    /// When nothing was open any more, if that was seen.
    pub(super) healed: Option<Event>,
    /// `None`: nobody was to be told of anything, or that could not be checked.
    pub(super) deliveries: Option<DeliveryCounts>,
    /// When everybody had been told, if that was seen.
    pub(super) delivered: Option<Event>,
}

impl Checked {
    /// Something could not be checked, which nobody should take for fine.
    pub(super) fn undone(code: &str, reason: &dyn std::error::Error) -> Self {
        Self {
            findings: vec![Finding {
                code: code.to_owned(),
                detail: reason.to_string(),
                fails: true,
            }],
            ..Self::default()
        }
    }

    fn and(mut self, other: Self) -> Self {
        if let Some(counts) = other.violations {
            self.violations.get_or_insert_default().extend(counts);
        }
        self.findings.extend(other.findings);
        self.tried = self.tried.or(other.tried);
        self.tally = self.tally.or(other.tally);
        self.healed = self.healed.or(other.healed);
        self.deliveries = self.deliveries.or(other.deliveries);
        self.delivered = self.delivered.or(other.delivered);
        self
    }
}

impl<'a> Checks<'a> {
    /// To be called before the load.
    pub(super) async fn prepare(lab: &'a Lab) -> Self {
        Self {
            payments: PaymentCheck::prepare(lab).await,
            deliveries: DeliveryCheck::prepare(lab).await,
            books: BooksCheck::prepare(lab).await,
        }
    }

    /// `zero` is the start of the timeline. The payments first: they may have to heal, and move points, and
    /// their orders' outcomes are to be told.
    pub(super) async fn compare(self, trial: &Trial, heard: Heard, zero: Instant) -> Checked {
        let payments = match self.payments.zip(heard.payments) {
            Some((payments, told)) => payments.compare(trial, told, zero).await,
            None => Checked::default(),
        };
        let deliveries = self.deliveries.compare(trial, heard.registered, zero).await;
        payments
            .and(deliveries)
            .and(self.books.compare(trial).await)
    }
}
