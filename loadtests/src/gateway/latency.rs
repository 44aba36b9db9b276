//! Draws how long a piece of work takes.

use std::time::Duration;

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::scenario::GatewayLatency;

/// Of the standard normal distribution: 99 % lies below it.
const Z_99: f64 = 2.326_347_874_040_841;
/// The longest tail is cut here.
const LONGEST: Duration = Duration::from_hours(1);

/// Log-normal where a median and a 99th percentile are given: their logarithms say where its centre
/// lies and how wide it is.
pub fn draw(latency: GatewayLatency, random: &mut impl Rng) -> Duration {
    match latency {
        GatewayLatency::Fixed(latency) => latency,
        GatewayLatency::Spread { median, p99 } => {
            let width = (p99.as_secs_f64() / median.as_secs_f64()).ln() / Z_99;
            let normal: f64 = StandardNormal.sample(random);
            let seconds = median.as_secs_f64() * (width * normal).exp();
            Duration::try_from_secs_f64(seconds).map_or(LONGEST, |drawn| drawn.min(LONGEST))
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn sorted(latency: GatewayLatency, count: usize) -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut drawn: Vec<f64> = (0..count)
            .map(|_| draw(latency, &mut random).as_secs_f64() * 1e3)
            .collect();
        drawn.sort_by(f64::total_cmp);
        drawn
    }

    #[test]
    fn the_median_and_the_99th_percentile_are_those_that_were_asked_for() {
        let drawn = sorted(
            GatewayLatency::Spread {
                median: Duration::from_millis(50),
                p99: Duration::from_millis(300),
            },
            100_000,
        );
        let near = |drawn: f64, wanted: f64| (drawn / wanted - 1.0).abs() < 0.05;
        assert!(near(drawn[50_000], 50.0), "{}", drawn[50_000]);
        assert!(near(drawn[99_000], 300.0), "{}", drawn[99_000]);
        // Of a log-normal distribution with this median and this width.
        let mean = drawn.iter().sum::<f64>() / 1e5;
        assert!(near(mean, 67.3), "{mean}");
    }

    #[test]
    fn what_is_fixed_does_not_vary() {
        let drawn = sorted(GatewayLatency::Fixed(Duration::from_millis(20)), 100);
        assert!(drawn.iter().all(|drawn| (drawn - 20.0).abs() < 1e-9));
    }

    #[test]
    fn the_widest_spread_that_can_be_written_stays_a_duration() {
        let widest = GatewayLatency::Spread {
            median: Duration::from_nanos(1),
            p99: Duration::from_hours(1),
        };
        let drawn = sorted(widest, 10_000);
        assert!(*drawn.last().unwrap() <= LONGEST.as_secs_f64() * 1e3);
    }
}
