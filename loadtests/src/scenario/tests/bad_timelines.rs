//! Mistakes in phases and their faults, with their lines and their ways out.

use super::{PLAIN, complaints, complaints_about};

#[test]
fn durations_need_a_unit_and_a_size() {
    let text = |duration: &str| PLAIN.replace("\"10s\"", duration);
    for (duration, message) in [
        (
            "\"500\"",
            "is \"500\", which has no unit: write \"500ms\" or \"500s\"",
        ),
        (
            "500",
            "is a number without a unit: write \"500ms\" or \"500s\"",
        ),
        (
            "\"5 sec\"",
            "is \"5 sec\", which has the unknown unit \"sec\": write h, m, s, ms, us or ns",
        ),
        (
            "\"-5s\"",
            "is \"-5s\", which is negative: a duration is at least 0",
        ),
        ("\"0s\"", "is 0: it must be longer"),
        ("\"25h\"", "is \"25h\": the longest is 24h"),
        (
            "\"9999999h\"",
            "is \"9999999h\", which is longer than 366 days",
        ),
        (
            "true",
            "must be a duration such as \"500ms\", not a boolean",
        ),
        (
            "\"\"",
            "is \"\", which is empty: write a number and its unit, such as \"500ms\"",
        ),
    ] {
        assert_eq!(
            complaints(&text(duration)),
            [format!("x.toml:4:12: \"duration\" in [[phases]] {message}")]
        );
    }
}

#[test]
fn rates_are_above_zero_and_sane() {
    let text = |rate: &str| PLAIN.replace("rate = 50\n", &format!("rate = {rate}\n"));
    for (rate, message) in [
        ("0", "is 0: a phase without arrivals measures nothing"),
        ("-5", "is -5: a rate cannot be negative"),
        ("nan", "is NaN: it must be a finite number"),
        (
            "1e9",
            "is 1000000000: the highest is 1000000 arrivals per second",
        ),
        (
            "\"50\"",
            "must be a number or { from = 10, to = 500 }, not a text",
        ),
        (
            "{ from = 5 }",
            "lacks \"to\": a ramp is { from = 10, to = 500 }",
        ),
        (
            "{ from = 0, to = 0 }",
            "is 0: a phase without arrivals measures nothing",
        ),
        (
            "{ from = 5, to = -1 }",
            "has a \"to\" that is -1: a rate cannot be negative",
        ),
        (
            "{ from = 5, to = 9, by = 1 }",
            "has the unknown key \"by\": a ramp is { from = 10, to = 500 }",
        ),
    ] {
        assert_eq!(
            complaints(&text(rate)),
            [format!("x.toml:5:8: \"rate\" in [[phases]] {message}")]
        );
    }
}

#[test]
fn names_are_identifiers_and_differ() {
    let text = |name: &str| PLAIN.replace("\"before\"", name);
    for (name, message) in [
        (
            "\"burst\"",
            "x.toml:6:1: the phase \"burst\" exists already: names must differ",
        ),
        (
            "\"1st\"",
            "x.toml:3:8: \"name\" in [[phases]] is \"1st\", which begins with a digit or a hyphen: names begin \
          with a letter",
        ),
        (
            "\"a b\"",
            "x.toml:3:8: \"name\" in [[phases]] is \"a b\", which holds ' ': names consist of letters, digits, \
          \"_\" and \"-\"",
        ),
        (
            "\"in\"",
            "x.toml:3:8: \"name\" in [[phases]] is \"in\", which is a word of the claims' language: choose \
          another name",
        ),
        ("\"\"", "x.toml:3:8: \"name\" in [[phases]] is empty"),
        (
            "5",
            "x.toml:3:8: \"name\" in [[phases]] must be a text, not a number",
        ),
        (
            "\"recovery_s\"",
            "x.toml:3:8: \"name\" in [[phases]] is \"recovery_s\", which is a figure of an arm: choose \
          another name",
        ),
    ] {
        assert_eq!(complaints(&text(name)), [message]);
    }
}

