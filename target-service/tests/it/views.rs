//! Views of posts: counted once, written behind, and what a crash takes with it.

use serde_json::json;

use crate::support::{PATIENT, Settings, TestApp, TestDatabase, TestRedis, until};

/// Longer than any test.
const NEVER: (&str, &str) = ("views.interval", "1h");

async fn on(database: TestDatabase, redis: &TestRedis, settings: Settings<'_>) -> TestApp {
    let url = redis.url();
    let own = [
        ("redis.url", url.as_str()),
        ("redis.timeout.command", "20s"),
        ("redis.timeout.connect", "20s"),
        ("redis.timeout.wait", "20s"),
    ];
    let app = TestApp::on(database, &[&own, PATIENT, settings].concat()).await;
    until("the service is ready", async || {
        app.get("/readyz").await.status == 200
    })
    .await;
    app
}

async fn write_post(app: &TestApp) -> String {
    let author = app.register("kim").await;
    let body = json!({"member_id": author, "contents": "one"});
    let answer = app.post("/posts", body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.body["view_count"], 0);
    format!("/posts/{}", answer.body["id"])
}

async fn look(app: &TestApp, path: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(app.get(path).await.status, 200);
    }
}

/// What the database says: asking the service would be a view.
async fn written(database: &TestDatabase) -> i64 {
    let mut connection = database.connect().await;
    sqlx::query_scalar("SELECT sum(view_count)::bigint FROM posts")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

async fn until_written(app: &TestApp, views: i64) {
    until("views are written", async || {
        written(&app.database).await == views
    })
    .await;
}

#[tokio::test]
async fn every_strategy_counts_each_view_once_and_off_counts_none() {
    let redis = TestRedis::start().await;
    for strategy in ["direct", "memory", "redis"] {
        let settings = [("views.strategy", strategy), ("views.interval", "10ms")];
        let app = on(TestDatabase::create().await, &redis, &settings).await;
        let path = write_post(&app).await;
        look(&app, &path, 7).await;
        assert_eq!(app.get("/posts/999999").await.status, 404);
        until_written(&app, 7).await;
        assert_eq!(app.get(&path).await.body["view_count"], 7, "{strategy}");
        until_written(&app, 8).await;
        assert_eq!(
            app.metric("target_post_views_counted_total", &[]).await,
            8.0
        );
        assert_eq!(
            app.metric("target_post_views_written_total", &[]).await,
            8.0
        );

        app.set_knobs(json!({"views.strategy": "off"})).await;
        look(&app, &path, 3).await;
        assert_eq!(
            app.metric("target_post_views_counted_total", &[]).await,
            8.0
        );
    }
}

#[tokio::test]
async fn views_wait_for_a_database_that_does_not_take_them() {
    let redis = TestRedis::start().await;
    for strategy in ["memory", "redis"] {
        let settings = [
            ("views.strategy", strategy),
            ("views.interval", "10ms"),
            ("db.lock_timeout", "20ms"),
        ];
        let app = on(TestDatabase::create().await, &redis, &settings).await;
        let path = write_post(&app).await;
        let mut other = app.connect().await;
        for statement in ["BEGIN", "SELECT FROM posts FOR UPDATE"] {
            sqlx::query(statement).execute(&mut other).await.unwrap();
        }
        look(&app, &path, 3).await;
        app.wait_until_someone_waits_for_a_lock().await;
        look(&app, &path, 2).await;
        assert_eq!(written(&app.database).await, 0);
        sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
        until_written(&app, 5).await;
        let pending = app.metric("target_post_views_pending", &[]).await;
        assert_eq!(pending, 0.0, "{strategy}");
    }
}

#[tokio::test]
async fn a_shutdown_writes_what_is_counted() {
    let redis = TestRedis::start().await;
    for strategy in ["memory", "redis"] {
        let settings = [("views.strategy", strategy), NEVER];
        let mut app = on(TestDatabase::create().await, &redis, &settings).await;
        let path = write_post(&app).await;
        look(&app, &path, 4).await;
        assert_eq!(written(&app.database).await, 0);
        app.terminate();
        assert_eq!(app.exit_code().await, Some(0));
        assert_eq!(written(&app.database).await, 4, "{strategy}");
    }
}

#[tokio::test]
async fn a_crash_takes_what_only_the_process_knew_of_and_says_before_how_much_that_is() {
    let redis = TestRedis::start().await;
    for (strategy, kept) in [("memory", 0), ("redis", 4)] {
        let settings = [("views.strategy", strategy), NEVER];
        let mut app = on(TestDatabase::create().await, &redis, &settings).await;
        let path = write_post(&app).await;
        look(&app, &path, 4).await;
        let at_risk = app.metric("target_post_views_pending", &[]).await;
        assert_eq!(at_risk, 4.0 - f64::from(kept), "{strategy}");
        app.kill().await;

        let again = [("views.strategy", strategy), ("views.interval", "10ms")];
        let app = on(app.into_database().await, &redis, &again).await;
        until_written(&app, i64::from(kept)).await;
        look(&app, &path, 1).await;
        until_written(&app, i64::from(kept) + 1).await;
    }
}

#[tokio::test]
async fn views_that_were_counted_in_redis_are_written_when_they_are_counted_elsewhere_by_then() {
    let redis = TestRedis::start().await;
    let settings = [("views.strategy", "redis"), ("views.interval", "300ms")];
    let app = on(TestDatabase::create().await, &redis, &settings).await;
    let path = write_post(&app).await;
    look(&app, &path, 3).await;
    app.set_knobs(json!({"views.strategy": "memory"})).await;
    look(&app, &path, 2).await;
    until_written(&app, 5).await;
}

#[tokio::test]
async fn a_batch_that_was_written_but_not_dropped_is_not_written_again() {
    let redis = TestRedis::start().await;
    let settings = [("views.strategy", "redis"), ("views.interval", "10ms")];
    let app = on(TestDatabase::create().await, &redis, &settings).await;
    let path = write_post(&app).await;
    let post = path.trim_start_matches("/posts/");
    let number = "11111111-2222-4333-8444-555555555555";
    // As whoever wrote it left it when it died.
    let mut other = app.connect().await;
    for statement in [
        "UPDATE posts SET view_count = 3 WHERE $1 <> ''",
        "INSERT INTO post_view_batches (id) VALUES ($1)",
    ] {
        let query = sqlx::query(statement).bind(number);
        query.execute(&mut other).await.unwrap();
    }
    let mut connection = redis.connect().await;
    let () = redis::cmd("HSET")
        .arg("target:post:views:batch")
        .arg(&["number", number, post, "3", "nonsense", "x"])
        .query_async(&mut connection)
        .await
        .unwrap();
    look(&app, &path, 2).await;
    until_written(&app, 5).await;
}

#[tokio::test]
async fn without_redis_views_are_counted_in_memory() {
    let redis = TestRedis::start().await;
    let settings = [("views.strategy", "redis"), ("views.interval", "10ms")];
    let app = on(TestDatabase::create().await, &redis, &settings).await;
    let path = write_post(&app).await;
    redis.kill();
    look(&app, &path, 3).await;
    until_written(&app, 3).await;
}

#[tokio::test]
async fn counting_in_redis_is_refused_where_there_is_none() {
    let app = TestApp::start().await;
    let patch = json!({"views.strategy": "redis"});
    let answer = app
        .admin(reqwest::Method::PATCH, "/admin/knobs", Some(patch))
        .await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.text.contains("views.strategy"), "{answer:?}");
}
