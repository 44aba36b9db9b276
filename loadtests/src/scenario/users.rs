//! How many users an open load needs, so that no arrival ever waits for one.

use std::time::Duration;

use super::trial::{Arrivals, LoadModel, LoadSpec, Phase};

/// The pool that is not exceeded without being asked for.
const DEFAULT_MOST: usize = 10_000;
/// Users beyond what arithmetic asks for: one is still busy for a moment after its deadline.
const SPARE: f64 = 8.0;
/// In flight with a dead service is a Poisson number; six of its standard deviations above the
/// mean are passed about once in a thousand million windows.
const POISSON_DEVIATIONS: f64 = 6.0;

/// The most users that can be busy at once: when the service answers nothing, every arrival
/// holds its user until its deadline.
pub(super) fn needed(peak_rate: f64, deadline: Duration, arrivals: Arrivals) -> usize {
    let in_flight = peak_rate * deadline.as_secs_f64();
    let bursts = match arrivals {
        Arrivals::Poisson => POISSON_DEVIATIONS * in_flight.sqrt(),
        Arrivals::Uniform => 0.0,
    };
    (in_flight + bursts + SPARE).ceil() as usize
}

/// The users of an open load that does not say.
pub(super) fn default(peak_rate: f64, deadline: Duration, arrivals: Arrivals) -> usize {
    needed(peak_rate, deadline, arrivals).min(DEFAULT_MOST)
}

pub(super) fn peak_rate(phases: &[Phase]) -> f64 {
    phases
        .iter()
        .map(|phase| phase.rate.from.max(phase.rate.to))
        .fold(0.0, f64::max)
}

/// What the number of users means for the run, in a sentence.
pub(super) fn meaning(load: &LoadSpec, phases: &[Phase]) -> String {
    let (arrivals, users) = match load.model {
        LoadModel::Closed { users } => {
            return format!(
                "{users} users, each of which sends its next request when the last has ended"
            );
        }
        LoadModel::Open { arrivals, users } => (arrivals, users),
    };
    let peak = peak_rate(phases);
    let needed = needed(peak, load.deadline, arrivals);
    if users >= needed {
        return format!("{users} users: enough even when nothing is answered before its deadline");
    }
    let bearable = Duration::from_secs_f64(users as f64 / peak);
    format!(
        "{users} users of the {needed} that a service which answers nothing takes up: when arrivals take longer than \
         {} ms on average at the peak, they wait for a user, and the trial is invalid",
        bearable.as_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_covers_peak_rate_times_deadline_and_bursts() {
        let second = Duration::from_secs(1);
        assert_eq!(needed(900.0, second, Arrivals::Uniform), 908);
        assert_eq!(needed(900.0, second, Arrivals::Poisson), 1_088);
        assert_eq!(default(900.0, second * 2, Arrivals::Uniform), 1_808);
        assert_eq!(default(20_000.0, second, Arrivals::Poisson), 10_000);
    }
}
