//! Which of a row of values to try next, so that two neighbours are found between which the answer
//! turns over. It remembers nothing: the answers so far are all that it goes by.

/// The place of the next value to ask about; `None` when nothing more is to be learned.
///
/// `answers` holds one place per value, in order of the values: what was found there, or `None`.
/// Both ends are asked first. When they agree, there is no turn between them to look for.
pub fn next_probe(answers: &[Option<bool>]) -> Option<usize> {
    let last = answers.len().checked_sub(1)?;
    let Some(first) = answers[0] else {
        return Some(0);
    };
    let Some(end) = answers[last] else {
        return Some(last);
    };
    if first == end {
        return None;
    }
    let (mut low, mut high) = (0, last);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match answers[middle] {
            None => return Some(middle),
            Some(answer) if answer == first => low = middle,
            Some(_) => high = middle,
        }
    }
    None
}

/// How many values are asked about at most, of a row of this length.
pub fn most_probes(values: usize) -> usize {
    match values {
        0 | 1 => values,
        _ => 2 + (values - 1).next_power_of_two().trailing_zeros() as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks until nothing is left to ask; the places in the order of asking.
    fn asked(values: usize, answer: impl Fn(usize) -> bool) -> (Vec<usize>, Vec<Option<bool>>) {
        let mut answers = vec![None; values];
        let mut order = Vec::new();
        while let Some(place) = next_probe(&answers) {
            assert_eq!(answers[place], None, "asked twice");
            answers[place] = Some(answer(place));
            order.push(place);
        }
        (order, answers)
    }

    #[test]
    fn the_turn_is_found_wherever_it_is_in_no_more_probes_than_promised() {
        for values in 2..70 {
            for turn in 1..values {
                for falling in [true, false] {
                    let (order, answers) = asked(values, |place| (place < turn) == falling);
                    assert!(order.len() <= most_probes(values), "{values} {turn}");
                    assert!(answers[turn - 1].is_some() && answers[turn].is_some());
                    assert_ne!(answers[turn - 1], answers[turn]);
                }
            }
        }
    }

    #[test]
    fn ends_that_agree_are_all_that_is_asked() {
        assert_eq!(asked(50, |_| true).0, [0, 49]);
        assert_eq!(asked(50, |_| false).0, [0, 49]);
        assert_eq!(next_probe(&[]), None);
    }
}
