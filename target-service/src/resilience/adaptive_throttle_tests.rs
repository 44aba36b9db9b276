//! The formula, what counts in it, and what it does to an overloaded dependency.

use tokio::time::advance;

use super::super::recorded::recorded;
use super::*;

const SECOND: Duration = Duration::from_secs(1);
/// Always let through, as long as the probability is less than 1, which it always is.
const LUCKY: f64 = 0.999_999;

fn on() -> Config {
    Config {
        enabled: true,
        ..Config::default()
    }
}

fn throttle() -> AdaptiveThrottle {
    AdaptiveThrottle::new("gateway", on())
}

fn probability(throttle: &AdaptiveThrottle) -> f64 {
    throttle.probability(&mut throttle.state(), Instant::now())
}

fn assert_probability(throttle: &AdaptiveThrottle, expected: f64) {
    let probability = probability(throttle);
    assert!((probability - expected).abs() < 1e-12, "{probability}");
}

fn make(throttle: &AdaptiveThrottle, accepted: u32, refused: u32) {
    for _ in 0..accepted {
        throttle.admit_by(LUCKY).unwrap().accepted();
    }
    for _ in 0..refused {
        throttle.admit_by(LUCKY).unwrap().refused();
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_refused_while_half_of_the_requests_are_accepted() {
    let throttle = throttle();
    make(&throttle, 50, 50);
    for _ in 0..100 {
        drop(throttle.admit_by(0.0).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn the_probability_is_that_of_the_formula() {
    let throttle = throttle();
    make(&throttle, 10, 90);
    // (100 - 2 x 10) / 101
    assert_probability(&throttle, 80.0 / 101.0);
    assert!(throttle.admit_by(0.79).is_err());
    // Refused here, and therefore one request more: (101 - 20) / 102
    assert_probability(&throttle, 81.0 / 102.0);
    assert!(throttle.admit_by(0.80).is_ok());
}

#[tokio::test(start_paused = true)]
async fn calls_refused_here_count_as_requests_and_are_shown() {
    let (throttle, shown) = recorded(throttle);
    make(&throttle, 0, 1);
    for _ in 0..9 {
        assert!(throttle.admit_by(0.0).is_err());
    }
    assert_probability(&throttle, 10.0 / 11.0);
    let calls = |outcome: &str| {
        shown.value(&format!(
            "target_adaptive_throttle_calls_total{{name=\"gateway\",outcome=\"{outcome}\"}}"
        ))
    };
    assert_eq!((calls("refused"), calls("throttled")), (1, 9));
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_outcome_counts_as_nothing() {
    let throttle = throttle();
    for _ in 0..100 {
        drop(throttle.admit_by(LUCKY).unwrap());
    }
    assert_probability(&throttle, 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_bad_time_is_forgotten() {
    let throttle = throttle();
    make(&throttle, 0, 100);
    advance(60 * SECOND).await;
    assert!(throttle.admit_by(0.5).is_err());
    advance(120 * SECOND).await;
    assert!(throttle.admit_by(0.0).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_change_keeps_what_was_counted() {
    let throttle = throttle();
    make(&throttle, 40, 60);
    assert_probability(&throttle, 20.0 / 101.0);
    throttle.apply(Config {
        multiplier: 1.0,
        window: 10 * SECOND,
        ..on()
    });
    assert_probability(&throttle, 60.0 / 101.0);
    throttle.apply(Config {
        enabled: false,
        ..Config::default()
    });
    assert!(throttle.admit_by(0.0).is_ok());
}

/// A dependency that accepts 10 of 100 calls per round: what reaches it settles near K times what it
/// accepts, as the book promises.
#[tokio::test(start_paused = true)]
async fn an_overloaded_dependency_is_sent_about_k_times_what_it_accepts() {
    let throttle = throttle();
    let (mut sent_late, mut draw) = (0, 0.5_f64);
    for round in 0..240 {
        let mut room = 10;
        for _ in 0..100 {
            // Draws spread evenly, without chance in the test: multiples of the golden ratio.
            draw = (draw + 0.618_033_988_75) % 1.0;
            if let Ok(attempted) = throttle.admit_by(draw) {
                sent_late += u32::from(round >= 120);
                if room > 0 {
                    room -= 1;
                    attempted.accepted();
                } else {
                    attempted.refused();
                }
            }
        }
        advance(SECOND).await;
    }
    let per_round = f64::from(sent_late) / 120.0;
    assert!((19.0..22.0).contains(&per_round), "{per_round}");
}
