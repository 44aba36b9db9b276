//! One piece of work: it waits for a place, takes its time, and then happens or fails.
//!
//! It runs apart from the connection that asked for it, so that a caller who goes away does not
//! stop it (unless the behaviour says so). What it does happens at its end, in one step: work that
//! is stopped has done nothing.

use std::sync::Arc;

use rand::RngExt;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::latency;
use super::meters::Outcome;
use super::provider::Provider;
use crate::scenario::GatewayBehaviour;

/// Why there is no result. Nothing has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    RateLimited,
    Internal,
}

enum End<T> {
    Answered(T),
    /// It has happened, and nobody is told.
    Lost,
    Failed,
}

/// Does the work; dropping the future is how its caller goes away. `happen` is told the behaviour
/// at the work's end, and returns the outcome to be counted with its result.
pub async fn perform<T: Send + 'static>(
    provider: &Arc<Provider>,
    happen: impl FnOnce(&Provider, &GatewayBehaviour) -> (Outcome, T) + Send + 'static,
) -> Result<T, Failure> {
    let rate_limit = provider.behaviour.now().rate_limit;
    if !provider.rate_limit.accepts(rate_limit, Instant::now()) {
        provider.meters.count(Outcome::RateLimited);
        return Err(Failure::RateLimited);
    }
    let gone = CancellationToken::new();
    let _caller = gone.clone().drop_guard();
    let work = tokio::spawn({
        let provider = Arc::clone(provider);
        async move {
            tokio::select! {
                end = work(&provider, happen) => end,
                () = given_up(&provider, &gone) => {
                    provider.meters.count(Outcome::Abandoned);
                    End::Failed
                }
            }
        }
    });
    let end = work.await.unwrap_or(End::Failed);
    match end {
        End::Answered(result) => Ok(result),
        End::Failed => Err(Failure::Internal),
        End::Lost => std::future::pending().await,
    }
}

async fn work<T>(
    provider: &Provider,
    happen: impl FnOnce(&Provider, &GatewayBehaviour) -> (Outcome, T),
) -> End<T> {
    let _place = provider.behaviour.places().take().await;
    // Drawn now and not on arrival: a change holds for what has been waiting, too.
    let takes = latency::draw(provider.behaviour.now().latency, &mut rand::rng());
    if !takes.is_zero() {
        sleep(takes).await;
    }
    let behaviour = provider.behaviour.now();
    if chance(behaviour.error_share) {
        provider.meters.count(Outcome::Error);
        return End::Failed;
    }
    let (outcome, result) = happen(provider, &behaviour);
    provider.meters.count(outcome);
    if chance(behaviour.answer_lost_share) {
        provider.meters.count_lost_answer();
        return End::Lost;
    }
    End::Answered(result)
}

/// Returns when the caller has gone and that ends the work.
async fn given_up(provider: &Provider, gone: &CancellationToken) {
    gone.cancelled().await;
    provider.behaviour.cancels_abandoned().await;
}

pub fn chance(share: f64) -> bool {
    // Most of the time there is nothing to draw for.
    share > 0.0 && rand::rng().random_bool(share.min(1.0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::scenario::{Abandoned, GatewayLatency};

    const WORK: Duration = Duration::from_secs(2);

    fn provider() -> Arc<Provider> {
        Arc::new(Provider::new(GatewayBehaviour {
            latency: GatewayLatency::Fixed(WORK),
            capacity: 1,
            ..GatewayBehaviour::default()
        }))
    }

    /// Pieces of work that cancel the orders 0, 1, 2, ..., as a sign that they have happened.
    async fn begin(provider: &Arc<Provider>, count: usize) -> Vec<JoinHandle<Result<(), Failure>>> {
        let mut work = Vec::new();
        for order in 0..count {
            let provider = Arc::clone(provider);
            let happen = move |provider: &Provider, _: &GatewayBehaviour| {
                provider.ledger.cancel(&order.to_string());
                (Outcome::TakenBack, ())
            };
            work.push(tokio::spawn(
                async move { perform(&provider, happen).await },
            ));
            sleep(Duration::from_millis(1)).await;
        }
        work
    }

    fn has_happened(provider: &Provider, order: usize) -> bool {
        provider.ledger.order(&order.to_string()).is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn work_whose_caller_goes_is_done_nevertheless_and_in_its_turn() {
        let provider = provider();
        let work = begin(&provider, 3).await;
        work[0].abort();
        work[1].abort();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(provider.behaviour.places().waiting(), 2);
        let mut work = work.into_iter();
        assert_eq!(work.next_back().unwrap().await.unwrap(), Ok(()));
        assert!((0..3).all(|order| has_happened(&provider, order)));
    }

    #[tokio::test(start_paused = true)]
    async fn where_abandoned_work_ends_its_place_is_free_for_the_next() {
        let provider = provider();
        let zero = Instant::now();
        let work = begin(&provider, 3).await;
        work[0].abort();
        work[1].abort();
        sleep(WORK / 2).await;
        assert!(!has_happened(&provider, 0));
        // Also for those who had gone before.
        let change = json!({ "abandoned": Abandoned::Cancel });
        provider.behaviour.change(change).unwrap();
        let last = work.into_iter().next_back().unwrap();
        assert_eq!(last.await.unwrap(), Ok(()));
        // The first has ended in its middle, the second has never begun.
        let took = zero.elapsed();
        assert!(took >= WORK * 3 / 2 && took < WORK * 2, "{took:?}");
        assert!(!has_happened(&provider, 0) && !has_happened(&provider, 1));
        assert!(has_happened(&provider, 2));
        let metrics = provider.metrics();
        assert!(metrics.contains("outcome=\"abandoned\"} 2\n"), "{metrics}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_the_latency_holds_for_what_waits() {
        let provider = provider();
        let zero = Instant::now();
        let work = begin(&provider, 3).await;
        let change = json!({ "latency": { "fixed": "0s" } });
        provider.behaviour.change(change).unwrap();
        for one in work {
            one.await.unwrap().unwrap();
        }
        // What had begun takes the time that it was given.
        assert!(zero.elapsed() >= WORK && zero.elapsed() < WORK + WORK / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_takes_the_time_of_work_and_does_nothing() {
        let provider = provider();
        let change = json!({ "error_share": 1.0 });
        provider.behaviour.change(change).unwrap();
        let zero = Instant::now();
        let work = begin(&provider, 1).await.remove(0);
        assert_eq!(work.await.unwrap(), Err(Failure::Internal));
        assert!(zero.elapsed() >= WORK);
        assert!(!has_happened(&provider, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_work_that_was_done() {
        let provider = provider();
        let change = json!({ "answer_lost_share": 1.0 });
        provider.behaviour.change(change).unwrap();
        let work = begin(&provider, 2).await;
        sleep(10 * WORK).await;
        assert!(work.iter().all(|work| !work.is_finished()));
        assert!(has_happened(&provider, 0) && has_happened(&provider, 1));
        assert_eq!(provider.behaviour.places().in_work(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_the_rate_work_is_refused_before_it_waits() {
        let provider = provider();
        let change = json!({ "rate_limit": 1 });
        provider.behaviour.change(change).unwrap();
        let work = begin(&provider, 2).await;
        let mut ends = Vec::new();
        for one in work {
            ends.push(one.await.unwrap());
        }
        assert_eq!(ends, [Ok(()), Err(Failure::RateLimited)]);
    }
}
