//! Two measures taken in turns, A B B A, so that whatever else the machine does falls on both.

/// Something that is measured as a rate per second.
pub struct Measure<F> {
    name: &'static str,
    take: F,
}

impl<F: FnMut() -> anyhow::Result<f64>> Measure<F> {
    pub fn new(name: &'static str, take: F) -> Self {
        Self { name, take }
    }
}

/// The rates of both, round by round.
pub struct Rates {
    names: (&'static str, &'static str),
    rounds: Vec<(f64, f64)>,
}

pub fn interleave<A, B>(rounds: u32, mut a: Measure<A>, mut b: Measure<B>) -> anyhow::Result<Rates>
where
    A: FnMut() -> anyhow::Result<f64>,
    B: FnMut() -> anyhow::Result<f64>,
{
    let mut rates = Rates {
        names: (a.name, b.name),
        rounds: Vec::new(),
    };
    for round in 0..rounds {
        let (of_a, of_b) = if round % 2 == 0 {
            let of_a = (a.take)()?;
            (of_a, (b.take)()?)
        } else {
            let of_b = (b.take)()?;
            ((a.take)()?, of_b)
        };
        println!(
            "round {}: {} {of_a:.0}/s, {} {of_b:.0}/s",
            round + 1,
            a.name,
            b.name
        );
        rates.rounds.push((of_a, of_b));
    }
    Ok(rates)
}

/// Medians, and the median of the rounds' ratios: the two of a round were measured close together.
pub fn report(rates: &Rates) {
    let (name_a, name_b) = rates.names;
    let median_a = median(rates.rounds.iter().map(|(a, _)| *a).collect());
    let median_b = median(rates.rounds.iter().map(|(_, b)| *b).collect());
    let ratio = median(rates.rounds.iter().map(|(a, b)| b / a).collect());
    println!(
        "median: {name_a} {median_a:.0}/s, {name_b} {median_b:.0}/s, {name_b} / {name_a} {ratio:.3}"
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}
