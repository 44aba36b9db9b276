//! The connections to Redis: what a command comes to when Redis is there, slow, silent, gone or full of
//! nonsense.

use std::sync::Arc;
use std::time::Duration;

use redis::cmd;
use reqwest::Method;
use serde_json::{Value, json};
use target_service::context::RequestContext;
use target_service::ids::RequestId;
use target_service::redis::{Redis, RedisError};
use tokio::time::Instant;

use crate::support::{Proxy, TestApp, TestRedis, until};

fn client(url: &str, options: &Value) -> Redis {
    let mut config = json!({ "url": url });
    config.as_object_mut().unwrap().extend(
        options
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    Redis::new(&serde_json::from_value(config).unwrap()).unwrap()
}

fn request() -> RequestContext {
    RequestContext::new(RequestId::generate(), None, Arc::default())
}

async fn client_id(redis: &Redis) -> Result<u64, RedisError> {
    redis
        .query(&request(), "test", cmd("CLIENT").arg("ID"))
        .await
}

#[tokio::test]
async fn a_command_is_answered_and_its_connection_used_again() {
    let server = TestRedis::start().await;
    let redis = client(&server.url(), &json!({}));
    let ctx = request();
    let set: String = redis
        .query(&ctx, "test", cmd("SET").arg("key").arg("value"))
        .await
        .unwrap();
    assert_eq!(set, "OK");
    let held: Option<String> = redis
        .query(&ctx, "test", cmd("GET").arg("key"))
        .await
        .unwrap();
    assert_eq!(held.as_deref(), Some("value"));
    assert!(ctx.time_split().redis() > Duration::ZERO);
    assert_eq!(
        client_id(&redis).await.unwrap(),
        client_id(&redis).await.unwrap()
    );
}

#[tokio::test]
async fn who_finds_all_connections_in_use_gives_up_waiting() {
    let server = TestRedis::start().await;
    let redis = client(
        &server.url(),
        &json!({ "pool": { "max_size": 1 }, "timeout": { "wait": "20ms" } }),
    );
    let held = redis.acquire(&request()).await.unwrap();
    let refused = client_id(&redis).await;
    assert!(
        matches!(refused, Err(RedisError::WaitTimeout { .. })),
        "{refused:?}"
    );
    drop(held);
    client_id(&redis).await.unwrap();
}

#[tokio::test]
async fn a_silent_server_is_waited_for_as_long_as_is_allowed_and_its_late_answer_is_nobodys() {
    let server = TestRedis::start().await;
    let proxy = Proxy::to(server.address()).await;
    let url = format!("redis://{}/", proxy.address());
    let redis = client(
        &url,
        &json!({ "pool": { "max_size": 1 }, "timeout": { "command": "100ms", "connect": "20s", "wait": "20s" } }),
    );
    client_id(&redis).await.unwrap();
    proxy.stall();
    let echo = |text: &'static str| {
        let redis = redis.clone();
        async move {
            redis
                .query::<String>(&request(), "test", cmd("ECHO").arg(text))
                .await
        }
    };
    let late = echo("late").await;
    assert!(
        matches!(late, Err(RedisError::CommandTimeout { .. })),
        "{late:?}"
    );
    proxy.flow();
    until("the network lets through again", async || {
        matches!(echo("mine").await.as_deref(), Ok("mine"))
    })
    .await;
    assert_eq!(echo("yours").await.unwrap(), "yours");
}

#[tokio::test]
async fn a_caller_who_leaves_takes_his_connection_along() {
    let server = TestRedis::start().await;
    let redis = client(
        &server.url(),
        &json!({ "pool": { "max_size": 1 }, "timeout": { "command": "20s" } }),
    );
    let first = client_id(&redis).await.unwrap();
    let ctx = request();
    let blocking: Result<_, _> = tokio::time::timeout(
        Duration::from_millis(50),
        redis.query::<redis::Value>(&ctx, "test", cmd("BLPOP").arg("nothing").arg(0)),
    )
    .await;
    assert!(blocking.is_err());
    assert_ne!(client_id(&redis).await.unwrap(), first);
}

