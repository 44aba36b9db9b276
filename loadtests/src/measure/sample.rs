//! One arrival and one step of it, measured: small and fixed in size.
//!
//! Invariant: every offered arrival leaves exactly one [`ArrivalSample`], whose [`Outcome`] is one
//! of ok, failed or unsent; `offered = ok + failed + unsent` follows from that alone.

use std::borrow::Cow;

use super::clock::Nanos;

/// What became of an attempt, a step or an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    Ok,
    /// A complete answer whose status is not accepted.
    Status(u16),
    /// A complete answer that is not what the step expects of its body or headers.
    Unexpected,
    /// No complete answer within the attempt's timeout or the arrival's deadline.
    Timeout,
    /// The connection was refused or could not be opened.
    Connect,
    /// The connection broke before the answer began.
    Reset,
    /// What came back is not HTTP.
    Protocol,
    /// The answer ended in the middle of its body.
    BodyCut,
    /// The journey's own code gave up for a reason of its own.
    Journey,
    /// The journey's own code panicked.
    Panic,
    /// Cut off because its user interrupted the run.
    Interrupted,
    /// The journey's code did not come back although its deadline had passed.
    Stuck,
    /// Nothing was put on the wire, because the generator could not.
    Unsent,
}

impl Outcome {
    /// The key under which failures are counted in a record.
    pub fn label(self) -> Cow<'static, str> {
        let word = match self {
            Self::Status(code) => return format!("status_{code}").into(),
            Self::Ok => "ok",
            Self::Unexpected => "unexpected_answer",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::BodyCut => "body_cut",
            Self::Journey => "journey",
            Self::Panic => "panic",
            Self::Interrupted => "interrupted",
            Self::Stuck => "stuck",
            Self::Unsent => "unsent",
        };
        word.into()
    }

    /// Whether something was sent or begun and did not succeed.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::Ok | Self::Unsent)
    }
}

/// Reads by which an arrival looked whether what it had written is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reads {
    pub checked: u32,
    /// Of them those that showed something older than what had been acknowledged.
    pub stale: u32,
}

/// What became of one arrival. Moments are counted from the start of the timeline.
#[derive(Debug, Clone, Copy)]
pub struct ArrivalSample {
    pub seq: u64,
    pub phase: u16,
    pub journey: u16,
    pub attempts: u32,
    pub outcome: Outcome,
    pub reads: Reads,
    /// Whether no user was idle when it was released.
    pub waited: bool,
    /// When the schedule wanted it; in a closed model, when its user began it.
    pub intended: Nanos,
    /// When the pacer let it go; `None` in a closed model.
    pub released: Option<Nanos>,
    /// When a user took it up.
    pub started: Option<Nanos>,
    /// When its first request was about to be written.
    pub sent: Option<Nanos>,
    /// When the first byte of its first answer had come.
    pub first_byte: Option<Nanos>,
    /// When the last byte of a complete answer had come.
    pub last_byte: Option<Nanos>,
    /// When it was over, answered or not.
    pub ended: Nanos,
}

/// One request of a journey, with all its attempts.
#[derive(Debug, Clone, Copy)]
pub struct StepSample {
    pub phase: u16,
    /// As [`StepNames`](super::StepNames) numbers it.
    pub step: u16,
    pub outcome: Outcome,
    /// The arrival's intended time for its first step, the step's own beginning for later ones.
    pub begun: Nanos,
    pub ended: Nanos,
}
