//! Where a share that falls or rises with a value passes one half, from a few tries at each of a
//! few values.

use super::proportion::wilson;

/// What was counted at one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tally {
    pub value: f64,
    pub runs: u32,
    /// In how many of the runs it held.
    pub held: u32,
}

/// The value at which half of the runs hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    pub value: f64,
    /// The ends of its interval; `None`: beyond the values that were tried.
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// The 50 % crossing with its interval; `tallies` in order of value.
///
/// `None` when the first and the last value do not lie on different sides of one half (a tie is
/// not above it), or one of them was not tried.
///
/// *The estimate*: the shares are made monotone by pooling neighbours that contradict the direction
/// (the pool-adjacent-violators algorithm: Ayer, Brunk, Ewing, Reid and Silverman, 1955), and the
/// place of one half is interpolated between them, as Stylianou and Flournoy do for doses ("Dose
/// finding using the biased coin up-and-down design and isotonic regression", 2002). It needs no
/// shape of the curve, and it has a value where a logistic fit has none: when every value but its
/// neighbours is unanimous, the likelihood grows without bound with the slope.
///
/// *The interval* runs from the last value that is shown to lie on the one side to the first that is
/// shown to lie on the other: shown means that the value's own Wilson interval (95 %) leaves out one
/// half. It asks nothing of the curve but that it does not turn back. A bootstrap over the runs was
/// not used: where all five runs of a value agree, every resample agrees as well, and the interval
/// would be narrowest where the fewest runs stand behind it.
pub fn crossing(tallies: &[Tally]) -> Option<Crossing> {
    let tried: Vec<Tally> = tallies
        .iter()
        .copied()
        .filter(|tally| tally.runs > 0)
        .collect();
    let (first, last) = (tried.first()?, tried.last()?);
    match (most_held(first), most_held(last)) {
        (true, false) => Some(falling(&tried)),
        (false, true) => {
            let turned: Vec<Tally> = tried.iter().map(turned).collect();
            Some(falling(&turned))
        }
        _ => None,
    }
}

/// Whether it held in more than half of the runs.
pub fn most_held(tally: &Tally) -> bool {
    u64::from(tally.held) * 2 > u64::from(tally.runs)
}

fn turned(tally: &Tally) -> Tally {
    Tally {
        held: tally.runs - tally.held,
        ..*tally
    }
}

fn falling(tallies: &[Tally]) -> Crossing {
    let shares = never_rising(tallies);
    let points: Vec<(f64, f64)> = tallies
        .iter()
        .zip(shares)
        .map(|(tally, share)| (tally.value, share))
        .collect();
    // Where the curve is level at one half, its middle.
    let leaves = meets(&points, |share| share > 0.5);
    let passes = meets(&points, |share| share >= 0.5);
    let value = f64::midpoint(leaves, passes);
    let (low, high) = interval(tallies);
    Crossing {
        value,
        low: low.map(|low| low.min(value)),
        high: high.map(|high| high.max(value)),
    }
}

/// Interpolated between the last point that is above and the one after it.
fn meets(points: &[(f64, f64)], above: impl Fn(f64) -> bool) -> f64 {
    let count = points.iter().take_while(|(_, share)| above(*share)).count();
    match (count.checked_sub(1).map(|at| points[at]), points.get(count)) {
        (Some((x0, y0)), Some((x1, y1))) => x0 + (y0 - 0.5) / (y0 - y1) * (x1 - x0),
        (Some((x, _)), None) | (None, Some(&(x, _))) => x,
        (None, None) => f64::NAN,
    }
}

/// The nearest shares that never rise, each weighted by its runs: neighbours that do are pooled.
fn never_rising(tallies: &[Tally]) -> Vec<f64> {
    // Held, runs and the number of values of each pool.
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for tally in tallies {
        let mut pool = (f64::from(tally.held), f64::from(tally.runs), 1);
        while let Some(before) = pools.pop_if(|before| before.0 / before.1 < pool.0 / pool.1) {
            pool = (before.0 + pool.0, before.1 + pool.1, before.2 + pool.2);
        }
        pools.push(pool);
    }
    pools
        .into_iter()
        .flat_map(|(held, runs, values)| std::iter::repeat_n(held / runs, values))
        .collect()
}

/// Values that contradict each other widen it.
fn interval(tallies: &[Tally]) -> (Option<f64>, Option<f64>) {
    let shown = |side: fn((f64, f64)) -> bool| -> Vec<f64> {
        tallies
            .iter()
            .filter(|tally| wilson(tally.held, tally.runs).is_some_and(side))
            .map(|tally| tally.value)
            .collect()
    };
    let above = shown(|(low, _)| low > 0.5);
    let below = shown(|(_, high)| high < 0.5);
    let first_below = below.first().copied().unwrap_or(f64::INFINITY);
    let last_above = above.last().copied().unwrap_or(f64::NEG_INFINITY);
    (
        above.iter().copied().rfind(|value| *value < first_below),
        below.iter().copied().find(|value| *value > last_above),
    )
}

#[cfg(test)]
mod tests;
