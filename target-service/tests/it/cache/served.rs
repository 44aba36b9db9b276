//! The service with its caches, as its users and operators see it.

use redis::cmd;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{PATIENT, Settings, TestApp, TestRedis, command, until};

async fn with_cache(redis: &TestRedis, settings: Settings<'_>) -> TestApp {
    let url = redis.url();
    let own = [
        ("redis.url", url.as_str()),
        ("cache.ttl", "1h"),
        ("redis.timeout.command", "20s"),
        ("redis.timeout.connect", "20s"),
        ("redis.timeout.wait", "20s"),
    ];
    let app = TestApp::with(&[&own, PATIENT, settings].concat()).await;
    // What is kept before that is forgotten then.
    until("it hears the other instances", async || {
        app.metric("target_cache_listening", &[]).await == 1.0
    })
    .await;
    app
}

async fn write_post(app: &TestApp, author: i64) -> i64 {
    let answer = app
        .post("/posts", json!({"member_id": author, "contents": "one"}))
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["id"].as_i64().unwrap()
}

async fn fetches(app: &TestApp, cache: &str) -> f64 {
    let label = format!("cache=\"{cache}\"");
    app.metric("target_cache_origin_fetches_total", &[&label])
        .await
}

const TIERS: [&str; 3] = ["local", "redis", "two_level"];

#[tokio::test]
async fn a_post_is_answered_from_the_cache_as_from_the_database_and_shows_its_likes() {
    let redis = TestRedis::start().await;
    for tier in TIERS {
        let app = with_cache(&redis, &[]).await;
        let author = app.register("kim").await;
        let path = format!("/posts/{}", write_post(&app, author).await);
        let plain = app.get(&path).await;
        app.set_knobs(json!({"cache.tier": tier})).await;
        let before = fetches(&app, "post").await;
        for _ in 0..3 {
            let cached = app.get(&path).await;
            assert_eq!((cached.status, &cached.body), (200, &plain.body), "{tier}");
        }
        assert_eq!(fetches(&app, "post").await - before, 1.0, "{tier}");
        let hits = app
            .metric("target_cache_requests_total", &["outcome=\"hit\""])
            .await;
        assert_eq!(hits, 2.0, "{tier}");

        let likes = format!("{path}/likes/{author}");
        assert_eq!(app.put(&likes).await.status, 200);
        assert_eq!(app.get(&path).await.body["like_count"], 1, "{tier}");
        assert_eq!(app.delete(&likes).await.status, 200);
        assert_eq!(app.get(&path).await.body["like_count"], 0, "{tier}");
        let mut connection = redis.connect().await;
        cmd("FLUSHALL").exec_async(&mut connection).await.unwrap();
    }
}

#[tokio::test]
async fn a_missing_post_is_not_kept() {
    let redis = TestRedis::start().await;
    let app = with_cache(&redis, &[("cache.tier", "two_level")]).await;
    let author = app.register("kim").await;
    assert_eq!(app.get("/posts/1").await.status, 404);
    let id = write_post(&app, author).await;
    assert_eq!(app.get(&format!("/posts/{id}")).await.status, 200);
}

#[tokio::test]
async fn a_calendar_from_the_cache_shows_every_new_post() {
    let redis = TestRedis::start().await;
    for tier in TIERS {
        let app = with_cache(&redis, &[("cache.tier", tier)]).await;
        let author = app.register("kim").await;
        let today = chrono::Utc::now().date_naive();
        // A range over the turn of a year has two keys.
        let from = today - chrono::Days::new(364);
        let path = format!("/members/{author}/post-calendar?from={from}&to={today}");
        assert_eq!(app.get(&path).await.body, json!([]), "{tier}");
        for number in 1..=3 {
            write_post(&app, author).await;
            for _ in 0..2 {
                let days = app.get(&path).await.body;
                let posts: i64 = days
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|day| day["count"].as_i64().unwrap())
                    .sum();
                assert_eq!(posts, number, "{tier}: {days}");
            }
        }
        let single = format!("/members/{author}/post-calendar?from={from}&to={from}");
        assert_eq!(app.get(&single).await.body, json!([]), "{tier}");
        let absent = "/members/999/post-calendar?from=2024-01-01&to=2024-01-02";
        assert_eq!(app.get(absent).await.status, 404, "{tier}");
        let mut connection = redis.connect().await;
        cmd("FLUSHALL").exec_async(&mut connection).await.unwrap();
    }
}

