//! A calendar day as it is written in requests.

use chrono::NaiveDate;

/// Takes `YYYY-MM-DD` and nothing else: chrono's own parser would also take `2024-2-3` and `+2024-02-03`.
pub fn parse_day(input: &str) -> Option<NaiveDate> {
    let day: NaiveDate = input.parse().ok()?;
    (input.len() == 10 && day.to_string() == input).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_full_spelling_of_a_real_day_is_one() {
        for input in ["0001-01-01", "2024-02-29", "9999-12-31"] {
            assert_eq!(parse_day(input).unwrap().to_string(), input);
        }
        for input in [
            "",
            "2023-02-29",
            "2023-02-30",
            "2024-13-01",
            "2024-2-3",
            "+2024-02-03",
            "+10000-01-01",
            "-0001-01-01",
            " 2024-02-03",
            "2024-02-03T00:00:00Z",
            "20240203",
            "yesterday",
        ] {
            assert_eq!(parse_day(input), None, "{input:?}");
        }
    }
}
