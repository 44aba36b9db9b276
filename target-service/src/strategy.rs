//! The named alternatives that a switch chooses between.
//!
//! They live below the domains because the knobs carry them; what each one does is in the domain that
//! matches on it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where the calendar takes its counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalendarSource {
    /// Counts the posts of each day when asked.
    #[default]
    Raw,
    /// Reads the counts that every insert keeps.
    Preaggregated,
}

/// How the number of likes of a post is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LikesStrategy {
    /// Locks the post, reads the count, writes it back.
    RowLock,
    /// Reads count and version, writes only if the version is still the same, else starts over, a
    /// bounded number of times.
    Optimistic,
    /// `count = count + 1` in the database.
    #[default]
    Increment,
    /// Keeps no count: the rows are counted at each read.
    Derived,
}

/// Where views of posts are counted (`views.strategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ViewsStrategy {
    /// Nowhere: who reads a post writes nothing.
    #[default]
    Off,
    /// The mistake: with the post, at once, by everybody who reads it.
    Direct,
    /// In each process, and with the posts in batches. A crash loses what it had counted since its last batch.
    Memory,
    /// In Redis for all instances together, and with the posts in batches. No crash of the service loses
    /// a view.
    Redis,
}

/// What keeps two changes of one number from overwriting each other: a member's points, a coupon's stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LockStrategy {
    /// The mistake: reads the number and writes the new one back, whatever happened in between.
    None,
    /// Locks the row, reads the number, writes it back.
    #[default]
    Row,
    /// Reads number and version, writes only if the version is still the same, else reads again, a
    /// bounded number of times.
    Optimistic,
    /// `number = number + change` in the database.
    Increment,
    /// A lock in Redis around the transaction; who finds it held fails at once.
    RedisSimple,
    /// A lock in Redis around the transaction; who finds it held tries again and again.
    RedisSpin,
    /// A lock in Redis around the transaction; who finds it held waits for the message of its release.
    RedisPubsub,
}

/// What becomes of somebody who finds a lock in Redis held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    Not,
    Spinning,
    Listening,
}

impl Waiting {
    /// As the lock is named in configuration and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Not => "redis_simple",
            Self::Spinning => "redis_spin",
            Self::Listening => "redis_pubsub",
        }
    }
}

impl LockStrategy {
    /// How it is waited for, where the lock is one in Redis.
    pub fn in_redis(self) -> Option<Waiting> {
        match self {
            Self::None | Self::Row | Self::Optimistic | Self::Increment => None,
            Self::RedisSimple => Some(Waiting::Not),
            Self::RedisSpin => Some(Waiting::Spinning),
            Self::RedisPubsub => Some(Waiting::Listening),
        }
    }
}

/// What two changes of a member's points must have in common to have the same lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LockKey {
    #[default]
    Member,
    /// The mistake: charges and uses of one member run side by side.
    PerOperation,
}

/// In which order what needs the locks of two members takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferOrder {
    /// By the members' ids: everybody takes them in the same order.
    #[default]
    Ordered,
    /// The mistake: as they are named, so that two can wait for each other in a circle.
    Given,
}

/// Which of lock and transaction is the outer one when a coupon is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LockOrder {
    /// Lock, begin, read, write, commit, unlock.
    #[default]
    LockThenTransaction,
    /// The mistake: begin, read, lock, write, commit, unlock. What is written back was read before the lock
    /// was held.
    TransactionThenLock,
    /// The mistake: begin, lock, read, write, unlock, commit. The next holder reads what was there before
    /// the commit.
    ReleaseBeforeCommit,
}

/// Where the numbers of answers and likes of surveys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SurveyCounts {
    /// Counts twice for each survey when asked.
    #[default]
    Subqueries,
    /// Counts for all surveys at once, twice, when asked.
    Grouped,
    /// Reads the numbers that every writer keeps in its transaction.
    Counters,
    /// Reads the numbers that a worker brings up to date behind the writers.
    Event,
}

/// How the mail server in this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailServer {
    #[default]
    Ok,
    Down,
    /// Accepts mails after a while.
    Slow,
}

/// Between which two steps of an event's way the process is to die, at the first event that comes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutboxFault {
    #[default]
    None,
    /// The relay has it, and has not handed it on.
    AfterTake,
    /// It is handed on, and not marked so.
    AfterPublish,
    AfterMark,
    /// The consumer has it.
    BeforeHandle,
    /// It is handled, and not marked so.
    AfterHandle,
    /// It is marked as handled, and still in the stream.
    AfterDelivery,
}

/// When the mail to a new member is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WelcomeMail {
    /// After the registration is committed, by way of an event.
    #[default]
    Outbox,
    /// The mistake: before the registration is committed, which fails or waits with the mail server.
    Inline,
    /// The mistake: straight after the commit, from memory alone. Nobody else knows that there is something
    /// to send.
    AfterCommit,
}

/// What the mail server knows a mail again by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageIds {
    /// The same event has the same mail, however often it is handled.
    #[default]
    PerEvent,
    /// The mistake: each attempt is another mail.
    PerAttempt,
}

impl SurveyCounts {
    /// Whether who writes leaves an event, or else moves the counts.
    pub fn leaves_events(self) -> bool {
        self != Self::Counters
    }
}

impl LikesStrategy {
    pub fn derives_count(self) -> bool {
        self == Self::Derived
    }
}
