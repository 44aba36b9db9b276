//! When arrivals come: a pure function of the phases, the arrival process and the seed.
//!
//! Arrivals are the points of a process of rate 1 (evenly spaced, or with exponential gaps), carried
//! over to the timeline by the inverse of the expected number of arrivals up to a moment. Ramps
//! and phase edges need no special case, and the process does not restart at an edge.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::Exp1;

use crate::scenario::{Arrivals, Phase};

/// One intended start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduledArrival {
    /// From 0, in order of time.
    pub seq: u64,
    /// From the start of the timeline.
    pub intended: Duration,
    pub phase: u16,
}

/// Arrivals nearer to a phase's end than this count, in expected arrivals, belong to the next:
/// sums of doubles are not exact.
const EDGE: f64 = 1e-6;

#[derive(Debug, Clone)]
pub struct Schedule {
    phases: Vec<Stretch>,
    at: usize,
    /// Expected arrivals before the phase at `at`.
    before: f64,
    /// The next point of the process of rate 1.
    next: f64,
    /// `None`: evenly spaced.
    gaps: Option<ChaCha8Rng>,
    seq: u64,
}

/// A phase, with its rate as a line.
#[derive(Debug, Clone)]
struct Stretch {
    start: f64,
    seconds: f64,
    from: f64,
    to: f64,
}

impl Schedule {
    pub fn new(phases: &[Phase], arrivals: Arrivals, seed: u64) -> Self {
        let mut start = 0.0;
        let stretches = phases.iter().map(|phase| {
            let seconds = phase.duration.as_secs_f64();
            let stretch = Stretch {
                start,
                seconds,
                from: phase.rate.from,
                to: phase.rate.to,
            };
            start += seconds;
            stretch
        });
        let gaps = match arrivals {
            Arrivals::Uniform => None,
            Arrivals::Poisson => Some(ChaCha8Rng::seed_from_u64(seed)),
        };
        let mut schedule = Self {
            phases: stretches.collect(),
            at: 0,
            before: 0.0,
            next: 0.0,
            gaps,
            seq: 0,
        };
        if schedule.gaps.is_some() {
            schedule.advance();
        }
        schedule
    }

    /// The rate at a moment of the timeline, per second.
    pub fn rate_at(phases: &[Phase], at: Duration) -> f64 {
        let mut left = at.as_secs_f64();
        for phase in phases {
            let seconds = phase.duration.as_secs_f64();
            if left < seconds {
                return phase.rate.from + (phase.rate.to - phase.rate.from) * left / seconds;
            }
            left -= seconds;
        }
        0.0
    }

    fn advance(&mut self) {
        self.next += match &mut self.gaps {
            None => 1.0,
            Some(rng) => rng.sample::<f64, _>(Exp1),
        };
    }
}

impl Iterator for Schedule {
    type Item = ScheduledArrival;

    fn next(&mut self) -> Option<ScheduledArrival> {
        loop {
            let stretch = self.phases.get(self.at)?;
            let expected = stretch.expected();
            let wanted = self.next - self.before;
            if wanted >= expected - EDGE {
                self.before += expected;
                self.at += 1;
                continue;
            }
            let intended =
                Duration::from_secs_f64(stretch.start + stretch.moment_of(wanted.max(0.0)));
            let arrival = ScheduledArrival {
                seq: self.seq,
                intended,
                phase: u16::try_from(self.at).unwrap_or(u16::MAX),
            };
            self.seq += 1;
            self.advance();
            return Some(arrival);
        }
    }
}

impl Stretch {
    fn expected(&self) -> f64 {
        f64::midpoint(self.from, self.to) * self.seconds
    }

