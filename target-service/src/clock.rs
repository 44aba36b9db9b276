//! What time it is, and which calendar day that is for the people who use the service.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

#[derive(Debug, Clone, Copy)]
pub struct Clock {
    time_zone: Tz,
}

impl Clock {
    pub fn new(time_zone: Tz) -> Self {
        Self { time_zone }
    }

    pub fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    /// The calendar day of a moment in the configured time zone.
    pub fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.time_zone).date_naive()
    }

    pub fn time_zone(&self) -> Tz {
        self.time_zone
    }
}

/// A time zone by its name in the IANA database, for serde's `with`.
pub mod time_zone {
    use chrono_tz::Tz;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(time_zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(time_zone.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown = |_| {
            de::Error::custom(format!(
                "`{name}` is no time zone: write one such as \"Asia/Seoul\""
            ))
        };
        name.parse().map_err(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_that_of_the_time_zone() {
        let late_evening_in_utc: DateTime<Utc> = "2024-02-28T15:30:00Z".parse().unwrap();
        let day = |zone: Tz| Clock::new(zone).day_of(late_evening_in_utc).to_string();
        assert_eq!(day(Tz::UTC), "2024-02-28");
        assert_eq!(day(Tz::Asia__Seoul), "2024-02-29");
    }
}
