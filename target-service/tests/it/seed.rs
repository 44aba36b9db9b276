//! Seeding: what is in the database afterwards, and when it is refused.

use chrono::NaiveDate;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};
use target_service::seed::{SeedError, SeedPlan, Skew, SurveyPlan, seed};

use crate::support::TestApp;

fn plan(members: u32, posts: u32) -> SeedPlan {
    SeedPlan {
        members,
        posts,
        surveys: SurveyPlan::default(),
        skew: Skew::Zipf,
        seed: 7,
        until: "2026-03-01T00:00:00Z".parse().unwrap(),
        time_zone: chrono_tz::Asia::Seoul,
    }
}

async fn number(database: &mut PgConnection, query: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_one(database)
        .await
        .unwrap()
}

/// Every index and constraint by its definition.
async fn schema(database: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint \
         WHERE conrelid <> 0 AND connamespace = 'public'::regnamespace \
         UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    )
    .fetch_all(database)
    .await
    .unwrap()
}

#[tokio::test]
async fn seeded_rows_agree_with_each_other_and_the_schema_is_whole_again() {
    let app = TestApp::start().await;
    let mut database = app.connect().await;
    let before = schema(&mut database).await;
    seed(&mut database, &plan(50, 1_000)).await.unwrap();
    assert_eq!(schema(&mut database).await, before);

    for (query, expected) in [
        ("SELECT count(*) FROM members", 50),
        ("SELECT max(id) FROM members", 50),
        ("SELECT count(*) FROM posts", 1_000),
        ("SELECT max(id) FROM posts", 1_000),
        (
            "SELECT count(*) FROM members m JOIN nickname_changes n ON n.member_id = m.id AND n.nickname = m.nickname",
            50,
        ),
        ("SELECT sum(posts)::bigint FROM post_daily_counts", 1_000),
        (
            "SELECT count(*) FROM posts WHERE created_date <> (created_at AT TIME ZONE 'Asia/Seoul')::date",
            0,
        ),
        (
            "SELECT count(*) FROM posts p JOIN members m ON m.id = p.member_id WHERE m.created_at > p.created_at",
            0,
        ),
        (
            "SELECT count(*) FROM members WHERE email <> 'member' || id || '@example.com'",
            0,
        ),
    ] {
        assert_eq!(number(&mut database, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn the_service_goes_on_where_the_seeding_ended() {
    let app = TestApp::start().await;
    let mut database = app.connect().await;
    seed(&mut database, &plan(50, 1_000)).await.unwrap();

    assert_eq!(app.get("/members/50").await.status, 200);
    assert_eq!(app.register("next").await, 51);
    let post = app
        .post("/posts", json!({"member_id": 1, "contents": "hello"}))
        .await;
    assert_eq!(post.body["id"], 1_001);
    assert_eq!(
        app.get("/members/1/posts?size=1").await.body["items"][0]["id"],
        1_001
    );
    app.post(
        "/members",
        json!({"email": "MEMBER7@example.com", "nickname": "kim", "birth_date": "2000-01-01"}),
    )
    .await
    .assert_problem(409, "email_taken");

    for source in ["raw", "preaggregated"] {
        app.set_knobs(json!({"calendar.source": source})).await;
        let (from, to) = (day("2025-03-02"), day("2026-03-01"));
        let calendar = app
            .get(&format!("/members/1/post-calendar?from={from}&to={to}"))
            .await
            .body;
        let shown: i64 = calendar
            .as_array()
            .unwrap()
            .iter()
            .map(|day| day["count"].as_i64().unwrap())
            .sum();
        let query = "SELECT count(*) FROM posts WHERE member_id = 1 AND created_date BETWEEN '2025-03-02' AND '2026-03-01'";
        assert_eq!(shown, number(&mut database, query).await, "{source}");
        assert!(shown > 100, "the first rank writes most");
    }
}

fn day(day: &str) -> NaiveDate {
    day.parse().unwrap()
}

#[tokio::test]
async fn a_database_with_data_is_not_seeded_and_stays_as_it_is() {
    let app = TestApp::start().await;
    app.register("kim").await;
    let mut database = app.connect().await;
    let error = seed(&mut database, &plan(50, 1_000)).await.unwrap_err();
    assert!(matches!(error, SeedError::NotEmpty), "{error}");
    assert_eq!(
        number(&mut database, "SELECT count(*) FROM members").await,
        1
    );
    assert_eq!(
        number(&mut database, "SELECT count(*) FROM nickname_changes").await,
        1
    );
}

#[tokio::test]
async fn posts_without_members_are_refused_and_nothing_at_all_is_a_valid_wish() {
    let app = TestApp::start().await;
    let mut database = app.connect().await;
    let error = seed(&mut database, &plan(0, 1)).await.unwrap_err();
    assert!(matches!(error, SeedError::PostsWithoutMembers), "{error}");
    seed(&mut database, &plan(0, 0)).await.unwrap();
    assert_eq!(app.register("first").await, 1);
}

#[tokio::test]
async fn a_database_without_tables_asks_to_be_migrated_first() {
    let app = TestApp::start().await;
    let mut database = app.connect().await;
    sqlx::raw_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        .execute(&mut database)
        .await
        .unwrap();
    let error = seed(&mut database, &plan(1, 1)).await.unwrap_err();
    assert!(matches!(error, SeedError::NotMigrated), "{error}");
}

fn surveys(surveys: u32, answers_each: u32, likes_each: u32) -> SurveyPlan {
    SurveyPlan {
        surveys,
        answers_each,
        likes_each,
    }
}

#[tokio::test]
async fn seeded_surveys_are_shown_alike_however_they_are_counted_and_can_be_answered() {
    let app = TestApp::start().await;
    let mut database = app.connect().await;
    let before = schema(&mut database).await;
    let plan = SeedPlan {
        surveys: surveys(40, 25, 20),
        ..plan(20, 0)
    };
    seed(&mut database, &plan).await.unwrap();
    assert_eq!(schema(&mut database).await, before);
    for counts in ["subqueries", "grouped", "counters", "event"] {
        app.set_knobs(json!({"survey.counts": counts})).await;
        let page = app.get("/surveys").await.body;
        let items = page["items"].as_array().unwrap();
        assert_eq!((items.len(), &items[0]["id"]), (30, &json!(40)), "{counts}");
        for item in items {
            let shown = (&item["answer_count"], &item["like_count"]);
            assert_eq!(shown, (&json!(25), &json!(20)), "{counts}: {item}");
        }
    }
    let answer = json!({"member_id": 1, "contents": "yes"});
    let answer = app.post("/surveys/40/answers", answer).await;
    assert_eq!(answer.body["id"], 40 * 25 + 1, "{answer:?}");
    let next = app
        .post("/surveys", json!({"member_id": 1, "title": "next"}))
        .await;
    assert_eq!(next.body["id"], 41, "{next:?}");
}

#[tokio::test]
async fn surveys_with_more_likes_than_members_are_refused() {
    let app = TestApp::start().await;
    let mut database = app.connect().await;
    for (members, surveys) in [(0, surveys(1, 0, 0)), (5, surveys(1, 0, 6))] {
        let plan = SeedPlan {
            surveys,
            ..plan(members, 0)
        };
        let error = seed(&mut database, &plan).await.unwrap_err();
        assert!(matches!(error, SeedError::SurveysWithoutMembers), "{error}");
    }
}