#[test]
fn a_timeline_needs_phases_that_are_judged() {
    assert_eq!(
        complaints("name = \"x\"\n"),
        [
            "x.toml:1:1: the scenario needs \"[[phases]]\": at least one with name, duration and rate"
        ]
    );
    assert_eq!(
        complaints("name = \"x\"\nphases = 5\n"),
        ["x.toml:2:10: \"phases\" in the scenario must be a list of tables, not a number"]
    );
    let warmups = PLAIN.replace("rate =", "warmup = true\nrate =");
    assert_eq!(
        complaints(&warmups),
        ["x.toml:2:1: every phase is a warmup, so that nothing would be judged"]
    );
    let long = PLAIN.replace("\"10s\"", "\"24h\"");
    assert_eq!(
        complaints(&long),
        ["x.toml:1:1: the scenario lasts more than 24h: shorten its phases"]
    );
}

#[test]
fn faults_fit_what_they_act_on() {
    let fault = |fault: &str| format!("faults = [{fault}]\n");
    for (written, message) in [
        (
            "{ on = \"databse\", kind = \"drop\" }",
            "x.toml:10:18: \"on\" in a fault is \"databse\"; did you mean \
          \"database\"?",
        ),
        (
            "{ on = \"valkey\", kind = \"latency\" }",
            "x.toml:10:18: \"on\" in a fault is \"valkey\"; it is one of \
          client, database, redis, gateway, service",
        ),
        (
            "{ on = \"service\", kind = \"latency\", value = \"5ms\" }",
            "x.toml:10:36: \"kind\" in a fault is \"latency\", \
          which \"service\" does not have; it is one of pause, kill, restart, knob, crash_at",
        ),
        (
            "{ on = \"client\", kind = \"kill\" }",
            "x.toml:10:35: \"kind\" in a fault is \"kill\", which \"client\" does \
          not have; it is one of latency, bandwidth, drop, reset",
        ),
        (
            "{ on = \"database\", kind = \"latency\" }",
            "x.toml:10:11: a fault needs \"value\": value = \"100ms\"",
        ),
        (
            "{ on = \"database\", kind = \"latency\", value = 5 }",
            "x.toml:10:56: \"value\" in a fault is a number without \
          a unit: write \"5ms\" or \"5s\"",
        ),
        (
            "{ on = \"database\", kind = \"latency\", value = \"61s\" }",
            "x.toml:10:56: \"value\" in a fault is \"61s\": \
          the longest is 60s",
        ),
        (
            "{ on = \"database\", kind = \"bandwidth\", value = 0 }",
            "x.toml:10:58: \"value\" in a fault is 0: it must be \
          between 1 and 100000000000 bytes per second",
        ),
        (
            "{ on = \"database\", kind = \"bandwidth\", value = \"2KiB/s\" }",
            "x.toml:10:58: \"value\" in a fault is \"2KiB/s\": \
          write the bytes per second as a number, such as 100_000",
        ),
        (
            "{ on = \"database\", kind = \"bandwidth\", value = true }",
            "x.toml:10:58: \"value\" in a fault must be \
          the bytes per second as a number, such as 100_000, not a boolean",
        ),
        (
            "{ on = \"database\", kind = \"drop\", value = 1 }",
            "x.toml:10:45: unknown key \"value\" in a fault; it is one \
          of on, kind",
        ),
        (
            "{ on = \"service\", kind = \"knob\", value = 1 }",
            "x.toml:10:11: a fault needs \"key\": key = \
          \"db.simulated_delay\"",
        ),
        (
            "{ on = \"service\", kind = \"knob\", key = \"k\", value = [] }",
            "x.toml:10:63: \"value\" in a fault must be a \
          text, number or boolean, not a list",
        ),
        (
            "{ kind = \"drop\" }",
            "x.toml:10:11: a fault needs \"on\": on = \"database\"",
        ),
        (
            "\"drop\"",
            "x.toml:10:11: a fault must be a table, not a text",
        ),
        (
            "{ on = \"service\", kind = \"pause\" }, { on = \"service\", kind = \"kill\" }",
            "x.toml:10:47: another fault of \
          this phase already does this to the same part: keep one",
        ),
    ] {
        assert_eq!(complaints_about(&fault(written)), [message], "{written}");
    }
}
