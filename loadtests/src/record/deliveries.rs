//! What clients were told of their registrations, what the service's rows say has happened, and which mails
//! the mail server has taken. Gathered once, compared by the judge, not kept.

/// Somebody who was registered in the trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    pub id: i64,
    pub email: String,
}

/// A row of the service's outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    pub kind: String,
    /// The id of what it happened to.
    pub subject: i64,
    /// Marked as handled.
    pub is_done: bool,
}

/// A mail that the mail server has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailRow {
    /// `KIND-SUBJECT` of the event, and what may come after another hyphen.
    pub message_id: String,
    pub recipient: String,
    /// How often it was handed over; the server took it once.
    pub handed_over: i64,
}

/// All that is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// The addresses of those who were told that they are registered.
    pub told: Vec<String>,
    pub members: Vec<MemberRow>,
    pub events: Vec<EventRow>,
    pub mails: Vec<MailRow>,
}

impl Deliveries {
    /// Nothing has happened that somebody was to hear of.
    pub fn are_empty(&self) -> bool {
        self.told.is_empty() && self.members.is_empty() && self.events.is_empty()
    }
}

/// Of a trial's deliveries: what is counted and no violation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Registrations that clients were told of.
    pub told: u64,
    /// Handovers to the mail server beyond the first of each event.
    pub duplicates: u64,
}
