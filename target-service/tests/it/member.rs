//! Members over HTTP: registration, nicknames and their history.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::{PATIENT, TestApp};

fn registration(email: &str) -> Value {
    json!({"email": email, "nickname": "kim", "birth_date": "2000-02-29"})
}

#[tokio::test]
async fn a_registered_member_can_be_read_where_location_points() {
    let app = TestApp::start().await;
    let created = app
        .post(
            "/members",
            json!({"email": " Kim@Example.com ", "nickname": " kim ", "birth_date": "2000-02-29"}),
        )
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    let location = created.header("location").unwrap();
    assert_eq!(location, format!("/members/{}", created.body["id"]));
    assert_eq!(created.body["email"], "Kim@Example.com");
    assert_eq!(created.body["nickname"], "kim");

    let read = app.get(&location).await;
    assert_eq!(read.status, 200);
    assert_eq!(read.body, created.body);
}

#[tokio::test]
async fn an_address_in_other_letters_is_the_same_address() {
    let app = TestApp::start().await;
    assert_eq!(
        app.post("/members", registration("ÄKim@Example.com"))
            .await
            .status,
        201
    );
    let second = app.post("/members", registration("äkim@EXAMPLE.com")).await;
    second.assert_problem(409, "email_taken");
}

#[tokio::test]
async fn of_racing_registrations_of_one_address_one_wins_and_the_others_are_told() {
    let app = TestApp::with(PATIENT).await;
    for round in 0..10 {
        let (first, second, third) = tokio::join!(
            app.post(
                "/members",
                registration(&format!("race{round}@example.com"))
            ),
            app.post(
                "/members",
                registration(&format!("RACE{round}@example.com"))
            ),
            app.post(
                "/members",
                registration(&format!("Race{round}@example.com"))
            ),
        );
        let mut statuses = [first.status, second.status, third.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409]);
    }
    let mut database = app.connect().await;
    let histories: i64 = sqlx::query_scalar("SELECT count(*) FROM nickname_changes")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(histories, 10, "a refused registration leaves no history");
}

#[tokio::test]
async fn every_wrong_field_of_a_registration_is_named() {
    let app = TestApp::start().await;
    let answer = app
        .post("/members", json!({"email": "kim", "nickname": "가나다라마바사아자차카", "birth_date": "2023-02-29"}))
        .await;
    answer.assert_problem(422, "invalid");
    assert_eq!(
        answer.field_errors(),
        [
            ("email", "invalid_email"),
            ("nickname", "too_long"),
            ("birth_date", "invalid_date")
        ]
    );
}

#[tokio::test]
async fn registrations_out_of_bounds_are_refused_by_field() {
    let app = TestApp::start().await;
    let long_address = format!("{}@{}.com", "l".repeat(64), "d".repeat(190));
    for (field, value, code) in [
        ("email", json!(long_address), "too_long"),
        ("email", json!("Kim <kim@example.com>"), "invalid_email"),
        ("nickname", json!(" \t "), "empty"),
        ("nickname", json!("a\u{0}b"), "control_character"),
        ("nickname", json!("a\nb"), "control_character"),
        (
            "nickname",
            json!(format!("q{}", "\u{323}".repeat(100))),
            "too_many_bytes",
        ),
        ("birth_date", json!("1899-12-31"), "too_early"),
        ("birth_date", json!("2999-01-01"), "in_future"),
        ("birth_date", json!("2000-13-01"), "invalid_date"),
        ("birth_date", json!("2000-1-1"), "invalid_date"),
    ] {
        let mut body = registration("kim@example.com");
        body[field] = value.clone();
        let answer = app.post("/members", body).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [(field, code)], "{value}");
    }
}

#[tokio::test]
async fn a_field_that_nobody_knows_and_a_field_that_is_missing_are_refused() {
    let app = TestApp::start().await;
    let mut unknown = registration("kim@example.com");
    unknown["admin"] = json!(true);
    assert_eq!(app.post("/members", unknown).await.status, 422);
    let missing = json!({"email": "kim@example.com", "nickname": "kim"});
    assert_eq!(app.post("/members", missing).await.status, 422);
}

