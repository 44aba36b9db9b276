//! Figures of what the service does behind its writers: events handed on, mails sent, counts added up.

use super::rows::{counter, histogram, labelled_counter};
use super::{Figure, Fold};

pub(super) const OUTBOX_PUBLISHED: Figure = counter(
    "outbox_published",
    "target_outbox_published_total",
    "Events that were handed on, those that were handed on again included.",
);

pub(super) const OUTBOX_HANDLED: Figure = labelled_counter(
    "outbox_handled",
    "target_outbox_received_total",
    &[("outcome", "handled")],
    "Events that were handled, and marked so.",
);

pub(super) const OUTBOX_DUPLICATES: Figure = labelled_counter(
    "outbox_duplicates",
    "target_outbox_received_total",
    &[("outcome", "duplicate")],
    "Events that came once more and that the consumer knew to be handled.",
);

pub(super) const OUTBOX_DELAY_P99_MS: Figure = histogram(
    "outbox_delay_p99_ms",
    Fold::Quantile(0.99),
    "target_outbox_delay_seconds",
    "99th percentile of the time from an event to the mark that it is handled.",
);

pub(super) const MAILS_ACCEPTED: Figure = labelled_counter(
    "mails_accepted",
    "target_mails_total",
    &[("outcome", "accepted")],
    "Mails that the mail server took.",
);

pub(super) const MAILS_REFUSED: Figure = labelled_counter(
    "mails_refused",
    "target_mails_total",
    &[("outcome", "refused")],
    "Attempts to hand over a mail to a mail server that is down.",
);

pub(super) const SURVEY_EVENTS_FOLDED: Figure = counter(
    "survey_events_folded",
    "target_survey_events_folded_total",
    "Answers and likes that were added to the counts of surveys behind the writers.",
);

pub(super) const SURVEY_COUNT_DELAY_P99_MS: Figure = histogram(
    "survey_count_delay_p99_ms",
    Fold::Quantile(0.99),
    "target_survey_count_delay_seconds",
    "99th percentile, over the batches in which answers and likes are added to the counts of surveys, of the age of a batch's oldest: so long counts were wrong.",
);

pub(super) const SURVEY_COUNT_DELAY_MEAN_MS: Figure = histogram(
    "survey_count_delay_mean_ms",
    Fold::Mean,
    "target_survey_count_delay_seconds",
    "As above, the mean.",
);
