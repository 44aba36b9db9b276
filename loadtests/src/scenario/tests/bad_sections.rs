//! Mistakes within the sections, with its line and its way out.

use super::{PLAIN, complaints, complaints_about};

/// Each text follows the plain scenario from line 10 on, and has exactly one thing wrong with it.
fn check(cases: &[(&str, &str)]) {
    for (section, message) in cases {
        assert_eq!(complaints_about(section), [*message], "{section}");
    }
}

#[test]
fn unknown_keys_get_the_nearest_known_one() {
    check(&[
        (
            "[provider]\ncapacity = 4\n",
            "x.toml:10:2: unknown key \"provider\" in the scenario; it is one of name, title, \
         hypothesis, shows, rounds, seed, target, slo, claims, thresholds, arms, sweep, search, environment, service, \
         gateway, redis, load, \
          phases, journeys",
        ),
        (
            "[enviroment]\n",
            "x.toml:10:2: unknown key \"enviroment\" in the scenario; did you mean \"environment\"?",
        ),
        (
            "durration = \"5s\"\n",
            "x.toml:10:1: unknown key \"durration\" in [[phases]]; did you mean \"duration\"?",
        ),
        (
            "[load]\narival = \"poisson\"\n",
            "x.toml:11:1: unknown key \"arival\" in [load]; did you mean \"arrivals\"?",
        ),
        (
            "[environment]\nprometheus = true\n",
            "x.toml:11:1: unknown key \"prometheus\" in [environment]; it is one of \
          lifetime, instances, sticky, dataset, edges, heal",
        ),
        (
            "[environment]\ndataset = { member = 5 }\n",
            "x.toml:11:13: unknown key \"member\" in environment.dataset; did \
          you mean \"members\"?",
        ),
        (
            "[[claims]]\nsay = \"x\"\nsays = \"x\"\ncheck = \"y\"\n",
            "x.toml:11:1: unknown key \"say\" in [[claims]]; did \
          you mean \"says\"?",
        ),
        (
            "[slo]\np98 = \"1s\"\n",
            "x.toml:11:1: unknown key \"p98\" in [slo]; did you mean \"p99\"?",
        ),
    ]);
}

#[test]
fn all_mistakes_are_shown_at_once() {
    assert_eq!(
        complaints(
            "nam = \"x\"\n[[phases]]\nname = \"p\"\nduration = \"5\"\nrate = 0\n[load]\nusers = 0\n"
        ),
        [
            "x.toml:1:1: the scenario needs \"name\": name = \"my-scenario\"",
            "x.toml:1:1: unknown key \"nam\" in the scenario; did you mean \"name\"?",
            "x.toml:4:12: \"duration\" in [[phases]] is \"5\", which has no unit: write \"5ms\" or \"5s\"",
            "x.toml:5:8: \"rate\" in [[phases]] is 0: a phase without arrivals measures nothing",
            "x.toml:7:9: \"users\" in [load] is 0: it must be between 1 and 100000",
        ]
    );
}

#[test]
fn environments_are_of_known_kinds_and_sizes() {
    check(&[
        (
            "[environment]\nlifetime = \"forever\"\n",
            "x.toml:11:12: \"lifetime\" in [environment] is \"forever\"; it is one \
          of trial, arm, run",
        ),
        (
            "[environment]\ninstances = 17\n",
            "x.toml:11:13: \"instances\" in [environment] is 17: it must be between 1 and 16",
        ),
        (
            "[environment]\nsticky = true\n",
            "x.toml:11:10: \"sticky\" in [environment] has nothing to act on: there is one \
          instance, and no balancer in front of it",
        ),
        (
            "[environment]\ndataset = { skew = \"zipff\" }\n",
            "x.toml:11:20: \"skew\" in environment.dataset is \"zipff\"; \
          did you mean \"zipf\"?",
        ),
        (
            "[environment]\ndataset = { members = 0 }\n",
            "x.toml:11:23: \"members\" in environment.dataset is 0: it must \
          be between 1 and 10000000",
        ),
        (
            "[environment]\ndataset = { members = 5, survey_likes = 6 }\n",
            "x.toml:11:41: \"survey_likes\" in environment.dataset is 6: a member likes a survey \
          once, and there are 5 members",
        ),
        (
            "[environment]\nedges = { valkey = {} }\n",
            "x.toml:11:11: unknown key \"valkey\" in environment.edges; it is one \
          of client, database, redis, gateway",
        ),
        (
            "[environment]\nedges = { database = { latency = 5 } }\n",
            "x.toml:11:34: \"latency\" in \
          environment.edges.database is a number without a unit: write \"5ms\" or \"5s\"",
        ),
        (
            "environment = 5\n",
            "x.toml:10:1: unknown key \"environment\" in [[phases]]; it is one of name, duration, rate, \
          warmup, faults",
        ),
    ]);
}

