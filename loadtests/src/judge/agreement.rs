//! Rounds are witnesses: only what all of them say is believed.

/// What all rounds say; `None` when one cannot tell, two disagree, or there is none.
pub fn agreement(rounds: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    rounds
        .into_iter()
        .reduce(|all, round| if all == round { all } else { None })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::agreement;

    #[test]
    fn only_unanimous_rounds_decide() {
        assert_eq!(agreement([Some(true), Some(true)]), Some(true));
        assert_eq!(agreement([Some(false)]), Some(false));
        assert_eq!(agreement([Some(true), Some(false)]), None);
        assert_eq!(agreement([Some(true), None]), None);
        assert_eq!(agreement([Some(true), Some(false), Some(true)]), None);
        assert_eq!(agreement([]), None);
    }
}
