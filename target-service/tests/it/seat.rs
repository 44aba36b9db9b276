//! Seats over HTTP.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::{Answer, PATIENT, TestApp};

const SEAT: &str = "/events/7/seats/12";

async fn hold(app: &TestApp, member: i64) -> Answer {
    let request = app.request(Method::PUT, &format!("{SEAT}/hold"));
    app.send(request.json(&json!({ "member_id": member })))
        .await
}

async fn seat(app: &TestApp) -> Value {
    let answer = app.get(SEAT).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

async fn members(app: &TestApp, number: usize) -> Vec<i64> {
    let names: Vec<_> = (0..number).map(|number| format!("m{number}")).collect();
    join_all(names.iter().map(|name| app.register(name))).await
}

async fn execute(app: &TestApp, statement: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut app.connect().await)
        .await
        .map(|_| ())
}

/// As it is after its time.
async fn let_the_hold_run_out(app: &TestApp) {
    execute(app, "UPDATE seats SET held_until = now() - interval '1 ms'")
        .await
        .unwrap();
}

/// One gets it, and all others are told that somebody has it.
async fn assert_one_of_them_wins(app: &TestApp, members: &[i64]) {
    let answers = join_all(members.iter().map(|&member| hold(app, member))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1, "{answers:?}");
    for answer in lost {
        answer.assert_problem(409, "seat_held");
    }
    assert_eq!(seat(app).await, won[0].body);
}

#[tokio::test]
async fn a_seat_that_nobody_took_is_free_and_then_held() {
    let app = TestApp::start().await;
    let member = app.register("kim").await;
    let free =
        json!({"event": 7, "seat": 12, "status": "FREE", "member_id": null, "held_until": null});
    assert_eq!(seat(&app).await, free);
    let held = hold(&app, member).await;
    assert_eq!(held.status, 200, "{held:?}");
    assert_eq!(
        (&held.body["status"], &held.body["member_id"]),
        (&json!("HELD"), &json!(member))
    );
    assert_eq!(seat(&app).await, held.body);
}

#[tokio::test]
async fn one_of_fifty_gets_the_seat_and_one_of_fifty_gets_it_again_when_the_hold_has_run_out() {
    let app = TestApp::with(PATIENT).await;
    let members = members(&app, 50).await;
    assert_one_of_them_wins(&app, &members).await;
    let_the_hold_run_out(&app).await;
    assert_eq!(seat(&app).await["status"], "FREE");
    assert_one_of_them_wins(&app, &members).await;
}

#[tokio::test]
async fn holding_a_seat_again_does_not_prolong_the_hold() {
    let app = TestApp::with(PATIENT).await;
    let member = app.register("kim").await;
    let first = hold(&app, member).await.body;
    assert_eq!(hold(&app, member).await.body, first);
    // Also when all of them are sent at once.
    let_the_hold_run_out(&app).await;
    let answers = join_all((0..10).map(|_| hold(&app, member))).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (200, &answers[0].body));
    }
    assert_ne!(answers[0].body["held_until"], first["held_until"]);
}

#[tokio::test]
async fn a_seat_is_held_for_as_long_as_the_knob_says() {
    let app = TestApp::start().await;
    let member = app.register("kim").await;
    for (knob, expected) in [("2h", 7_200), ("5m", 300)] {
        app.set_knobs(json!({"seat.hold": knob})).await;
        let before: i64 = seconds_of_the_database(&app).await;
        let held_until = hold(&app, member).await.body["held_until"].clone();
        let held_until: chrono::DateTime<chrono::Utc> =
            held_until.as_str().unwrap().parse().unwrap();
        let held_for = held_until.timestamp() - before;
        // Counted from the request, which took less than the minute that is allowed here.
        assert!(
            (expected..expected + 60).contains(&held_for),
            "{knob}: {held_for}"
        );
        let_the_hold_run_out(&app).await;
    }
    let refused = json!({"seat.hold": "0s"});
    let answer = app
        .admin(Method::PATCH, "/admin/knobs", Some(refused))
        .await;
    assert_eq!(answer.status, 422, "{answer:?}");
}

async fn seconds_of_the_database(app: &TestApp) -> i64 {
    sqlx::query_scalar("SELECT floor(extract(epoch FROM now()))::bigint")
        .fetch_one(&mut app.connect().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_sold_seat_is_nobodys_to_hold_and_the_database_keeps_it_sold() {
    let app = TestApp::start().await;
    let (buyer, other) = (app.register("kim").await, app.register("lee").await);
    hold(&app, buyer).await;
    let sell = "UPDATE seats SET status = 'SOLD', held_until = NULL, order_id = 1";
    execute(&app, sell).await.unwrap();
    for member in [buyer, other] {
        hold(&app, member).await.assert_problem(409, "seat_sold");
    }
    let sold = seat(&app).await;
    assert_eq!(
        (&sold["status"], &sold["member_id"]),
        (&json!("SOLD"), &json!(buyer))
    );
    for statement in [
        "UPDATE seats SET order_id = 2",
        "UPDATE seats SET status = 'FREE', member_id = NULL, order_id = NULL",
        "DELETE FROM seats",
    ] {
        assert!(execute(&app, statement).await.is_err(), "{statement}");
    }
}

#[tokio::test]
async fn seats_that_cannot_be_and_members_that_are_not_there_are_not_found() {
    let app = TestApp::start().await;
    let member = app.register("kim").await;
    for path in [
        "/events/0/seats/1",
        "/events/1/seats/0",
        "/events/-1/seats/1",
        "/events/1/seats/1000001",
        "/events/1000001/seats/1",
    ] {
        app.get(path).await.assert_problem(404, "seat_not_found");
        let request = app.request(Method::PUT, &format!("{path}/hold"));
        app.send(request.json(&json!({ "member_id": member })))
            .await
            .assert_problem(404, "seat_not_found");
    }
    assert_eq!(app.get("/events/1000000/seats/1000000").await.status, 200);
    for path in [
        "/events/x/seats/1",
        "/events/1/seats/1.5",
        "/events/1/seats/99999999999999999999",
    ] {
        app.get(path).await.assert_problem(400, "malformed_path");
    }
    hold(&app, 999)
        .await
        .assert_problem(404, "member_not_found");
    assert_eq!(seat(&app).await["status"], "FREE");
    for (body, expected) in [
        (json!({}), ("member_id", "missing_field")),
        (json!({"member_id": "1"}), ("member_id", "wrong_type")),
        (
            json!({"member_id": 1, "for": "5m"}),
            ("for", "unknown_field"),
        ),
    ] {
        let request = app
            .request(Method::PUT, &format!("{SEAT}/hold"))
            .json(&body);
        let answer = app.send(request).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [expected], "{body}");
    }
}
