//! Likes over HTTP, in every strategy and across a change of strategy.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::support::{PATIENT, TestApp};

const STRATEGIES: [&str; 4] = ["row_lock", "optimistic", "increment", "derived"];

struct Liked {
    app: TestApp,
    post: i64,
    members: Vec<i64>,
}

impl Liked {
    async fn start(members: usize) -> Self {
        let app = TestApp::with(PATIENT).await;
        let registrations = (0..members).map(|number| {
            let app = &app;
            async move { app.register(&format!("m{number}")).await }
        });
        let members = join_all(registrations).await;
        let mut liked = Self {
            app,
            post: 0,
            members,
        };
        liked.write_another_post().await;
        liked
    }

    async fn write_another_post(&mut self) {
        let body = json!({"member_id": self.members[0], "contents": "hello"});
        self.post = self.app.post("/posts", body).await.body["id"]
            .as_i64()
            .unwrap();
    }

    async fn strategy(&self, strategy: &str) {
        self.app
            .set_knobs(json!({"likes.strategy": strategy, "likes.optimistic_attempts": 100}))
            .await;
    }

    fn path(&self, member: i64) -> String {
        format!("/posts/{}/likes/{member}", self.post)
    }

    async fn like(&self, member: i64) -> Value {
        let answer = self.app.put(&self.path(member)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["like_count"].clone()
    }

    async fn unlike(&self, member: i64) -> Value {
        let answer = self.app.delete(&self.path(member)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["like_count"].clone()
    }

    async fn shown(&self) -> i64 {
        let post = self.app.get(&format!("/posts/{}", self.post)).await;
        let list = self
            .app
            .get(&format!("/members/{}/posts", self.members[0]))
            .await;
        assert_eq!(
            list.body["items"][0], post.body,
            "the list shows what the post shows"
        );
        post.body["like_count"].as_i64().unwrap()
    }

    async fn stored(&self) -> (i32, i32) {
        let mut database: PgConnection = self.app.connect().await;
        sqlx::query_as("SELECT like_count, like_version FROM posts WHERE id = $1")
            .bind(self.post)
            .fetch_one(&mut database)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn liking_twice_is_liking_once_and_so_is_unliking_in_every_strategy() {
    let liked = Liked::start(2).await;
    let (first, second) = (liked.members[0], liked.members[1]);
    for strategy in STRATEGIES {
        liked.strategy(strategy).await;
        assert_eq!(liked.unlike(first).await, 0, "{strategy}");
        assert_eq!(liked.like(first).await, 1, "{strategy}");
        assert_eq!(liked.like(first).await, 1, "{strategy}");
        assert_eq!(liked.like(second).await, 2, "{strategy}");
        assert_eq!(liked.shown().await, 2, "{strategy}");
        assert_eq!(liked.unlike(first).await, 1, "{strategy}");
        assert_eq!(liked.unlike(first).await, 1, "{strategy}");
        assert_eq!(liked.unlike(second).await, 0, "{strategy}");
        assert_eq!(liked.shown().await, 0, "{strategy}");
    }
}

#[tokio::test]
async fn concurrent_likes_and_unlikes_leave_the_right_count_in_every_strategy() {
    let liked = Liked::start(24).await;
    let (leaving, coming) = liked.members.split_at(8);
    for strategy in STRATEGIES {
        liked.strategy(strategy).await;
        for &member in leaving {
            liked.like(member).await;
        }
        // Each newcomer likes twice at once; some members leave meanwhile.
        let arrivals = coming
            .iter()
            .chain(coming)
            .map(|&member| liked.like(member));
        let departures = leaving.iter().map(|&member| liked.unlike(member));
        tokio::join!(join_all(arrivals), join_all(departures));
        assert_eq!(liked.shown().await, 16, "{strategy}");
        for &member in coming {
            liked.unlike(member).await;
        }
        assert_eq!(liked.shown().await, 0, "{strategy}");
        assert_eq!(liked.stored().await.0, 0, "{strategy}");
    }
}

#[tokio::test]
async fn switching_the_strategy_between_likes_loses_none_in_any_order() {
    let mut liked = Liked::start(4).await;
    for first in STRATEGIES {
        for second in STRATEGIES {
            liked.write_another_post().await;
            liked.strategy(first).await;
            liked.like(liked.members[0]).await;
            liked.like(liked.members[1]).await;
            liked.strategy(second).await;
            assert_eq!(liked.shown().await, 2, "{first}, then {second}");
            assert_eq!(
                liked.unlike(liked.members[0]).await,
                1,
                "{first}, then {second}"
            );
            assert_eq!(
                liked.like(liked.members[2]).await,
                2,
                "{first}, then {second}"
            );
            assert_eq!(
                liked.like(liked.members[3]).await,
                3,
                "{first}, then {second}"
            );
            liked.strategy(first).await;
            assert_eq!(
                liked.unlike(liked.members[2]).await,
                2,
                "{first}, {second} and back"
            );
            assert_eq!(liked.shown().await, 2, "{first}, {second} and back");
        }
    }
}

#[tokio::test]
async fn switching_the_strategy_while_likes_are_under_way_loses_none() {
    let liked = Liked::start(30).await;
    let arrivals = join_all(liked.members.iter().map(|&member| liked.like(member)));
    let switches = async {
        for strategy in STRATEGIES.iter().cycle().take(12) {
            liked.strategy(strategy).await;
        }
    };
    tokio::join!(arrivals, switches);
    for strategy in STRATEGIES {
        liked.strategy(strategy).await;
        assert_eq!(liked.shown().await, 30, "{strategy}");
    }
}

#[tokio::test]
async fn only_the_derived_count_leaves_the_post_itself_alone() {
    let mut liked = Liked::start(1).await;
    for strategy in STRATEGIES {
        liked.write_another_post().await;
        liked.strategy(strategy).await;
        liked.like(liked.members[0]).await;
        let expected = if strategy == "derived" {
            (0, 0)
        } else {
            (1, 1)
        };
        assert_eq!(liked.stored().await, expected, "{strategy}");
    }
}

/// A like while another transaction is about to change the same count: how it ends depends on whether
/// the strategy read the count before the other committed.
#[tokio::test]
async fn only_an_optimistic_writer_finds_that_it_read_an_old_count() {
    for (strategy, expected_status) in [
        ("row_lock", 200),
        ("optimistic", 503),
        ("increment", 200),
        ("derived", 200),
    ] {
        let liked = Liked::start(1).await;
        liked
            .app
            .set_knobs(json!({"likes.strategy": strategy, "likes.optimistic_attempts": 1}))
            .await;
        let mut database = liked.app.connect().await;
        sqlx::raw_sql(
            "BEGIN; UPDATE posts SET like_count = like_count + 10, like_version = like_version + 1",
        )
        .execute(&mut database)
        .await
        .unwrap();
        let path = liked.path(liked.members[0]);
        let like = liked.app.put(&path);
        let commit = async {
            if strategy != "derived" {
                liked.app.wait_until_someone_waits_for_a_lock().await;
                sqlx::raw_sql("COMMIT")
                    .execute(&mut database)
                    .await
                    .unwrap();
            }
        };
        let (answer, ()) = tokio::join!(like, commit);
        assert_eq!(answer.status, expected_status, "{strategy}: {answer:?}");
        let conflicts = liked
            .app
            .metric("target_like_count_conflicts_total", &[])
            .await;
        assert_eq!(conflicts > 0.0, strategy == "optimistic", "{strategy}");
        match strategy {
            "optimistic" => answer.assert_problem(503, "likes_contended"),
            // It did not wait for the other transaction, nor does it read the count that it writes.
            "derived" => assert_eq!(answer.body["like_count"], 1),
            _ => assert_eq!(answer.body["like_count"], 11, "{strategy}"),
        }
    }
}

#[tokio::test]
async fn an_optimistic_writer_that_may_try_again_succeeds() {
    let liked = Liked::start(1).await;
    liked
        .app
        .set_knobs(json!({"likes.strategy": "optimistic", "likes.optimistic_attempts": 2}))
        .await;
    let mut database = liked.app.connect().await;
    sqlx::raw_sql(
        "BEGIN; UPDATE posts SET like_count = like_count + 10, like_version = like_version + 1",
    )
    .execute(&mut database)
    .await
    .unwrap();
    let commit = async {
        liked.app.wait_until_someone_waits_for_a_lock().await;
        sqlx::raw_sql("COMMIT")
            .execute(&mut database)
            .await
            .unwrap();
    };
    let (count, ()) = tokio::join!(liked.like(liked.members[0]), commit);
    assert_eq!(count, 11);
}

#[tokio::test]
async fn likes_of_unknown_posts_and_by_unknown_members_are_not_found() {
    let liked = Liked::start(1).await;
    let (post, member) = (liked.post, liked.members[0]);
    for strategy in STRATEGIES {
        liked.strategy(strategy).await;
        for (path, code) in [
            (format!("/posts/999/likes/{member}"), "post_not_found"),
            (format!("/posts/{post}/likes/999"), "member_not_found"),
        ] {
            liked.app.put(&path).await.assert_problem(404, code);
            liked.app.delete(&path).await.assert_problem(404, code);
        }
    }
}
