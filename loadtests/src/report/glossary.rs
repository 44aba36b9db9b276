//! The words of a report.

/// Words that a reader of a report may not know.
pub const WORDS: &[(&str, &str)] = &[
    (
        "arm",
        "A named variant of the configuration; all arms meet the same load, data, faults and random draws.",
    ),
    (
        "round",
        "One repetition of all arms. Rounds are interleaved, so that a drifting machine hurts all arms alike.",
    ),
    (
        "phase",
        "A named stretch of the timeline; an arrival belongs to the phase of its intended time.",
    ),
    (
        "arrival",
        "One intended start, fixed by the schedule before the run, however the service behaves.",
    ),
    (
        "response time",
        "From the intended time of an arrival to the last byte of its last attempt. Failed and unsent arrivals count as at least their deadline, so failing fast never improves a percentile.",
    ),
    (
        "goodput",
        "Arrivals answered successfully within their deadline, per second.",
    ),
    (
        "recovery",
        "Seconds from the end of the disturbance to the first of 5 seconds in a row with at least 95 % of the share of arrivals that were answered before it, or whatever the scenario's [slo] asks for; \"never\" if that does not happen within the run.",
    ),
    (
        "claim",
        "What the scenario says must be true of the figures, judged in every round; rounds that disagree decide nothing.",
    ),
    (
        "boundary, crossing",
        "What a search looks for: the value of a key at which something holds in half of the runs. Its interval runs between the nearest values that are shown to lie on either side.",
    ),
    (
        "threshold",
        "A limit on one arm's figures, such as p99<500ms.",
    ),
    (
        "release lag",
        "How late the generator released arrivals: its own error, which must stay below 5 ms at p99. So must how late its users, though idle, began them.",
    ),
];
