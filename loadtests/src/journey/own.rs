//! People's own goose transactions, unchanged.
//!
//! Each arrival gets a goose user of its own, so that session data and cookies end with it. That
//! user's metrics come to us instead of to goose: from them we know which of its requests failed.
//! Requests that goose sends are timed as goose times them, to the headers and within a
//! millisecond; the arrival as a whole is timed exactly, to the end of its transactions.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction, TransactionResult};
use goose::metrics::{GooseMetric, GooseRequestMetric};
use rand::RngExt;

use crate::measure::{Nanos, Outcome};

use super::arrival::{self, ArrivalMarks};
use super::error::JourneyError;
use super::http::Marks as _;

/// What one arrival does: the transactions of a goose scenario, in goose's order.
pub(super) struct OwnJourney {
    transactions: Vec<TransactionFunction>,
    /// Thinking time between two of them.
    wait: Option<(Duration, Duration)>,
}

/// Forces goose to hand over the request that it holds back; never reported.
const FLUSH: &str = "squall-flush";

impl OwnJourney {
    pub(super) fn transaction(transaction: &Transaction) -> Self {
        Self {
            transactions: vec![Arc::clone(&transaction.function)],
            wait: None,
        }
    }

    /// One pass: what is set to run on start, the transactions by sequence, what is set to run on stop.
    /// A transaction with a weight runs as often as goose would run it in one pass.
    pub(super) fn scenario(scenario: &Scenario) -> Result<Self, JourneyError> {
        let common = scenario
            .transactions
            .iter()
            .map(|transaction| transaction.weight)
            .fold(0, gcd)
            .max(1);
        let part = |wanted: fn(&Transaction) -> bool| {
            let mut chosen: Vec<&Transaction> = scenario
                .transactions
                .iter()
                .filter(|one| wanted(one))
                .collect();
            // Those without a sequence (0) come last, as in goose.
            chosen.sort_by_key(|transaction| transaction.sequence.wrapping_sub(1));
            chosen
        };
        let on_start = part(|transaction| transaction.on_start);
        let main = part(|transaction| !transaction.on_start && !transaction.on_stop);
        let on_stop = part(|transaction| transaction.on_stop);
        let transactions: Vec<TransactionFunction> = on_start
            .into_iter()
            .chain(main)
            .chain(on_stop)
            .flat_map(|transaction| {
                std::iter::repeat_n(
                    Arc::clone(&transaction.function),
                    transaction.weight / common,
                )
            })
            .collect();
        if transactions.is_empty() {
            return Err(JourneyError::EmptyScenario(scenario.name.to_string()));
        }
        Ok(Self {
            transactions,
            wait: scenario.transaction_wait,
        })
    }

    /// As one transaction that the pump can call.
    pub(super) fn into_function(self) -> TransactionFunction {
        let journey = Arc::new(self);
        Arc::new(move |user| {
            let journey = Arc::clone(&journey);
            Box::pin(async move { journey.carry_out(user).await })
                as BoxFuture<'_, TransactionResult>
        })
    }

    async fn carry_out(&self, host: &GooseUser) -> TransactionResult {
        let (mut user, metrics) = fresh_user(host)?;
        // Goose does not tell when it sends: it may do so from here on.
        ArrivalMarks.sent();
        let mut requests = Requests {
            metrics,
            latest: None,
            user_made: arrival::run().clock.now(),
        };
        let mut result = Ok(());
        for (place, transaction) in self.transactions.iter().enumerate() {
            if place > 0 {
                self.think().await;
            }
            result = transaction(&mut user).await;
            requests.flush(&mut user).await;
            if result.is_err() {
                break;
            }
        }
        requests.settle();
        if result.is_ok() {
            ArrivalMarks.last_byte();
        }
        result
    }

    async fn think(&self) {
        if let Some((least, most)) = self.wait {
            let share: f64 = arrival::draw(RngExt::random);
            tokio::time::sleep(least + most.saturating_sub(least).mul_f64(share)).await;
        }
    }
}

fn fresh_user(host: &GooseUser) -> Result<(GooseUser, flume::Receiver<GooseMetric>), String> {
    let client = arrival::run().goose_client.clone();
    let base_url = host.base_url.clone();
    let mut config = host.config.clone();
    config.no_metrics = false;
    let mut user = GooseUser::new(0, "squall".into(), base_url, &config, 0, Some(client))
        .map_err(|error| format!("goose made no user: {error}"))?;
    let (sender, metrics) = flume::unbounded();
    user.metrics_channel = Some(sender);
    user.weighted_users_index = host.weighted_users_index;
    Ok((user, metrics))
}

/// The requests that goose reports of one arrival.
struct Requests {
    metrics: flume::Receiver<GooseMetric>,
    /// A later message may still turn it into a failure, or a failure into a success.
    latest: Option<GooseRequestMetric>,
    /// Goose counts from here.
    user_made: Nanos,
}

impl Requests {
    async fn flush(&mut self, user: &mut GooseUser) {
        // Fails only for empty names.
        let _ = user
            .record_custom_request_duration("GET", FLUSH, Duration::ZERO, true, None, None)
            .await;
        while let Ok(metric) = self.metrics.try_recv() {
            if let GooseMetric::Request(request) = metric {
                self.take(*request);
            }
        }
    }

    fn take(&mut self, request: GooseRequestMetric) {
        if &*request.name == FLUSH {
            return;
        }
        if !request.update {
            self.settle();
            arrival::count_attempt();
        }
        self.latest = Some(request);
    }

    /// The latest request is what it is.
    fn settle(&mut self) {
        let Some(request) = self.latest.take() else {
            return;
        };
        let name = format!("{} {}", request.raw.method_label(), request.name);
        let begun = self.user_made + request.elapsed * 1_000_000;
        let ended = begun + request.response_time_micros() * 1_000;
        let step = arrival::run().steps.number(&name);
        let begun = arrival::begin_step(step, begun);
        arrival::record_step(step, outcome(&request), begun, ended, true);
    }
}

/// Goose keeps of an error only its text.
fn outcome(request: &GooseRequestMetric) -> Outcome {
    match request.status_code {
        _ if request.success => Outcome::Ok,
        0 if request.error.contains("timed out") => Outcome::Timeout,
        0 if request.error.contains("onnect") => Outcome::Connect,
        0 => Outcome::Reset,
        status if status < 400 => Outcome::Unexpected,
        status => Outcome::Status(status),
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
