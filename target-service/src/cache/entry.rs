//! A cached value with what is known about it, in memory and as bytes.
//!
//! As bytes: one line `version expires dies load`, the version in hexadecimal and the rest in microseconds,
//! then the value as JSON. Times are of the wall clock, which instances share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::config::Config;

/// Microseconds since 1970.
pub(super) type Moment = u64;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry<V> {
    pub value: V,
    pub version: Version,
    /// Until then it is fresh.
    pub expires_at: Moment,
    /// Until then it may be served at all.
    pub dies_at: Moment,
    /// How long it took to load.
    pub load: Duration,
}

/// Tells one loaded value from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version(u64);

#[derive(Debug, Error)]
pub(super) enum Corrupt {
    #[error("it does not begin as a cached value does")]
    Head,
    #[error("its value cannot be read: {0}")]
    Value(#[from] serde_json::Error),
}

impl<V> Entry<V> {
    pub(super) fn new(value: V, load: Duration, config: &Config) -> Self {
        let now = now();
        let share = 1.0 - config.ttl_jitter * rand::random::<f64>();
        let expires_at = now + micros(config.ttl.mul_f64(share));
        let stale_for = if config.guard.serves_stale() {
            config.stale_for
        } else {
            Duration::ZERO
        };
        Self {
            value,
            version: Version(rand::random()),
            expires_at,
            dies_at: expires_at + micros(stale_for),
            load,
        }
    }

    pub(super) fn is_fresh(&self, now: Moment) -> bool {
        now < self.expires_at
    }

    pub(super) fn is_dead(&self, now: Moment) -> bool {
        now >= self.dies_at
    }

    pub(super) fn lives_for(&self, now: Moment) -> Duration {
        Duration::from_micros(self.dies_at.saturating_sub(now))
    }

    /// Whether to load although the value is fresh: `XFetch` of Vattani, Chierichetti and Lowenstein, "Optimal
    /// probabilistic cache stampede prevention" (VLDB 2015). `random` is from above 0 up to 1.
    pub(super) fn is_due_early(&self, now: Moment, beta: f64, random: f64) -> bool {
        let lead = -(self.load.as_micros() as f64) * beta * random.ln();
        now as f64 + lead >= self.expires_at as f64
    }

    /// The same for an instance of its own, which asks again after `longest`.
    pub(super) fn copied(&self, longest: Duration) -> Self
    where
        V: Clone,
    {
        let until = now() + micros(longest);
        let mut copy = self.clone();
        if !longest.is_zero() && until < copy.expires_at {
            copy.expires_at = until;
            copy.dies_at = copy.dies_at.min(until);
        }
        copy
    }
}

impl<V: Serialize> Entry<V> {
    pub(super) fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = format!(
            "{:016x} {} {} {}\n",
            self.version.0,
            self.expires_at,
            self.dies_at,
            micros(self.load)
        )
        .into_bytes();
        serde_json::to_writer(&mut bytes, &self.value)?;
        Ok(bytes)
    }
}

impl<V: DeserializeOwned> Entry<V> {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let (version, [expires_at, dies_at, load], value) = split(bytes).ok_or(Corrupt::Head)?;
        Ok(Self {
            value: serde_json::from_slice(value)?,
            version,
            expires_at,
            dies_at,
            load: Duration::from_micros(load),
        })
    }
}

/// Of a value as bytes that may still be served; it need not be readable otherwise.
pub(super) fn living_version(bytes: &[u8]) -> Option<Version> {
    let (version, [_, dies_at, _], _) = split(bytes)?;
    (now() < dies_at).then_some(version)
}

fn split(bytes: &[u8]) -> Option<(Version, [u64; 3], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut words = head.split(' ');
    let version = words.next().filter(|digits| digits.len() == 16)?;
    let version = u64::from_str_radix(version, 16).ok()?;
    let mut number = || words.next()?.parse().ok();
    let numbers = [number()?, number()?, number()?];
    Some((Version(version), numbers, &bytes[end + 1..]))
}

pub(super) fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock from before 1970 keeps everything fresh.
    micros(since.unwrap_or_default())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::super::config::Guard;
    use super::*;

    fn entry(config: &Config) -> Entry<Vec<String>> {
        Entry::new(
            vec!["가나\n다".to_owned()],
            Duration::from_millis(7),
            config,
        )
    }

    #[test]
    fn what_is_encoded_is_decoded_and_anything_else_is_corrupt() {
        let entry = entry(&Config::default());
        let bytes = entry.encode().unwrap();
        assert_eq!(Entry::decode(&bytes).unwrap(), entry);
        assert_eq!(living_version(&bytes), Some(entry.version));
        let dead = Entry {
            dies_at: now(),
            ..entry.clone()
        };
        assert_eq!(living_version(&dead.encode().unwrap()), None);
        for corrupt in [
            b"".as_slice(),
            b"\n",
            b"{}",
            &bytes[..bytes.len() - 1],
            &bytes[4..],
            b"zz 1 2 3\n[]",
            b"00 1 2 3\n{\"another\":\"type\"}",
        ] {
            assert!(
                Entry::<Vec<String>>::decode(corrupt).is_err(),
                "{corrupt:?}"
            );
        }
    }

    #[test]
    fn jitter_only_shortens_a_life_and_only_some_guards_keep_what_has_run_out() {
        let config = Config {
            ttl: Duration::from_secs(10),
            ttl_jitter: 0.5,
            stale_for: Duration::from_secs(100),
            ..Config::default()
        };
        for guard in [Guard::None, Guard::StaleWhileRevalidate] {
            let config = Config {
                guard,
                ..config.clone()
            };
            for _ in 0..100 {
                let before = now();
                let entry = entry(&config);
                let life = Duration::from_micros(entry.expires_at - before);
                assert!(life >= Duration::from_secs(5), "{life:?}");
                assert!(entry.expires_at <= now() + 10_000_000);
                let kept = entry.dies_at - entry.expires_at;
                let wanted = if guard.serves_stale() { 100_000_000 } else { 0 };
                assert_eq!(kept, wanted, "{guard:?}");
            }
        }
    }

    /// P(early at t) = exp(-(expiry - t) / (load beta)): of many draws just that share.
    #[test]
    fn early_loads_come_with_the_probability_of_the_paper() {
        let entry = entry(&Config::default());
        for (before, beta) in [(7_000, 1.0), (14_000, 1.0), (14_000, 2.0), (70_000, 1.0)] {
            let at = entry.expires_at - before;
            let wanted = (-(before as f64) / (7_000.0 * beta)).exp();
            let draws = 20_000;
            let due = (1..=draws)
                .filter(|draw| {
                    let random = f64::from(*draw) / f64::from(draws);
                    entry.is_due_early(at, beta, random)
                })
                .count();
            let share = due as f64 / f64::from(draws);
            assert!((share - wanted).abs() < 0.001, "{share} of {wanted}");
        }
        assert!(entry.is_due_early(entry.expires_at, 1.0, 1.0));
    }

    #[test]
    fn a_copy_lives_no_longer_than_it_may_and_never_longer_than_its_original() {
        let entry = entry(&Config::default());
        assert_eq!(entry.copied(Duration::ZERO), entry);
        assert_eq!(entry.copied(Duration::from_hours(1)), entry);
        let copy = entry.copied(Duration::from_secs(1));
        assert!(copy.expires_at <= now() + 1_000_000);
        assert_eq!(copy.version, entry.version);
    }
}
