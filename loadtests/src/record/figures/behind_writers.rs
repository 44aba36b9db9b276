//! Figures of what the service does behind its writers: events handed on, mails sent, counts added up,
//! views written.

use super::rows::{counter, gauge, histogram, labelled_counter};
use super::{Figure, Fold};

/// Read from the service.
pub(super) const BEHIND_WRITERS: &[Figure] = &[
    counter(
        "outbox_published",
        "target_outbox_published_total",
        "Events that were handed on, those that were handed on again included.",
    ),
    labelled_counter(
        "outbox_handled",
        "target_outbox_received_total",
        &[("outcome", "handled")],
        "Events that were handled, and marked so.",
    ),
    labelled_counter(
        "outbox_duplicates",
        "target_outbox_received_total",
        &[("outcome", "duplicate")],
        "Events that came once more: their row said that they were handled, before it was done again or after.",
    ),
    histogram(
        "outbox_delay_p99_ms",
        Fold::Quantile(0.99),
        "target_outbox_delay_seconds",
        "99th percentile of the time from an event to the mark that it is handled.",
    ),
    labelled_counter(
        "mails_accepted",
        "target_mails_total",
        &[("outcome", "accepted")],
        "Mails that the mail server took.",
    ),
    labelled_counter(
        "mails_refused",
        "target_mails_total",
        &[("outcome", "refused")],
        "Attempts to hand over a mail to a mail server that is down.",
    ),
    counter(
        "survey_events_folded",
        "target_survey_events_folded_total",
        "Answers and likes that were added to the counts of surveys behind the writers.",
    ),
    histogram(
        "survey_count_delay_p99_ms",
        Fold::Quantile(0.99),
        "target_survey_count_delay_seconds",
        "99th percentile, over the batches in which answers and likes are added to the counts of surveys, of the age of a batch's oldest: so long counts were wrong.",
    ),
    histogram(
        "survey_count_delay_mean_ms",
        Fold::Mean,
        "target_survey_count_delay_seconds",
        "As above, the mean.",
    ),
    counter(
        "views_counted",
        "target_post_views_counted_total",
        "Views of posts that were counted.",
    ),
    counter(
        "views_written",
        "target_post_views_written_total",
        "Views of posts that were added to their posts in the database.",
    ),
    gauge(
        "views_pending_max",
        "target_post_views_pending",
        &[],
        "Most views of posts that only the service knew of, counted and not written yet: what a crash of all instances would have lost.",
    ),
];
