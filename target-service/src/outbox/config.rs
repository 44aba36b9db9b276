//! The configuration of the outbox (`outbox.`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::knobs::Knobs;
use crate::section::OutOfRange;
use crate::strategy::OutboxFault;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutboxConfig {
    /// Whether this instance hands events on. Any number of instances may; where none does, events wait.
    /// Default true.
    pub relay: bool,
    /// Whether this instance handles events that come through Redis. Default true.
    pub consumer: bool,
    /// How often the relay looks for events that it was not told of: those of an instance that has died.
    /// Default 1s.
    #[serde(with = "crate::duration")]
    pub interval: Duration,
    /// An event that was read from the stream and is not done is read again, by whichever instance, when it is
    /// so long ago. Much longer than handling takes: who is slower is taken for dead. Default 1s.
    #[serde(with = "crate::duration")]
    pub retry_after: Duration,
    /// An event that was handed on and that nobody has handled or tried to is handed on again when it is so long
    /// ago. Longer than handling takes: sooner means more duplicates. Default 30s.
    #[serde(with = "crate::duration")]
    pub republish_after: Duration,
    /// Where this process dies, at the first event that comes there. Only in builds that are made for it:
    /// those for development, and those with the feature `fault-points`. Default `none`. A knob.
    pub fault: OutboxFault,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            relay: true,
            consumer: true,
            interval: Duration::from_secs(1),
            retry_after: Duration::from_secs(1),
            republish_after: Duration::from_secs(30),
            fault: Knobs::default().outbox_fault,
        }
    }
}

impl OutboxConfig {
    pub fn check(&self) -> Result<(), OutOfRange> {
        for (key, time) in [
            ("interval", self.interval),
            ("retry_after", self.retry_after),
            ("republish_after", self.republish_after),
        ] {
            OutOfRange::unless(!time.is_zero(), key, "it takes some time")?;
        }
        Ok(())
    }
}
