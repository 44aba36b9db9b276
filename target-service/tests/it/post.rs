//! Posts over HTTP: writing and reading one.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;

use crate::support::{PATIENT, TestApp};

#[tokio::test]
async fn a_post_can_be_read_where_location_points() {
    let app = TestApp::start().await;
    let author = app.register("kim").await;
    let contents = " 첫 글\n\twith \"quotes\" and 🙂 ";
    let created = app
        .post("/posts", json!({"member_id": author, "contents": contents}))
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    let location = created.header("location").unwrap();
    assert_eq!(location, format!("/posts/{}", created.body["id"]));
    assert_eq!(created.body["contents"], contents);
    assert_eq!(created.body["member_id"], author);
    assert_eq!(created.body["like_count"], 0);

    let read = app.get(&location).await;
    assert_eq!(read.status, 200);
    assert_eq!(read.body, created.body);
}

#[tokio::test]
async fn ten_thousand_characters_fit_and_one_more_does_not() {
    let app = TestApp::start().await;
    let author = app.register("kim").await;
    let write = async |contents: String| {
        app.post("/posts", json!({"member_id": author, "contents": contents}))
            .await
    };
    assert_eq!(write("글".repeat(10_000)).await.status, 201);
    for (contents, code) in [
        ("글".repeat(10_001), "too_long"),
        (String::new(), "empty"),
        ("a\0b".to_owned(), "control_character"),
    ] {
        let answer = write(contents).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [("contents", code)]);
    }
}

#[tokio::test]
async fn a_post_needs_an_author_who_exists() {
    let app = TestApp::start().await;
    let answer = app
        .post("/posts", json!({"member_id": 999, "contents": "hello"}))
        .await;
    answer.assert_problem(404, "member_not_found");
    let without = app.post("/posts", json!({"contents": "hello"})).await;
    assert_eq!(without.status, 422);
    let mut database = app.connect().await;
    let days: i64 = sqlx::query_scalar("SELECT count(*) FROM post_daily_counts")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(days, 0, "what was refused is not counted");
}

#[tokio::test]
async fn what_is_no_post_is_not_found() {
    let app = TestApp::start().await;
    for id in ["999", "0", "-1", "9223372036854775807"] {
        app.get(&format!("/posts/{id}"))
            .await
            .assert_problem(404, "post_not_found");
    }
}

#[tokio::test]
async fn the_created_date_is_the_day_in_the_configured_time_zone() {
    // Together these zones are 26 hours apart: at any moment they have different days.
    for zone in [chrono_tz::Pacific::Kiritimati, chrono_tz::Etc::GMTPlus12] {
        let app = TestApp::with(&[("calendar.time_zone", zone.name())]).await;
        let author = app.register("kim").await;
        let post = app
            .post("/posts", json!({"member_id": author, "contents": "hello"}))
            .await
            .body;
        let created_at: DateTime<Utc> = post["created_at"].as_str().unwrap().parse().unwrap();
        let created_date: NaiveDate = post["created_date"].as_str().unwrap().parse().unwrap();
        assert_eq!(created_date, created_at.with_timezone(&zone).date_naive());
    }
}

#[tokio::test]
async fn a_post_waits_for_another_of_the_same_author_so_that_ids_appear_in_order() {
    let app = TestApp::with(PATIENT).await;
    let (author, other) = (app.register("kim").await, app.register("lee").await);
    let mut database = app.connect().await;
    // As another instance that has drawn an id and not committed yet.
    sqlx::raw_sql("BEGIN").execute(&mut database).await.unwrap();
    sqlx::query("SELECT FROM members WHERE id = $1 FOR NO KEY UPDATE")
        .bind(author)
        .execute(&mut database)
        .await
        .unwrap();
    let unfinished: i64 = sqlx::query_scalar(
        "INSERT INTO posts (member_id, contents, created_at, created_date) \
         VALUES ($1, 'first', now(), now()::date) RETURNING id",
    )
    .bind(author)
    .fetch_one(&mut database)
    .await
    .unwrap();

    let body = json!({"member_id": other, "contents": "unhindered"});
    assert_eq!(app.post("/posts", body).await.status, 201);
    let second = app.post("/posts", json!({"member_id": author, "contents": "second"}));
    let commit = async {
        app.wait_until_someone_waits_for_a_lock().await;
        sqlx::raw_sql("COMMIT")
            .execute(&mut database)
            .await
            .unwrap();
    };
    let (second, ()) = tokio::join!(second, commit);
    assert_eq!(second.status, 201, "{second:?}");
    assert!(
        second.body["id"].as_i64().unwrap() > unfinished + 1,
        "drawn after the other author's"
    );
}