#[tokio::test]
async fn a_deadline_ends_the_wait_for_redis() {
    let server = TestRedis::start().await;
    let redis = client(&server.url(), &json!({ "timeout": { "command": "20s" } }));
    let deadline = Instant::now() + Duration::from_millis(50);
    let ctx = RequestContext::new(RequestId::generate(), Some(deadline), Arc::default());
    let blocking = redis
        .query::<redis::Value>(&ctx, "test", cmd("BLPOP").arg("nothing").arg(0))
        .await;
    assert!(
        matches!(blocking, Err(RedisError::DeadlineExceeded)),
        "{blocking:?}"
    );
}

#[tokio::test]
async fn after_a_restart_one_command_is_lost_and_the_next_is_not() {
    let server = TestRedis::start().await;
    let redis = client(
        &server.url(),
        &json!({ "timeout": { "command": "20s", "connect": "20s" } }),
    );
    let (first, second) = (request(), request());
    let (one, two) = tokio::join!(redis.acquire(&first), redis.acquire(&second));
    drop((one.unwrap(), two.unwrap()));
    server.kill();
    let down = client_id(&redis).await;
    assert!(
        matches!(
            down,
            Err(RedisError::ConnectionLost(_) | RedisError::Connect(_))
        ),
        "{down:?}"
    );
    let down = client_id(&redis).await;
    assert!(matches!(down, Err(RedisError::Connect(_))), "{down:?}");
    server.run().await;
    client_id(&redis).await.unwrap();
}

#[tokio::test]
async fn what_redis_refuses_or_answers_amiss_is_told_apart_and_costs_no_connection() {
    let server = TestRedis::start().await;
    let redis = client(&server.url(), &json!({}));
    let before = client_id(&redis).await.unwrap();
    let refused = redis
        .query::<redis::Value>(&request(), "test", &cmd("NONSENSE"))
        .await;
    assert!(
        matches!(refused, Err(RedisError::Refused(_))),
        "{refused:?}"
    );
    let amiss = redis
        .query::<u64>(&request(), "test", cmd("ECHO").arg("words"))
        .await;
    assert!(matches!(amiss, Err(RedisError::Unexpected(_))), "{amiss:?}");
    assert_eq!(client_id(&redis).await.unwrap(), before);
}

#[tokio::test]
async fn who_listens_hears_what_is_published_and_learns_of_the_end() {
    let server = TestRedis::start().await;
    let redis = client(&server.url(), &json!({}));
    let mut listener = redis.listen().await.unwrap();
    listener.subscribe("news").await.unwrap();
    let told: u64 = redis
        .query(
            &request(),
            "test",
            cmd("PUBLISH").arg("news").arg("it rains"),
        )
        .await
        .unwrap();
    assert_eq!(told, 1);
    let message = listener.next().await.unwrap();
    assert_eq!(
        (message.channel.as_str(), message.payload.as_slice()),
        ("news", b"it rains".as_slice())
    );
    server.kill();
    assert!(listener.next().await.is_err());
}

#[tokio::test]
async fn a_service_whose_redis_is_down_is_ready_and_says_what_it_does_without() {
    let server = TestRedis::start().await;
    let url = server.url();
    let app = TestApp::with(&[("redis.url", &url)]).await;
    until("nothing is done without", async || {
        app.get("/readyz").await.body["degraded"] == json!([])
    })
    .await;
    server.kill();
    let answer = app.get("/readyz").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["degraded"][0]["dependency"], "redis");
    assert!(app.metric("target_redis_errors_total", &[]).await > 0.0);
    server.run().await;
    let answer = app.get("/readyz").await;
    assert_eq!(answer.body["degraded"], json!([]));
}

#[tokio::test]
async fn the_timeouts_are_knobs_and_there_are_none_without_redis() {
    let server = TestRedis::start().await;
    let url = server.url();
    let app = TestApp::with(&[("redis.url", &url)]).await;
    app.set_knobs(json!({ "redis.timeout.command": "77ms" }))
        .await;
    let config = app.admin(Method::GET, "/admin/config", None).await.body;
    assert_eq!(config["redis"]["timeout"]["command"], "77ms");
    let refused = app
        .admin(
            Method::PATCH,
            "/admin/knobs",
            Some(json!({ "redis.timeout.command": "0s" })),
        )
        .await;
    assert_eq!(refused.status, 422);

    let without = TestApp::start().await;
    let refused = without
        .admin(
            Method::PATCH,
            "/admin/knobs",
            Some(json!({ "redis.timeout.command": "77ms" })),
        )
        .await;
    assert_eq!(refused.status, 422);
    assert_eq!(without.get("/readyz").await.body["degraded"], json!([]));
}
