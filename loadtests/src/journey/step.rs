//! Carries out one step: attempts, their timeouts and retries, within the arrival's deadline.

use std::time::Duration;

use goose::goose::{GooseUser, TransactionError};
use tokio::time::{Instant, sleep, timeout_at};

use crate::measure::{Nanos, Outcome, nanos};
use crate::scenario::Keys;

use super::arrival::{self, ArrivalMarks};
use super::http::{ExchangeFailure, Incoming, Outgoing};
use super::request::{Answer, Request};
use super::retry::Retries;
use super::run_context::RunContext;

/// Sends a request as a step of the arrival in hand, with the scenario's attempt timeout and
/// retries, and waits for the whole answer. The arrival fails with the first of its steps that fails.
///
/// # Errors
/// When no attempt brought an accepted answer: `?` ends the transaction, as it does with goose's
/// own requests.
pub async fn step(user: &mut GooseUser, request: Request) -> Result<Answer, Box<TransactionError>> {
    if !arrival::in_hand() {
        return Err(Box::new(failed(
            "squall::step works only in a journey that squall runs".into(),
        )));
    }
    step_checked(user, request, |_| Some(()))
        .await
        .map(|(answer, ())| answer)
}

/// As [`step`], but an answer in which `read` does not find what it looks for is a failure.
pub(super) async fn step_checked<T>(
    user: &mut GooseUser,
    request: Request,
    read: impl FnOnce(&Answer) -> Option<T>,
) -> Result<(Answer, T), Box<TransactionError>> {
    step_heard(user, request, read, |_| ()).await
}

/// As [`step_checked`]; `heard` gets every answer, accepted or not, and before each attempt `None`.
pub(super) async fn step_heard<T>(
    user: &mut GooseUser,
    request: Request,
    read: impl FnOnce(&Answer) -> Option<T>,
    heard: impl FnMut(Option<&Answer>),
) -> Result<(Answer, T), Box<TransactionError>> {
    let run = arrival::run();
    let number = run.steps.number(&request.shown_name());
    let begun = arrival::begin_step(number, run.clock.now());
    let tried = attempts(&run, &request, heard).await;
    let is_final = tried.is_ok() || !request.is_poll;
    let tried = tried.and_then(|answer| {
        read(&answer)
            .map(|found| (answer, found))
            .ok_or(Outcome::Unexpected)
    });
    let outcome = tried
        .as_ref()
        .map_or_else(|outcome| *outcome, |_| Outcome::Ok);
    let ended = if outcome.is_failure() {
        run.clock.now()
    } else {
        arrival::answered()
    };
    arrival::record_step(number, outcome, begun, ended, is_final);
    if run.live {
        let status = tried.as_ref().ok().map(|(answer, _)| answer.status());
        show_live(user, &request, &run, begun, (status, outcome)).await;
    }
    tried.map_err(|outcome| {
        let name = request.shown_name();
        Box::new(failed(format!("{name}: {}", outcome.label())))
    })
}

async fn attempts(
    run: &RunContext,
    request: &Request,
    mut heard: impl FnMut(Option<&Answer>),
) -> Result<Answer, Outcome> {
    let mut retries = Retries::new(&run.retry, request.passing);
    if let Some(budget) = run.budget.as_ref().filter(|_| !request.is_poll) {
        budget.earn(run.clock.now());
    }
    let mut renewals = 0;
    loop {
        heard(None);
        let answered = attempt(run, &request.renewed(renewals)).await.map(Answer);
        heard(answered.as_ref().ok());
        let failure = match &answered {
            Ok(answer) if request.accepts(answer.status()) => return answered,
            Ok(answer) => Outcome::Status(answer.status()),
            Err(failure) => *failure,
        };
        if request.is_poll {
            return Err(failure);
        }
        if run.keys == Keys::PerAttempt || is_spent(request, answered.as_ref().ok()) {
            renewals += 1;
        }
        let pause = arrival::draw(|rng| retries.next(failure, rng)).ok_or(failure)?;
        // A retry that cannot begin before the deadline is none.
        if run.clock.now() + nanos(pause) >= arrival::deadline() || !run.may_retry() {
            return Err(failure);
        }
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
}

/// Whether the answer says that nothing can be had under the request's key any more.
fn is_spent(request: &Request, answer: Option<&Answer>) -> bool {
    let spent_by = request.key.as_ref().and_then(|key| key.spent_by);
    spent_by.is_some_and(|code| answer.and_then(Answer::problem).as_deref() == Some(code))
}

async fn attempt(run: &RunContext, request: &Request) -> Result<Incoming, Outcome> {
    arrival::count_attempt();
    let outgoing = Outgoing {
        method: &request.method,
        path: &request.path,
        headers: &request.headers,
        body: request.body.as_deref(),
        keep: request.keep,
    };
    let mut client = arrival::take_client();
    let exchange = client.exchange(outgoing, &ArrivalMarks);
    let ended = match own_limit(run) {
        None => Some(exchange.await),
        Some(limit) => timeout_at(limit, exchange).await.ok(),
    };
    if ended.is_none() {
        client.disconnect();
    }
    arrival::return_client(client);
    match ended {
        None => Err(Outcome::Timeout),
        Some(Ok(answer)) => Ok(answer),
        Some(Err(ExchangeFailure::Failed(outcome))) => Err(outcome),
        Some(Err(ExchangeFailure::BadRequest)) => Err(Outcome::Journey),
        Some(Err(ExchangeFailure::Exhausted(resource))) => {
            run.ran_out_of(resource);
            arrival::note_exhausted();
            Err(Outcome::Connect)
        }
    }
}

/// When this attempt is given up; `None` when the arrival's deadline, which is watched anyway,
/// comes first: a timer less on every request of most scenarios.
fn own_limit(run: &RunContext) -> Option<Instant> {
    let limit = run.clock.now().saturating_add(nanos(run.attempt_timeout));
    (limit < arrival::deadline()).then(|| run.clock.instant(limit).into())
}

/// Hands the step to goose's own statistics, timed from its intended moment.
async fn show_live(
    user: &mut GooseUser,
    request: &Request,
    run: &RunContext,
    begun: Nanos,
    (answered, outcome): (Option<u16>, Outcome),
) {
    let took = Duration::from_nanos(run.clock.now().saturating_sub(begun));
    let name = request.shown_name();
    let bare = name
        .strip_prefix(request.method.as_str())
        .map_or(&*name, str::trim_start);
    let status = if let Outcome::Status(refused) = outcome {
        Some(refused)
    } else {
        answered
    };
    let error = outcome.is_failure().then(|| outcome.label());
    let method = request.method.as_str();
    // Goose refuses only empty names; the record does not depend on it.
    let _ = user
        .record_custom_request_duration(
            method,
            bare,
            took,
            error.is_none(),
            status,
            error.as_deref(),
        )
        .await;
}

fn failed(message: String) -> TransactionError {
    TransactionError::Custom(message)
}
