//! The calendar of a member's posts over HTTP, from either source.

use serde_json::{Value, json};

use crate::support::TestApp;

/// Posts on 1 March (two), 3 March and 31 March 2024, as the service would have written them then.
async fn write_in_march(app: &TestApp, author: i64) {
    let mut database = app.connect().await;
    sqlx::query(
        "WITH written AS ( \
             INSERT INTO posts (member_id, contents, created_at, created_date) \
             SELECT $1, 'hello', day, day FROM unnest('{2024-03-01,2024-03-01,2024-03-03,2024-03-31}'::date[]) day \
             RETURNING member_id, created_date \
         ) \
         INSERT INTO post_daily_counts SELECT member_id, created_date, count(*) FROM written GROUP BY 1, 2",
    )
    .bind(author)
    .execute(&mut database)
    .await
    .unwrap();
}

fn path(author: i64, from: &str, to: &str) -> String {
    format!("/members/{author}/post-calendar?from={from}&to={to}")
}

#[tokio::test]
async fn only_days_with_posts_are_shown_ascending_and_both_ends_belong() {
    let app = TestApp::start().await;
    let (author, other) = (app.register("kim").await, app.register("lee").await);
    write_in_march(&app, author).await;
    write_in_march(&app, other).await;
    for source in ["raw", "preaggregated"] {
        app.set_knobs(json!({"calendar.source": source})).await;
        for (from, to, expected) in [
            (
                "2024-03-01",
                "2024-03-31",
                json!([
                    {"date": "2024-03-01", "count": 2},
                    {"date": "2024-03-03", "count": 1},
                    {"date": "2024-03-31", "count": 1},
                ]),
            ),
            (
                "2024-03-02",
                "2024-03-30",
                json!([{"date": "2024-03-03", "count": 1}]),
            ),
            (
                "2024-03-03",
                "2024-03-03",
                json!([{"date": "2024-03-03", "count": 1}]),
            ),
            ("2024-03-04", "2024-03-30", json!([])),
        ] {
            let answer = app.get(&path(author, from, to)).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body, expected, "{source} {from} {to}");
        }
    }
}

#[tokio::test]
async fn posts_written_under_either_source_show_in_both() {
    let app = TestApp::start().await;
    let author = app.register("kim").await;
    let mut today = Value::Null;
    for source in ["raw", "preaggregated", "raw"] {
        app.set_knobs(json!({"calendar.source": source})).await;
        let post = app
            .post("/posts", json!({"member_id": author, "contents": "hello"}))
            .await;
        today = post.body["created_date"].clone();
    }
    // Around midnight the three may be spread over two days.
    for source in ["raw", "preaggregated"] {
        app.set_knobs(json!({"calendar.source": source})).await;
        let to = today.as_str().unwrap();
        let from = to.parse::<chrono::NaiveDate>().unwrap() - chrono::Days::new(1);
        let answer = app.get(&path(author, &from.to_string(), to)).await;
        let total: i64 = answer
            .body
            .as_array()
            .unwrap()
            .iter()
            .map(|day| day["count"].as_i64().unwrap())
            .sum();
        assert_eq!(total, 3, "{source}: {answer:?}");
    }
}

#[tokio::test]
async fn the_source_decides_which_table_is_read() {
    let app = TestApp::start().await;
    let author = app.register("kim").await;
    write_in_march(&app, author).await;
    let mut database = app.connect().await;
    sqlx::query("UPDATE post_daily_counts SET posts = 70")
        .execute(&mut database)
        .await
        .unwrap();
    let count_on_the_third = async |source: &str| {
        app.set_knobs(json!({"calendar.source": source})).await;
        app.get(&path(author, "2024-03-03", "2024-03-03"))
            .await
            .body[0]["count"]
            .clone()
    };
    assert_eq!(count_on_the_third("raw").await, 1);
    assert_eq!(count_on_the_third("preaggregated").await, 70);
}

#[tokio::test]
async fn a_range_may_be_as_long_as_configured_and_no_longer() {
    let app = TestApp::start().await;
    let author = app.register("kim").await;
    assert_eq!(
        app.get(&path(author, "2024-01-01", "2024-12-31"))
            .await
            .status,
        200
    );
    let longer = app.get(&path(author, "2024-01-01", "2025-01-01")).await;
    longer.assert_problem(422, "invalid");
    assert_eq!(longer.field_errors(), [("to", "range_too_long")]);

    app.set_knobs(json!({"calendar.max_days": 31})).await;
    assert_eq!(
        app.get(&path(author, "2024-03-01", "2024-03-31"))
            .await
            .status,
        200
    );
    assert_eq!(
        app.get(&path(author, "2024-03-01", "2024-04-01"))
            .await
            .status,
        422
    );
}

#[tokio::test]
async fn ranges_that_are_none_are_refused_by_field() {
    let app = TestApp::start().await;
    let author = app.register("kim").await;
    for (from, to, expected) in [
        ("2023-02-29", "2023-03-01", ("from", "invalid_date")),
        ("2023-02-28", "2023-2-28", ("to", "invalid_date")),
        ("", "2023-02-28", ("from", "invalid_date")),
        ("2023-03-01", "2023-02-28", ("to", "before_from")),
        ("0001-01-01", "9999-12-31", ("to", "range_too_long")),
    ] {
        let answer = app.get(&path(author, from, to)).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [expected], "{from} {to}");
    }
    for query in [
        "",
        "?from=2024-03-01",
        "?to=2024-03-01",
        "?from=2024-03-01&to=2024-03-01&zone=UTC",
    ] {
        let answer = app
            .get(&format!("/members/{author}/post-calendar{query}"))
            .await;
        assert_eq!(answer.status, 422, "{query}");
    }
}

#[tokio::test]
async fn the_calendar_of_nobody_is_not_found() {
    let app = TestApp::start().await;
    for source in ["raw", "preaggregated"] {
        app.set_knobs(json!({"calendar.source": source})).await;
        app.get(&path(999, "2024-03-01", "2024-03-31"))
            .await
            .assert_problem(404, "member_not_found");
    }
}

#[tokio::test]
async fn a_simulated_delay_beyond_the_statement_timeout_ends_the_query() {
    let app = TestApp::start().await;
    let author = app.register("kim").await;
    write_in_march(&app, author).await;
    for source in ["raw", "preaggregated"] {
        app.set_knobs(json!({
            "calendar.source": source, "db.simulated_delay": "30s", "db.statement_timeout": "50ms",
        }))
        .await;
        let slow = app.get(&path(author, "2024-03-01", "2024-03-31")).await;
        assert!(matches!(slow.status, 503 | 504), "{source}: {slow:?}");
        app.set_knobs(json!({"db.simulated_delay": "0s"})).await;
        assert_eq!(
            app.get(&path(author, "2024-03-01", "2024-03-31"))
                .await
                .status,
            200
        );
    }
}