#[tokio::test]
async fn ten_syllables_and_joined_emoji_are_nicknames_and_eleven_are_not() {
    let app = TestApp::start().await;
    let id = app.register("kim").await;
    let path = format!("/members/{id}/nickname");
    let ten_letters_decomposed = "\u{1112}\u{1161}\u{11AB}".repeat(10);
    let families = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}".repeat(8);
    for nickname in ["가나다라마바사아자차", &ten_letters_decomposed, &families] {
        let answer = app.patch(&path, json!({"nickname": nickname})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let eleven = app
        .patch(&path, json!({"nickname": "가나다라마바사아자차카"}))
        .await;
    eleven.assert_problem(422, "invalid");
    assert_eq!(eleven.field_errors(), [("nickname", "too_long")]);
    assert_eq!(
        app.get(&format!("/members/{id}")).await.body["nickname"],
        families
    );
}

#[tokio::test]
async fn renames_are_kept_newest_first_and_the_same_nickname_again_is_none() {
    let app = TestApp::start().await;
    let id = app.register("first").await;
    for nickname in ["second", " second ", "third", "first"] {
        let renamed = app
            .patch(
                &format!("/members/{id}/nickname"),
                json!({"nickname": nickname}),
            )
            .await;
        assert_eq!(renamed.status, 200);
        assert_eq!(renamed.body["nickname"], nickname.trim());
    }
    let history = app.get(&format!("/members/{id}/nicknames")).await;
    assert_eq!(
        nicknames(&history.body),
        ["first", "third", "second", "first"]
    );
    assert_eq!(history.body["next_cursor"], Value::Null);
    let times: Vec<&str> = items(&history.body)
        .iter()
        .map(|item| item["changed_at"].as_str().unwrap())
        .collect();
    assert!(
        times.is_sorted_by(|newer, older| newer >= older),
        "{times:?}"
    );
}

#[tokio::test]
async fn the_history_is_read_in_pages_while_renames_go_on() {
    let app = TestApp::with(PATIENT).await;
    let id = app.register("n0").await;
    let rename = async |number: u32| {
        let body = json!({"nickname": format!("n{number}")});
        assert_eq!(
            app.patch(&format!("/members/{id}/nickname"), body)
                .await
                .status,
            200
        );
    };
    for number in 1..=6 {
        rename(number).await;
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for number in 7.. {
        let page = app
            .get(&format!("/members/{id}/nicknames?size=3&cursor={cursor}"))
            .await;
        assert_eq!(page.status, 200, "{page:?}");
        seen.extend(nicknames(&page.body));
        rename(number).await;
        match page.body["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, ["n6", "n5", "n4", "n3", "n2", "n1", "n0"]);
}

#[tokio::test]
async fn concurrent_renames_all_reach_the_history_and_its_newest_row_is_the_nickname() {
    let app = TestApp::with(PATIENT).await;
    let id = app.register("start").await;
    let renames = (0..40).map(|number| {
        let (app, path) = (&app, format!("/members/{id}/nickname"));
        async move {
            app.patch(&path, json!({"nickname": format!("n{number}")}))
                .await
                .status
        }
    });
    let statuses = futures_util::future::join_all(renames).await;
    assert!(statuses.iter().all(|&status| status == 200), "{statuses:?}");

    let history = app.get(&format!("/members/{id}/nicknames?size=100")).await;
    let kept = nicknames(&history.body);
    let distinct: HashSet<&String> = kept.iter().collect();
    assert_eq!(
        (kept.len(), distinct.len()),
        (41, 41),
        "40 renames and the first nickname"
    );
    assert_eq!(kept.last().unwrap(), "start");
    assert_eq!(
        app.get(&format!("/members/{id}")).await.body["nickname"],
        kept[0]
    );
}

#[tokio::test]
async fn the_database_itself_refuses_to_rewrite_the_history() {
    let app = TestApp::start().await;
    app.register("kim").await;
    let mut database = app.connect().await;
    for statement in [
        "UPDATE nickname_changes SET nickname = 'lee'",
        "DELETE FROM nickname_changes",
    ] {
        let error = sqlx::query(statement)
            .execute(&mut database)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("keeps history"), "{error}");
    }
}

#[tokio::test]
async fn a_rename_whose_history_row_fails_does_not_happen() {
    let app = TestApp::start().await;
    let id = app.register("kim").await;
    let mut database = app.connect().await;
    sqlx::query("ALTER TABLE nickname_changes ADD CHECK (nickname <> 'lee')")
        .execute(&mut database)
        .await
        .unwrap();
    let answer = app
        .patch(
            &format!("/members/{id}/nickname"),
            json!({"nickname": "lee"}),
        )
        .await;
    assert_eq!(answer.status, 500);
    assert_eq!(
        app.get(&format!("/members/{id}")).await.body["nickname"],
        "kim"
    );
}

#[tokio::test]
async fn who_is_no_member_is_not_found() {
    let app = TestApp::start().await;
    app.get("/members/999")
        .await
        .assert_problem(404, "member_not_found");
    app.get("/members/999/nicknames")
        .await
        .assert_problem(404, "member_not_found");
    app.patch("/members/999/nickname", json!({"nickname": "kim"}))
        .await
        .assert_problem(404, "member_not_found");
    for id in ["0", "-1", "9223372036854775807"] {
        assert_eq!(app.get(&format!("/members/{id}")).await.status, 404, "{id}");
    }
    for id in ["kim", "9223372036854775808", "1.0"] {
        let status = app.get(&format!("/members/{id}")).await.status;
        assert!(matches!(status, 400 | 404 | 422), "{id}: {status}");
    }
}

fn items(body: &Value) -> &Vec<Value> {
    body["items"].as_array().unwrap()
}

fn nicknames(body: &Value) -> Vec<String> {
    items(body)
        .iter()
        .map(|item| item["nickname"].as_str().unwrap().to_owned())
        .collect()
}
