//! What was measured, as data. Reports, claims and gates are pure functions of records.

mod arm_figures;
mod books;
mod deliveries;
mod document;
mod event_figures;
pub mod figures;
#[cfg(test)]
pub mod fixture;
mod histograms;
mod load_summary;
mod lookup;
mod machine;
mod outcome;
mod payment_history;
mod quantiles;
mod row_lines;
mod search;
pub mod show;
pub mod store;
mod trial;

pub use arm_figures::{ArmFigure, arm_figures};
pub use books::{AccountRow, Books, BrokenEntry, BrokenTransfer, CouponRow, Tally};
pub use deliveries::{Deliveries, DeliveryCounts, EventRow, MailRow, MemberRow};
pub use document::{
    ArmDocument, ArmFacts, Decisions, RecordDocument, RepeatedTrial, RoundDocument, RunFacts,
    SeriesRow, SweepFacts,
};
pub use event_figures::BreakerState;
pub use histograms::{HistogramError, new_histogram};
pub use load_summary::{LoadSummary, Model, PhasePlan};
pub use lookup::{PhaseFigure, UnknownFigure};
pub use machine::{GitState, Machine};
pub use outcome::{ClaimOutcome, ThresholdOutcome, Verdict};
pub use payment_history::{
    ChargeRow, Goods, OrderRow, Paid, PaymentHistory, PaymentRow, Told, Word,
};
pub use search::{CrossingRecord, SearchFacts, SearchPoint, SearchRecord};
pub use trial::{
    CRASHED, Counts, DELIVERED, Event, Finding, HEALED, PhaseHistograms, PhaseRecord, Quantiles,
    SecondRecord, StepRecord, TrialRecord, Validity,
};