#[test]
fn loads_do_not_contradict_themselves() {
    check(&[
        (
            "[load]\narrivals = \"poison\"\n",
            "x.toml:11:12: \"arrivals\" in [load] is \"poison\"; did you mean \
          \"poisson\"?",
        ),
        (
            "[load]\nclient_timeout = \"1s\"\ndeadline = \"2s\"\n",
            "x.toml:11:18: \"client_timeout\" in [load] stands for \
          \"attempt_timeout\" and \"deadline\" together: write it or them",
        ),
        (
            "[load]\nattempt_timeout = \"3s\"\ndeadline = \"1s\"\n",
            "x.toml:11:19: \"attempt_timeout\" in [load] is longer \
          than the deadline: it could never act",
        ),
        (
            "[load]\nretry = { max = 2 }\n",
            "x.toml:10:1: [load] retries, so it needs \"deadline\", which bounds an arrival \
          with all its attempts: deadline = \"10s\"",
        ),
        (
            "[load]\nretry = {}\n",
            "x.toml:11:9: load.retry needs \"max\": max = 2",
        ),
        (
            "[load]\nretry = { max = 0, budget = 2 }\n",
            "x.toml:11:29: \"budget\" in load.retry is 2: a share is above 0 \
          and at most 1",
        ),
        (
            "[load]\nretry = { max = 0, backoff = \"some\" }\n",
            "x.toml:11:30: \"backoff\" in load.retry is unknown: write \
          \"none\" or { base = \"50ms\", cap = \"1s\", jitter = \"full\" }",
        ),
        (
            "[load]\nretry = { max = 0, backoff = { base = \"2s\", cap = \"1s\" } }\n",
            "x.toml:11:30: \"backoff\" in \
          load.retry has a \"cap\" below its \"base\"",
        ),
        (
            "[load]\njourneys = { brouse = 1 }\n",
            "x.toml:11:14: unknown journey \"brouse\"; did you mean \"browse\"?",
        ),
        (
            "[load]\njourneys = { browse = 0 }\n",
            "x.toml:11:23: \"browse\" in [load] has the weight 0: it must be above 0",
        ),
        (
            "[load]\njourneys = {}\n",
            "x.toml:11:12: \"journeys\" in [load] is empty: give at least one journey a weight, \
          such as { mix = 1 }",
        ),
        (
            "[load]\nheaders = { \"a b\" = \"c\" }\n",
            "x.toml:11:13: \"a b\" is not the name of a header",
        ),
        (
            "[load]\nheaders = { a = \"b\\nc\" }\n",
            "x.toml:11:17: \"a\" in [load] holds characters that a header cannot \
          carry",
        ),
        (
            "[load]\nheaders = { a = \"{{seq}}\" }\n",
            "x.toml:11:17: \"a\" in [load] holds \"{{\", which is filled in only in the headers of a step",
        ),
        (
            "[slo]\n",
            "x.toml:10:1: [slo] is empty: it takes p99 = \"500ms\", success = 0.99, or both",
        ),
        (
            "[slo]\nsuccess = 1.5\n",
            "x.toml:11:11: \"success\" in [slo] is 1.5: a share is above 0 and at most 1",
        ),
    ]);
    let closed = format!(
        "{}[load]\nclosed = {{ users = 5 }}\nusers = 5\n",
        PLAIN.replace("rate = 50\n", "")
    );
    assert_eq!(
        complaints(&closed),
        [
            "x.toml:8:8: \"rate\" in [[phases]] has no meaning when load.closed says how many users there are: remove one",
            "x.toml:10:10: \"closed\" in [load] excludes \"arrivals\" and \"users\": a closed load has no arrivals of its \
             own",
        ]
    );
}

