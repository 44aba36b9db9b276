//! Surveys over HTTP, with every way to count.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{PATIENT, Settings, TestApp, until};

const MODES: [&str; 4] = ["subqueries", "grouped", "counters", "event"];
const FOLDING: (&str, &str) = ("survey.folding", "true");

struct Asked {
    app: TestApp,
    members: Vec<i64>,
}

impl Asked {
    async fn start(members: usize, settings: Settings<'_>) -> Self {
        let app = TestApp::with(&[PATIENT, settings].concat()).await;
        let names: Vec<_> = (0..members).map(|number| format!("m{number}")).collect();
        let members = join_all(names.iter().map(|name| app.register(name))).await;
        Self { app, members }
    }

    async fn count_by(&self, mode: &str) {
        let knobs = json!({"survey.counts": mode, "survey.fold_interval": "5ms"});
        self.app.set_knobs(knobs).await;
    }

    async fn survey(&self) -> i64 {
        let body = json!({"member_id": self.members[0], "title": "tea?"});
        let answer = self.app.post("/surveys", body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let counts = (&answer.body["answer_count"], &answer.body["like_count"]);
        assert_eq!(counts, (&json!(0), &json!(0)));
        answer.body["id"].as_i64().unwrap()
    }

    async fn answer(&self, survey: i64, member: i64) {
        let path = format!("/surveys/{survey}/answers");
        let body = json!({"member_id": member, "contents": "yes"});
        let answer = self.app.post(&path, body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    async fn like(&self, survey: i64, member: i64) -> Value {
        let path = format!("/surveys/{survey}/likes/{member}");
        let answer = self.app.put(&path).await;
        assert_eq!(
            (answer.status, &answer.body["liked"]),
            (200, &json!(true)),
            "{answer:?}"
        );
        answer.body["like_count"].clone()
    }

    async fn unlike(&self, survey: i64, member: i64) -> Value {
        let path = format!("/surveys/{survey}/likes/{member}");
        let answer = self.app.delete(&path).await;
        assert_eq!(
            (answer.status, &answer.body["liked"]),
            (200, &json!(false)),
            "{answer:?}"
        );
        answer.body["like_count"].clone()
    }

    /// Answers and likes as the list shows them.
    async fn shown(&self, survey: i64) -> (i64, i64) {
        let page = self.app.get("/surveys").await.body;
        let items = page["items"].as_array().unwrap();
        let item = items.iter().find(|item| item["id"] == survey).unwrap();
        let count = |name: &str| item[name].as_i64().unwrap();
        (count("answer_count"), count("like_count"))
    }

    /// In every mode, as soon as it is right.
    async fn assert_counts_become(&self, survey: i64, expected: (i64, i64)) {
        for mode in MODES {
            self.count_by(mode).await;
            until(&format!("{mode} shows {expected:?}"), async || {
                self.shown(survey).await == expected
            })
            .await;
        }
    }

    async fn waiting_events(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM survey_events")
            .fetch_one(&mut self.app.connect().await)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn answers_and_likes_are_counted_at_once_in_all_modes_but_event() {
    let asked = Asked::start(2, &[]).await;
    let (first, second) = (asked.members[0], asked.members[1]);
    for mode in ["subqueries", "grouped", "counters"] {
        asked.count_by(mode).await;
        let survey = asked.survey().await;
        asked.answer(survey, first).await;
        asked.answer(survey, first).await;
        assert_eq!(asked.unlike(survey, first).await, 0, "{mode}");
        assert_eq!(asked.like(survey, first).await, 1, "{mode}");
        assert_eq!(asked.like(survey, first).await, 1, "{mode}");
        assert_eq!(asked.like(survey, second).await, 2, "{mode}");
        assert_eq!(asked.shown(survey).await, (2, 2), "{mode}");
        assert_eq!(asked.unlike(survey, first).await, 1, "{mode}");
        assert_eq!(asked.unlike(survey, first).await, 1, "{mode}");
        assert_eq!(asked.shown(survey).await, (2, 1), "{mode}");
    }
}

#[tokio::test]
async fn counts_by_events_are_behind_until_somebody_adds_them() {
    let asked = Asked::start(1, &[]).await;
    let member = asked.members[0];
    asked.count_by("event").await;
    let survey = asked.survey().await;
    asked.answer(survey, member).await;
    assert_eq!(asked.like(survey, member).await, 0);
    assert_eq!(asked.shown(survey).await, (0, 0));
    assert_eq!(asked.waiting_events().await, 2);
    asked.count_by("grouped").await;
    assert_eq!(asked.shown(survey).await, (1, 1));
}

#[tokio::test]
async fn the_worker_brings_the_counts_up_to_date_and_leaves_no_event() {
    let asked = Asked::start(4, &[FOLDING]).await;
    asked.count_by("event").await;
    let survey = asked.survey().await;
    for &member in &asked.members {
        asked.answer(survey, member).await;
        asked.like(survey, member).await;
    }
    asked.unlike(survey, asked.members[3]).await;
    until("the counts are right", async || {
        asked.shown(survey).await == (4, 3)
    })
    .await;
    until("the worker has told of all events", async || {
        let folded = asked.app.metric("target_survey_events_folded_total", &[]);
        folded.await == 9.0
    })
    .await;
    assert_eq!(asked.waiting_events().await, 0);
    let behind = asked
        .app
        .metric("target_survey_count_delay_seconds_count", &[]);
    assert!(behind.await >= 1.0);
}

#[tokio::test]
async fn events_that_another_instance_left_are_added_without_a_hint() {
    let asked = Asked::start(1, &[FOLDING]).await;
    asked.count_by("event").await;
    let survey = asked.survey().await;
    sqlx::query("INSERT INTO survey_events (survey_id, answers, likes) VALUES ($1, 3, 0)")
        .bind(survey)
        .execute(&mut asked.app.connect().await)
        .await
        .unwrap();
    until("the worker has looked", async || {
        asked.shown(survey).await == (3, 0)
    })
    .await;
}

#[tokio::test]
async fn concurrent_answers_and_likes_leave_the_right_counts_in_every_mode() {
    let asked = Asked::start(24, &[FOLDING]).await;
    let (leaving, coming) = asked.members.split_at(8);
    for mode in MODES {
        asked.count_by(mode).await;
        let survey = asked.survey().await;
        for &member in leaving {
            asked.like(survey, member).await;
        }
        // Each newcomer likes twice at once; some members leave meanwhile, and all answer.
        let likes = coming.iter().chain(coming).map(|&m| asked.like(survey, m));
        let unlikes = leaving.iter().map(|&m| asked.unlike(survey, m));
        let answers = asked.members.iter().map(|&m| asked.answer(survey, m));
        tokio::join!(join_all(likes), join_all(unlikes), join_all(answers));
        asked.assert_counts_become(survey, (24, 16)).await;
    }
}

#[tokio::test]
async fn switching_the_mode_while_answers_come_loses_none() {
    let asked = Asked::start(10, &[FOLDING]).await;
    let survey = asked.survey().await;
    let answers = (0..5).flat_map(|_| asked.members.iter().map(|&m| asked.answer(survey, m)));
    let likes = asked.members.iter().map(|&m| asked.like(survey, m));
    let switches = async {
        for mode in MODES.iter().cycle().take(12) {
            asked.count_by(mode).await;
        }
    };
    tokio::join!(join_all(answers), join_all(likes), switches);
    asked.assert_counts_become(survey, (50, 10)).await;
}

#[tokio::test]
async fn the_list_shows_the_30_newest_and_goes_on_from_its_cursor() {
    let asked = Asked::start(1, &[]).await;
    let mut ids = Vec::new();
    for _ in 0..33 {
        ids.insert(0, asked.survey().await);
    }
    asked.answer(ids[2], asked.members[0]).await;
    for mode in ["subqueries", "grouped"] {
        asked.count_by(mode).await;
        let shown = |page: &Value| -> Vec<i64> {
            let items = page["items"].as_array().unwrap();
            items
                .iter()
                .map(|item| item["id"].as_i64().unwrap())
                .collect()
        };
        let first = asked.app.get("/surveys").await.body;
        assert_eq!(shown(&first), ids[..30], "{mode}");
        assert_eq!(first["items"][2]["answer_count"], 1, "{mode}");
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = asked
            .app
            .get(&format!("/surveys?cursor={cursor}"))
            .await
            .body;
        assert_eq!(shown(&second), ids[30..], "{mode}");
        assert!(second["next_cursor"].is_null(), "{mode}");
    }
    for (query, field) in [
        ("cursor=x", "cursor"),
        ("size=101", "size"),
        ("pages=1", "pages"),
    ] {
        let answer = asked.app.get(&format!("/surveys?{query}")).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors()[0].0, field);
    }
}

#[tokio::test]
async fn bad_input_is_refused_and_unknown_parties_are_not_found() {
    let asked = Asked::start(1, &[]).await;
    let member = asked.members[0];
    let long = |length: usize| "x".repeat(length);
    for (body, expected) in [
        (
            json!({"member_id": member, "title": " "}),
            ("title", "empty"),
        ),
        (
            json!({"member_id": member, "title": long(201)}),
            ("title", "too_long"),
        ),
        (
            json!({"member_id": member, "title": 1}),
            ("title", "wrong_type"),
        ),
        (json!({"title": "tea?"}), ("member_id", "missing_field")),
    ] {
        let answer = asked.app.post("/surveys", body.clone()).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [expected], "{body}");
    }
    let survey = asked.survey().await;
    let path = format!("/surveys/{survey}/answers");
    for (body, expected) in [
        (
            json!({"member_id": member, "contents": ""}),
            ("contents", "empty"),
        ),
        (
            json!({"member_id": member, "contents": long(1_001)}),
            ("contents", "too_long"),
        ),
        (
            json!({"member_id": member, "contents": "a\u{0}"}),
            ("contents", "control_character"),
        ),
        (json!({"member_id": member}), ("contents", "missing_field")),
        (
            json!({"member_id": member, "contents": "a", "to": 1}),
            ("to", "unknown_field"),
        ),
    ] {
        let answer = asked.app.post(&path, body.clone()).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [expected], "{body}");
    }
    for mode in MODES {
        asked.count_by(mode).await;
        let yes = |member: i64| json!({"member_id": member, "contents": "yes"});
        let answer = asked.app.post("/surveys/999/answers", yes(member)).await;
        answer.assert_problem(404, "survey_not_found");
        let answer = asked.app.post(&path, yes(999)).await;
        answer.assert_problem(404, "member_not_found");
        for (path, code) in [
            (format!("/surveys/999/likes/{member}"), "survey_not_found"),
            (format!("/surveys/{survey}/likes/999"), "member_not_found"),
        ] {
            asked.app.put(&path).await.assert_problem(404, code);
            asked.app.delete(&path).await.assert_problem(404, code);
        }
    }
    let body = json!({"member_id": 999, "title": "tea?"});
    let answer = asked.app.post("/surveys", body).await;
    answer.assert_problem(404, "member_not_found");
    assert_eq!(asked.waiting_events().await, 0);
    assert_eq!(asked.shown(survey).await, (0, 0));
}

#[tokio::test]
async fn the_first_page_comes_from_the_cache_and_every_change_of_it_is_seen() {
    let asked = Asked::start(2, &[FOLDING, ("cache.tier", "local")]).await;
    let member = asked.members[0];
    // With counters nothing changes behind a writer's back.
    asked.count_by("counters").await;
    let survey = asked.survey().await;
    assert_eq!(asked.shown(survey).await, (0, 0));
    // Nobody tells the cache of what goes around the service.
    sqlx::query("UPDATE surveys SET title = 'changed'")
        .execute(&mut asked.app.connect().await)
        .await
        .unwrap();
    let title = asked.app.get("/surveys").await.body["items"][0]["title"].clone();
    assert_eq!(title, "tea?");
    let title = asked.app.get("/surveys?size=1").await.body["items"][0]["title"].clone();
    assert_eq!(title, "changed");
    for mode in MODES {
        asked.count_by(mode).await;
        let survey = asked.survey().await;
        assert_eq!(asked.shown(survey).await, (0, 0), "{mode}");
        asked.answer(survey, member).await;
        until(&format!("{mode}: the answer is shown"), async || {
            asked.shown(survey).await == (1, 0)
        })
        .await;
        asked.like(survey, member).await;
        until(&format!("{mode}: the like is shown"), async || {
            asked.shown(survey).await == (1, 1)
        })
        .await;
    }
}