#[tokio::test]
async fn a_redis_that_dies_costs_nobody_an_answer_and_is_counted() {
    let redis = TestRedis::start().await;
    let app = with_cache(&redis, &[("cache.tier", "redis")]).await;
    let author = app.register("kim").await;
    let id = write_post(&app, author).await;
    let path = format!("/posts/{id}");
    assert_eq!(app.get(&path).await.status, 200);
    redis.kill();
    for _ in 0..5 {
        assert_eq!(app.get(&path).await.status, 200);
        assert_eq!(app.put(&format!("{path}/likes/{author}")).await.status, 200);
        write_post(&app, author).await;
    }
    assert_eq!(app.get(&path).await.body["like_count"], 1);
    for kind in ["read", "invalidate", "publish"] {
        let label = format!("kind=\"{kind}\"");
        let errors = app.metric("target_cache_errors_total", &[&label]).await;
        assert!(errors > 0.0, "{kind}");
    }
    assert_eq!(app.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_corrupt_value_is_counted_and_costs_nobody_an_answer() {
    let redis = TestRedis::start().await;
    let app = with_cache(&redis, &[("cache.tier", "redis")]).await;
    let author = app.register("kim").await;
    let path = format!("/posts/{}", write_post(&app, author).await);
    let sound = app.get(&path).await.body;
    let mut connection = redis.connect().await;
    let keys: Vec<String> = cmd("KEYS")
        .arg("cache:post:*")
        .query_async(&mut connection)
        .await
        .unwrap();
    for key in &keys {
        let spoil = cmd("SETRANGE").arg(key).arg(60).arg("\u{0}\u{0}").clone();
        spoil.exec_async(&mut connection).await.unwrap();
    }
    assert_eq!(keys.len(), 1);
    assert_eq!(app.get(&path).await.body, sound);
    let corrupt = app
        .metric("target_cache_errors_total", &["kind=\"corrupt\""])
        .await;
    assert_eq!(corrupt, 1.0);
}

#[tokio::test]
async fn what_needs_a_redis_is_refused_where_there_is_none() {
    let app = TestApp::start().await;
    let turn = async |patch: Value| app.admin(Method::PATCH, "/admin/knobs", Some(patch)).await;
    for tier in ["redis", "two_level"] {
        let refused = turn(json!({"cache.tier": tier})).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(refused.text.contains("redis.url"), "{}", refused.text);
    }
    assert_eq!(turn(json!({"cache.tier": "local"})).await.status, 200);
    assert_eq!(turn(json!({"cache.ttl": "0s"})).await.status, 422);

    let started = command(&[("cache.tier", "redis")])
        .arg("check")
        .output()
        .await
        .unwrap();
    assert_eq!(started.status.code(), Some(2));
    let complaint = String::from_utf8_lossy(&started.stderr);
    assert!(
        complaint.contains("cache.tier") && complaint.contains("redis.url"),
        "{complaint}"
    );
}

#[tokio::test]
async fn a_tier_that_is_switched_away_and_back_serves_nothing_from_before() {
    let redis = TestRedis::start().await;
    let app = with_cache(&redis, &[("cache.tier", "local")]).await;
    let author = app.register("kim").await;
    let path = format!("/posts/{}", write_post(&app, author).await);
    assert_eq!(app.get(&path).await.body["like_count"], 0);
    app.set_knobs(json!({"cache.tier": "off"})).await;
    assert_eq!(app.put(&format!("{path}/likes/{author}")).await.status, 200);
    app.set_knobs(json!({"cache.tier": "local"})).await;
    assert_eq!(app.get(&path).await.body["like_count"], 1);
}

#[tokio::test]
async fn every_end_of_a_value_is_counted_once_however_many_load_it() {
    let redis = TestRedis::start().await;
    for tier in TIERS {
        let app = with_cache(&redis, &[("cache.tier", tier)]).await;
        let author = app.register("kim").await;
        let path = format!("/posts/{}", write_post(&app, author).await);
        // Long enough that all ask before the first has loaded.
        app.set_knobs(json!({"cache.recompute_delay": "500ms"}))
            .await;
        let asked = (0..8).map(|_| app.get(&path));
        for answer in futures_util::future::join_all(asked).await {
            assert_eq!(answer.status, 200);
        }
        let loads = fetches(&app, "post").await;
        let expiries = app
            .metric("target_cache_expiries_total", &["cache=\"post\""])
            .await;
        assert!(loads > 1.0, "{loads}");
        assert_eq!(expiries, 1.0, "{tier}");
        until("the others are over", async || {
            app.metric("http_server_active_requests", &[]).await <= 1.0
        })
        .await;
        let mut connection = redis.connect().await;
        cmd("FLUSHALL").exec_async(&mut connection).await.unwrap();
    }
}

/// Whoever begins early, and is overtaken by the end of the value, has replaced it all the same.
#[tokio::test]
async fn a_value_that_runs_out_while_its_successor_is_loaded_is_counted_as_well() {
    let redis = TestRedis::start().await;
    for tier in TIERS {
        let app = with_cache(
            &redis,
            &[
                ("cache.tier", tier),
                ("cache.guard", "early"),
                // So large that every draw is early.
                ("cache.early_beta", "1e15"),
                ("cache.ttl", "300ms"),
                ("cache.recompute_delay", "400ms"),
            ],
        )
        .await;
        let author = app.register("kim").await;
        let path = format!("/posts/{}", write_post(&app, author).await);
        for _ in 0..3 {
            assert_eq!(app.get(&path).await.status, 200);
        }
        let expiries = app
            .metric("target_cache_expiries_total", &["cache=\"post\""])
            .await;
        assert_eq!(
            (fetches(&app, "post").await, expiries),
            (3.0, 3.0),
            "{tier}"
        );
        let mut connection = redis.connect().await;
        cmd("FLUSHALL").exec_async(&mut connection).await.unwrap();
    }
}

/// What is kept in Redis ends once, and not once for each instance.
#[tokio::test]
async fn the_end_of_a_shared_value_is_counted_by_one_instance_though_all_load_it() {
    let redis = TestRedis::start().await;
    for tier in ["redis", "two_level"] {
        for guard in ["none", "single_flight", "early"] {
            let settings = [("cache.tier", tier), ("cache.guard", guard)];
            let (one, other) = (
                with_cache(&redis, &settings).await,
                with_cache(&redis, &settings).await,
            );
            // Databases of their own, and one Redis: the first post of both has the same key.
            let mut paths = Vec::new();
            for app in [&one, &other] {
                let author = app.register("kim").await;
                paths.push(format!("/posts/{}", write_post(app, author).await));
                // Long enough that all ask before the first has loaded.
                app.set_knobs(json!({"cache.recompute_delay": "500ms"}))
                    .await;
            }
            assert_eq!(paths[0], paths[1]);
            let asked = (0..8).map(|number| [&one, &other][number % 2].get(&paths[0]));
            for answer in futures_util::future::join_all(asked).await {
                assert_eq!(answer.status, 200);
            }
            let (mut loads, mut expiries) = (0.0, 0.0);
            for app in [&one, &other] {
                loads += fetches(app, "post").await;
                let of_post = ["cache=\"post\""];
                expiries += app.metric("target_cache_expiries_total", &of_post).await;
            }
            assert!(loads >= 2.0, "{tier} {guard}: {loads}");
            assert_eq!(expiries, 1.0, "{tier} {guard}");
            let mut connection = redis.connect().await;
            cmd("FLUSHALL").exec_async(&mut connection).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_prewarmed_service_is_ready_with_its_newest_posts_in_the_cache() {
    let redis = TestRedis::start().await;
    let url = redis.url();
    let database = {
        let app = TestApp::start().await;
        let author = app.register("kim").await;
        for _ in 0..5 {
            write_post(&app, author).await;
        }
        app.into_database().await
    };
    let settings = [
        ("redis.url", url.as_str()),
        ("cache.tier", "two_level"),
        ("cache.ttl", "1h"),
        ("prewarm.posts", "3"),
    ];
    let app = TestApp::on(database, &settings).await;
    until("it is ready", async || {
        app.get("/readyz").await.status == 200
    })
    .await;
    assert_eq!(fetches(&app, "post").await, 0.0);
    for (id, loads) in [(5, 0.0), (4, 0.0), (3, 0.0), (2, 1.0)] {
        assert_eq!(app.get(&format!("/posts/{id}")).await.status, 200);
        assert_eq!(fetches(&app, "post").await, loads, "post {id}");
    }
}