#[test]
fn journeys_are_requests_that_can_be_sent() {
    let step = |step: &str| format!("[[journeys]]\nname = \"shop\"\nsteps = [{step}]\n");
    for (written, message) in [
        (
            "{}",
            "x.toml:12:10: a step needs \"path\": path = \"/items/{{id}}\"",
        ),
        (
            "{ path = \"items\" }",
            "x.toml:12:19: \"path\" in a step is \"items\": it must begin with \"/\"; the host is \
          [target] base_url",
        ),
        (
            "{ path = \"/a b\" }",
            "x.toml:12:19: \"path\" in a step holds a space or control character: encode it, such as \
          %20",
        ),
        (
            "{ path = \"/{{id\" }",
            "x.toml:12:19: \"path\" in a step has a \"{{\" without its \"}}\"",
        ),
        (
            "{ path = \"/{{}}\" }",
            "x.toml:12:19: \"path\" in a step has a variable without a name: write {{id}}",
        ),
        (
            "{ path = \"/{{id}}\", extract = { id = \"/id\" } }",
            "x.toml:12:19: \"path\" in a step has {{id}}, which no earlier step extracts; it is one of seq, uuid, \
             random(LOW, HIGH)",
        ),
        (
            "{ path = \"/\", extract = { id = \"/id\" } },\n{ path = \"/{{id}}/{{random(1, 3)}}\",\n\
             body = { a = [\n\"{{di}}\"] } }",
            "x.toml:15:1: \"body\" in a step has {{di}}, which no earlier step extracts; did you mean \"id\"?",
        ),
        (
            "{ path = \"/\", headers = { a = \"{{random(3, 1)}}\" } }",
            "x.toml:12:40: \"headers\" in a step has {{random(3, 1)}}: write {{random(LOW, HIGH)}} with whole \
             numbers, the lower one first",
        ),
        (
            "{ path = \"/\", extract = { uuid = \"/id\" } }",
            "x.toml:12:36: {{uuid}} has a meaning of its own: choose another name",
        ),
        (
            "{ path = \"/\", extract = { id = { header = \"a b\" } } }",
            "x.toml:12:41: \"id\" in a step is \"a b\", which is not the name of a header",
        ),
        (
            "{ path = \"/\", method = \"get\" }",
            "x.toml:12:33: \"method\" in a step is \"get\": it is one of GET, HEAD, \
          POST, PUT, PATCH, DELETE, OPTIONS",
        ),
        (
            "{ path = \"/\", body = 5 }",
            "x.toml:12:31: \"body\" in a step must be a text, or a table that is sent as JSON, \
          not a number",
        ),
        (
            "{ path = \"/\", expect = { status = 99 } }",
            "x.toml:12:44: \"status\" in expect of a step is 99: a status is \
          between 100 and 599",
        ),
        (
            "{ path = \"/\", extract = { id = \"id\" } }",
            "x.toml:12:41: \"id\" in a step is \"id\": write a JSON pointer \
          such as \"/id\", or { header = \"location\" }",
        ),
        (
            "{ path = \"/\", extract = { a-b = \"/id\" } }",
            "x.toml:12:36: the variable \"a-b\" has a name that holds '-': write \"_\"",
        ),
        (
            "{ path = \"/\", extract = { \"a b\" = \"/id\" } }",
            "x.toml:12:36: the variable \"a b\" has a name that holds \
          ' ': names consist of letters, digits, \"_\" and \"-\"",
        ),
    ] {
        assert_eq!(complaints_about(&step(written)), [message], "{written}");
    }
    check(&[
        (
            "[[journeys]]\nname = \"shop\"\n",
            "x.toml:10:1: [[journeys]] needs \"steps\": steps = [{ method = \"GET\", path = \
          \"/\" }]",
        ),
        (
            "[[journeys]]\nname = \"a\"\nsteps = [{ path = \"/\" }]\n\
             [[journeys]]\nname = \"a\"\nsteps = [{ path = \"/\" }]\n",
            "x.toml:13:1: the journey \"a\" exists already: names must differ",
        ),
    ]);
}

#[test]
fn targets_are_addresses_that_may_be_loaded() {
    check(&[
        (
            "[target]\nbase_url = \"http://127.0.0.1:80\"\n",
            "x.toml:1:1: [load] does not say what to do at the target: \
          write [[journeys]] with steps",
        ),
        (
            "[target]\nallow = [\"example.com\"]\n",
            "x.toml:11:9: \"allow\" in [target] has an element (1.) that is \
          \"example.com\": write a host and a port, such as \"staging.example.com:443\"",
        ),
    ]);
    let journey = "[load]\njourneys = { browse = 1 }\n[target]\nbase_url = ";
    check(&[
        (
            &format!("{journey}\"http://198.51.100.1:8080\"\n"),
            "x.toml:13:12: load goes only to loopback; to send it to \
          198.51.100.1:8080, a scenario file must say so under [target]: allow = [\"198.51.100.1:8080\"]",
        ),
        (
            &format!("{journey}\"http://127.0.0.1:8080\"\n[service]\na = 1\n"),
            "x.toml:14:1: [service] has nothing to act \
          on: [target] base_url is a service that is not ours to start",
        ),
    ]);
}

#[test]
fn claims_and_thresholds_are_complete() {
    check(&[
        (
            "[[claims]]\ncheck = \"true\"\n",
            "x.toml:10:1: [[claims]] needs \"says\": says = \"The pool shields the \
          database\"",
        ),
        (
            "[[claims]]\nsays = \"x\"\ncheck = \" \"\n",
            "x.toml:12:9: \"check\" in [[claims]] is empty",
        ),
        (
            "[[thresholds]]\nphase = \"burst\"\n",
            "x.toml:10:1: [[thresholds]] needs \"rule\": rule = \"p99<500ms\"",
        ),
        (
            "[[thresholds]]\nrule = 5\n",
            "x.toml:11:8: \"rule\" in [[thresholds]] must be a text, not a number",
        ),
    ]);
}
