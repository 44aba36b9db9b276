//! Quick runs of the scenarios about caches: that the arms are what they are called, and that the service's
//! counters and those of its witnesses tell of the same.

// Counts are doubles that hold whole numbers.
#![allow(clippy::float_cmp)]

use serde_json::Value;

use super::quick;

#[test]
fn stampede() {
    let record = quick("stampede");
    let arms = record["arms"].as_array().unwrap();
    let guards: Vec<_> = arms
        .iter()
        .map(|arm| {
            let effective = &arm["effective"];
            assert!(effective["redis"]["version"].is_string(), "{effective}");
            let cache = &effective["service"]["cache"];
            assert_eq!(cache["tier"], "redis", "{cache}");
            let instances = effective["instances"].as_u64().unwrap();
            (cache["guard"].as_str().unwrap(), instances)
        })
        .collect();
    assert_eq!(
        guards,
        [
            ("none", 1),
            ("single_flight", 1),
            ("lock", 1),
            ("stale_while_revalidate", 1),
            ("none", 3),
            ("single_flight", 3),
            ("lock", 3),
        ]
    );
    for arm in arms {
        assert_the_cache_was_asked(arm);
    }
}

#[test]
fn stampede_early() {
    let record = quick("stampede-early");
    for (arm, instances) in record["arms"].as_array().unwrap().iter().zip([1, 3]) {
        assert_eq!(arm["effective"]["instances"], instances);
        let cache = &arm["effective"]["service"]["cache"];
        assert_eq!(cache["guard"], "early", "{cache}");
        assert_the_cache_was_asked(arm);
    }
}

/// And Redis has seen the same. The loads themselves may take longer than a quick run.
fn assert_the_cache_was_asked(arm: &Value) {
    // The very first load may have begun before the first reading.
    for either in [
        ["cache_requests", "cache_hits"],
        ["cache_misses", "cache_origin_fetches"],
        ["redis_server_hits", "redis_server_misses"],
    ] {
        let seen: f64 = either.iter().map(|figure| total(arm, figure)).sum();
        assert!(seen > 0.0, "{either:?} in {arm}");
    }
}

#[test]
fn stampede_query() {
    let record = quick("stampede-query");
    for arm in record["arms"].as_array().unwrap() {
        let service = &arm["effective"]["service"];
        assert_eq!(service["db"]["simulated_delay"], "500ms", "{service}");
        assert_eq!(service["cache"]["tier"], "redis", "{service}");
        let phases = arm["rounds"][0]["phases"].as_array().unwrap();
        let waited = phases
            .iter()
            .any(|phase| phase["server"]["cache_misses"].as_f64() > Some(0.0));
        assert!(waited, "the first of all finds nothing: {phases:?}");
    }
}

/// The cache's configuration in each arm, and what an arm's figure adds up to over the phases.
fn caches(record: &Value) -> Vec<(&Value, &Value)> {
    let arms = record["arms"].as_array().unwrap().iter();
    arms.map(|arm| (&arm["effective"]["service"]["cache"], arm))
        .collect()
}

fn total(arm: &Value, figure: &str) -> f64 {
    let phases = arm["rounds"][0]["phases"].as_array().unwrap().iter();
    phases
        .filter_map(|phase| phase["server"][figure].as_f64())
        .sum()
}

/// How often, as the generator counts it: that is known on the busiest machine.
fn asked(arm: &Value, step: &str) -> u64 {
    let phases = arm["rounds"][0]["phases"].as_array().unwrap().iter();
    phases
        .filter_map(|phase| phase["steps"][step]["count"].as_u64())
        .sum()
}

#[test]
fn cache_tiers() {
    let record = quick("cache-tiers");
    let caches = caches(&record);
    let tiers: Vec<_> = caches.iter().map(|(cache, _)| &cache["tier"]).collect();
    assert_eq!(tiers, ["off", "local", "redis", "two_level"]);
    for (cache, arm) in caches {
        assert_eq!(arm["effective"]["instances"], 3);
        let tier = cache["tier"].as_str().unwrap();
        if matches!(tier, "off" | "local") {
            let looks = ["redis_server_hits", "redis_server_misses"];
            assert_eq!(looks.map(|figure| total(arm, figure)), [0.0, 0.0], "{tier}");
        }
        let hits = total(arm, "cache_hits");
        assert!(tier != "off" || hits == 0.0, "{hits} hits without a cache");
        for step in ["GET /posts/{id}", "GET /surveys"] {
            assert!(asked(arm, step) > 0, "{tier}: {step} is asked for");
        }
    }
}

#[test]
fn eviction() {
    let record = quick("eviction");
    let caches = caches(&record);
    let policies: Vec<_> = caches
        .iter()
        .map(|(cache, _)| (cache["eviction"].as_str(), cache["max_entries"].as_u64()))
        .collect();
    assert_eq!(
        policies,
        [
            (Some("lru"), Some(100)),
            (Some("tiny_lfu"), Some(100)),
            (Some("lru"), Some(500)),
            (Some("tiny_lfu"), Some(500)),
        ]
    );
    for (_, arm) in caches {
        assert!(asked(arm, "GET /posts/{id}") > 0);
    }
}

#[test]
fn prewarm() {
    let record = quick("prewarm");
    let [cold, warm] = [0, 1].map(|arm| &record["arms"][arm]);
    let posts = |arm: &Value| arm["effective"]["service"]["prewarm"]["posts"].as_u64();
    assert_eq!((posts(cold), posts(warm)), (Some(0), Some(18_000)));
    // All posts of a quick run are fewer than that.
    assert!(total(cold, "pg_post_selects") > 0.0);
    assert_eq!(total(warm, "cache_misses"), 0.0);
    assert_eq!(total(warm, "pg_post_selects"), 0.0);
}
