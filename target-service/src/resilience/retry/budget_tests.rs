//! What a budget gets, pays and forgets.

use proptest::prelude::*;
use tokio::time::advance;

use super::*;
use crate::resilience::recorded::recorded;

const SECOND: Duration = Duration::from_secs(1);

fn config(ratio: f64, min_per_second: f64) -> Config {
    Config {
        ratio,
        min_per_second,
        ..Config::default()
    }
}

/// How many retries are paid for now.
fn drain(budget: &Budget) -> u32 {
    let mut paid = 0;
    while let Some(token) = budget.withdraw() {
        token.spend();
        paid += 1;
    }
    paid
}

#[tokio::test(start_paused = true)]
async fn ten_successes_pay_for_two_retries() {
    let (budget, shown) = recorded(|| Budget::new("gateway", config(0.2, 0.0)));
    assert_eq!(drain(&budget), 0);
    for _ in 0..10 {
        budget.deposit();
    }
    assert_eq!(
        shown.value("target_retry_budget_tokens{name=\"gateway\"}"),
        2
    );
    assert_eq!(drain(&budget), 2);
    let refused = shown.value("target_retry_budget_exhausted_total{name=\"gateway\"}");
    assert_eq!(refused, 2);
}

#[tokio::test(start_paused = true)]
async fn low_rates_can_retry_from_the_reserve() {
    let budget = Budget::new("gateway", config(0.2, 10.0));
    assert_eq!(drain(&budget), 10);
    advance(SECOND / 2).await;
    assert_eq!(drain(&budget), 5);
    advance(60 * SECOND).await;
    assert_eq!(drain(&budget), 10);

    let one_in_two_seconds = Budget::new("gateway", config(0.0, 0.5));
    assert_eq!(drain(&one_in_two_seconds), 1);
    advance(2 * SECOND).await;
    assert_eq!(drain(&one_in_two_seconds), 1);
}

#[tokio::test(start_paused = true)]
async fn parts_of_a_token_in_both_places_make_a_whole_one() {
    let budget = Budget::new("gateway", config(0.5, 1.0));
    assert_eq!(drain(&budget), 1);
    advance(SECOND / 2).await;
    assert_eq!(drain(&budget), 0);
    budget.deposit();
    assert_eq!(drain(&budget), 1);
}

#[tokio::test(start_paused = true)]
async fn deposits_are_lost_after_their_time() {
    let budget = Budget::new("gateway", config(1.0, 0.0));
    budget.deposit();
    advance(5 * SECOND).await;
    budget.deposit();
    advance(5 * SECOND).await;
    assert_eq!(drain(&budget), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_not_made_is_not_paid_for() {
    let budget = Budget::new("gateway", config(1.0, 0.0));
    budget.deposit();
    drop(budget.withdraw());
    assert_eq!(drain(&budget), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_keeps_what_is_saved_and_off_pays_for_everything() {
    let budget = Budget::new("gateway", config(1.0, 0.0));
    for _ in 0..3 {
        budget.deposit();
    }
    let off = Config {
        enabled: false,
        ..config(1.0, 0.0)
    };
    budget.apply(off);
    for _ in 0..100 {
        budget.withdraw().unwrap().spend();
    }
    budget.apply(Config {
        ttl: 60 * SECOND,
        ..config(0.1, 0.0)
    });
    assert_eq!(drain(&budget), 3);
}

#[derive(Debug, Clone)]
enum Step {
    Succeed,
    Retry { leave: bool },
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Succeed),
        3 => any::<bool>().prop_map(|leave| Step::Retry { leave }),
        1 => (1_u64..5_000).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn it_never_pays_more_than_it_got_plus_the_minimum(
        ratio in 0.0..2.0_f64, min_per_second in 0.0..20.0_f64,
        steps in prop::collection::vec(step(), 1..400),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (paid, most) = runtime.block_on(async {
            let began = Instant::now();
            let budget = Budget::new("gateway", config(ratio, min_per_second));
            let (mut paid, mut successes) = (0_u32, 0_u32);
            for step in steps {
                match step {
                    Step::Succeed => {
                        budget.deposit();
                        successes += 1;
                    }
                    Step::Retry { leave } => match budget.withdraw() {
                        Some(token) if !leave => {
                            token.spend();
                            paid += 1;
                        }
                        _ => {}
                    },
                    Step::Wait(ms) => advance(Duration::from_millis(ms)).await,
                }
            }
            let reserve = min_per_second * began.elapsed().as_secs_f64() + min_per_second.max(1.0);
            (paid, ratio * f64::from(successes) + reserve)
        });
        prop_assert!(f64::from(paid) <= most + 0.001, "{paid} of {most}");
    }
}