    /// Where in the stretch the expected number of arrivals reaches `count`: the root of
    /// `from t + (to - from) t^2 / (2 seconds) = count`, in the form that stays exact for flat rates.
    fn moment_of(&self, count: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        let reached = (self.from * self.from + 2.0 * slope * count)
            .max(0.0)
            .sqrt();
        let moment = if count > 0.0 {
            2.0 * count / (self.from + reached)
        } else {
            0.0
        };
        moment.clamp(0.0, self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::Rate;

    fn phase(seconds: f64, from: f64, to: f64) -> Phase {
        Phase {
            name: "p".into(),
            duration: Duration::from_secs_f64(seconds),
            rate: Rate { from, to },
            warmup: false,
        }
    }

    fn any_phases() -> impl Strategy<Value = Vec<Phase>> {
        prop::collection::vec((0.05f64..5.0, 0.0f64..2000.0, 0.5f64..2000.0), 1..6).prop_map(
            |phases| {
                phases
                    .into_iter()
                    .map(|(seconds, from, to)| phase(seconds, from, to))
                    .collect()
            },
        )
    }

    fn expected(phases: &[Phase]) -> f64 {
        phases
            .iter()
            .map(|phase| {
                f64::midpoint(phase.rate.from, phase.rate.to) * phase.duration.as_secs_f64()
            })
            .sum()
    }

    proptest! {
        #[test]
        fn arrivals_come_in_order_within_their_phases(phases in any_phases(), seed: u64, poisson: bool) {
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Uniform };
            let mut edges = vec![Duration::ZERO];
            for phase in &phases {
                edges.push(edges[edges.len() - 1] + phase.duration);
            }
            let mut last = Duration::ZERO;
            for (seq, arrival) in (0..).zip(Schedule::new(&phases, arrivals, seed)) {
                prop_assert_eq!(arrival.seq, seq);
                prop_assert!(arrival.intended >= last);
                let phase = usize::from(arrival.phase);
                let slack = Duration::from_nanos(2);
                prop_assert!(arrival.intended + slack >= edges[phase] && arrival.intended <= edges[phase + 1] + slack);
                last = arrival.intended;
            }
        }

        #[test]
        fn as_many_come_as_the_rates_promise(phases in any_phases(), seed: u64) {
            let expected = expected(&phases);
            let uniform = Schedule::new(&phases, Arrivals::Uniform, seed).count() as f64;
            prop_assert!((uniform - expected).abs() <= 1.0, "{uniform} instead of {expected}");
            let poisson = Schedule::new(&phases, Arrivals::Poisson, seed).count() as f64;
            // Six standard deviations of a Poisson count.
            prop_assert!((poisson - expected).abs() <= 6.0 * expected.sqrt() + 6.0, "{poisson} instead of {expected}");
        }

        #[test]
        fn the_seed_alone_decides(phases in any_phases(), seed: u64) {
            let first: Vec<_> = Schedule::new(&phases, Arrivals::Poisson, seed).collect();
            let second: Vec<_> = Schedule::new(&phases, Arrivals::Poisson, seed).collect();
            prop_assert_eq!(first, second);
        }
    }

    #[test]
    fn a_flat_uniform_rate_is_exact() {
        let phases = [phase(1.5, 410.0, 410.0), phase(1.0, 4100.0, 4100.0)];
        let arrivals: Vec<_> = Schedule::new(&phases, Arrivals::Uniform, 0).collect();
        assert_eq!(
            arrivals.iter().filter(|arrival| arrival.phase == 0).count(),
            615
        );
        assert_eq!(arrivals.len(), 615 + 4100);
        for (at, arrival) in arrivals.iter().take(615).enumerate() {
            let error = arrival.intended.as_secs_f64() - at as f64 / 410.0;
            assert!(error.abs() < 1e-8, "arrival {at} is off by {error}");
        }
        assert_eq!(arrivals[615].intended, Duration::from_millis(1500));
    }

    #[test]
    fn a_ramp_from_zero_starts_slowly() {
        let arrivals: Vec<_> =
            Schedule::new(&[phase(10.0, 0.0, 100.0)], Arrivals::Uniform, 0).collect();
        assert_eq!(arrivals.len(), 500);
        let first_half = arrivals
            .iter()
            .filter(|arrival| arrival.intended < Duration::from_secs(5))
            .count();
        assert_eq!(first_half, 125);
    }

    #[test]
    fn poisson_gaps_vary_as_much_as_their_mean() {
        let times: Vec<f64> = Schedule::new(&[phase(100.0, 200.0, 200.0)], Arrivals::Poisson, 9)
            .map(|arrival| arrival.intended.as_secs_f64())
            .collect();
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let deviation =
            (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        assert!(
            (deviation / mean - 1.0).abs() < 0.05,
            "mean {mean}, deviation {deviation}"
        );
    }

    #[test]
    fn the_current_rate_follows_the_ramp() {
        let phases = [phase(10.0, 100.0, 300.0), phase(5.0, 50.0, 50.0)];
        let rate = |seconds| Schedule::rate_at(&phases, Duration::from_secs(seconds));
        for (seconds, wanted) in [(0, 100.0), (5, 200.0), (12, 50.0), (15, 0.0)] {
            assert!(
                (rate(seconds) - wanted).abs() < 1e-9,
                "after {seconds} s: {}",
                rate(seconds)
            );
        }
    }
}
