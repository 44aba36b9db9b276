//! The pool's promises to whoever holds a connection, whatever the one before left on it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;
use target_service::context::{RequestContext, RouteClass};
use target_service::database::{Config, Database, DatabaseError};
use target_service::ids::RequestId;
use target_service::knobs::Knobs;

use crate::support::{TestDatabase, until};

const MS: Duration = Duration::from_millis(1);

pub fn request(knobs: &Knobs) -> RequestContext {
    RequestContext::new(RequestId::generate(), None, Arc::new(knobs.clone()))
}

pub fn config(url: &str) -> Config {
    serde_json::from_value(serde_json::json!({ "url": url })).unwrap()
}

pub async fn backend(connection: &mut PgConnection) -> i32 {
    sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(connection)
        .await
        .unwrap()
}

/// A pool of one connection: whoever gets it gets what the one before left.
async fn single() -> (TestDatabase, Database, Knobs) {
    let test = TestDatabase::create().await;
    let knobs = Knobs {
        pool_max_size: 1,
        acquire_timeout: 20_000 * MS,
        statement_timeout: 20_000 * MS,
        ..Knobs::default()
    };
    let database = Database::new(&config(&test.url()), &knobs);
    (test, database, knobs)
}

async fn number_of_members(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM members")
        .fetch_one(connection)
        .await
        .unwrap()
}

const INSERT: &str = "INSERT INTO members (email, email_key, nickname, birth_date, created_at) \
    VALUES ('a@b.c', 'a@b.c', 'kim', '2000-01-01', now())";

#[tokio::test]
async fn a_dropped_transaction_is_rolled_back_before_the_connection_is_given_on() {
    let (test, database, knobs) = single().await;
    let mut transaction = database.begin(&request(&knobs)).await.unwrap();
    let before = backend(&mut transaction).await;
    sqlx::query(INSERT)
        .execute(&mut *transaction)
        .await
        .unwrap();
    drop(transaction);

    let mut connection = database.acquire(&request(&knobs)).await.unwrap();
    assert_eq!(
        backend(&mut connection).await,
        before,
        "the same connection"
    );
    assert_eq!(number_of_members(&mut connection).await, 0);
    assert_eq!(test.state_of(before).await, "idle");
}

#[tokio::test]
async fn a_committed_transaction_stays() {
    let (test, database, knobs) = single().await;
    let mut transaction = database.begin(&request(&knobs)).await.unwrap();
    let before = backend(&mut transaction).await;
    sqlx::query(INSERT)
        .execute(&mut *transaction)
        .await
        .unwrap();
    assert_eq!(test.state_of(before).await, "idle in transaction");
    transaction.commit().await.unwrap();
    let mut connection = database.acquire(&request(&knobs)).await.unwrap();
    assert_eq!(number_of_members(&mut connection).await, 1);
    assert_eq!(test.state_of(before).await, "idle");
}

#[tokio::test]
async fn a_transaction_in_which_a_statement_failed_leaves_nothing_behind() {
    let (_test, database, knobs) = single().await;
    let mut transaction = database.begin(&request(&knobs)).await.unwrap();
    sqlx::query(INSERT)
        .execute(&mut *transaction)
        .await
        .unwrap();
    sqlx::query("SELECT 1 / 0")
        .execute(&mut *transaction)
        .await
        .unwrap_err();
    drop(transaction);
    let mut connection = database.acquire(&request(&knobs)).await.unwrap();
    assert_eq!(number_of_members(&mut connection).await, 0);
}

#[tokio::test]
async fn a_query_whose_caller_has_gone_keeps_its_connection_until_it_ends() {
    let (test, database, knobs) = single().await;
    let mut connection = database.acquire(&request(&knobs)).await.unwrap();
    let before = backend(&mut connection).await;
    let long = sqlx::query("SELECT pg_sleep(0.4)").execute(&mut *connection);
    tokio::select! {
        _ = long => panic!("nothing else ends this select"),
        () = until("the query runs", async || test.active_statements().await == 1) => {}
    }
    drop(connection);
    assert_eq!((database.status().used, database.status().idle), (1, 0));

    let mut next = database.acquire(&request(&knobs)).await.unwrap();
    assert_eq!(test.active_statements().await, 0, "it was waited for");
    let answer: i32 = sqlx::query_scalar("SELECT 42")
        .fetch_one(&mut *next)
        .await
        .unwrap();
    assert_eq!((answer, backend(&mut next).await), (42, before));
}

#[tokio::test]
async fn the_statement_timeout_ends_a_query_and_the_connection_lives_on() {
    let (_test, database, knobs) = single().await;
    let knobs = Knobs {
        statement_timeout: 50 * MS,
        ..knobs
    };
    let ctx = request(&knobs);
    let mut connection = database.acquire(&ctx).await.unwrap();
    let before = backend(&mut connection).await;
    let long = sqlx::query("SELECT pg_sleep(30)").execute(&mut *connection);
    let ended = target_service::database::observed(&ctx, "test", long).await;
    assert!(
        matches!(ended, Err(DatabaseError::StatementTimeout)),
        "{ended:?}"
    );
    assert_eq!(backend(&mut connection).await, before);
}

async fn statement_timeout(database: &Database, ctx: &RequestContext) -> (String, i32) {
    let mut connection = database.acquire(ctx).await.unwrap();
    let shown = sqlx::query_scalar("SHOW statement_timeout")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    (shown, backend(&mut connection).await)
}

#[tokio::test]
async fn a_changed_statement_timeout_reaches_connections_that_are_open() {
    let (_test, database, knobs) = single().await;
    let (before, backend_before) = statement_timeout(&database, &request(&knobs)).await;
    let knobs = Knobs {
        statement_timeout: 70 * MS,
        ..knobs
    };
    database.follow(&knobs);
    let (after, backend_after) = statement_timeout(&database, &request(&knobs)).await;
    assert_eq!((before.as_str(), after.as_str()), ("20s", "70ms"));
    assert_eq!(backend_before, backend_after, "without a new connection");
}

#[tokio::test]
async fn a_transactions_timeout_ends_with_it() {
    let (_test, database, knobs) = single().await;
    statement_timeout(&database, &request(&knobs)).await;
    let short = Knobs {
        statement_timeout: 70 * MS,
        ..knobs.clone()
    };
    let mut transaction = database.begin(&request(&short)).await.unwrap();
    let within: String = sqlx::query_scalar("SHOW statement_timeout")
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let (after, _) = statement_timeout(&database, &request(&knobs)).await;
    assert_eq!((within.as_str(), after.as_str()), ("70ms", "20s"));
}

const CLASSES: [(RouteClass, &str); 3] = [
    (RouteClass::Realtime, "realtime"),
    (RouteClass::Standard, "standard"),
    (RouteClass::Slow, "slow"),
];

/// `knobs`, and a limit that is a class's own.
fn with_limit(knobs: &Knobs, class: &str, limit: &str, value: &str) -> Knobs {
    let mut map = knobs.to_map();
    map.insert(format!("db.class.{class}.{limit}"), value.into());
    serde_json::from_value(map.into()).unwrap()
}

#[tokio::test]
async fn each_class_has_its_own_query_timeout() {
    let (_test, database, knobs) = single().await;
    for (limited, name) in CLASSES {
        let knobs = with_limit(&knobs, name, "query_timeout", "90ms");
        for (class, _) in CLASSES {
            let ctx = request(&knobs).in_class(class);
            let expected = if class == limited { "90ms" } else { "20s" };
            let (shown, _) = statement_timeout(&database, &ctx).await;
            assert_eq!(shown, expected, "{class:?} while {name} is limited");
        }
    }
}

#[tokio::test]
async fn each_class_has_its_own_acquire_timeout() {
    let (_test, database, knobs) = single().await;
    for (limited, name) in CLASSES {
        let ctx = request(&with_limit(&knobs, name, "acquire_timeout", "0s"));
        for (class, _) in CLASSES {
            let held = database.acquire(&request(&knobs)).await.unwrap();
            let ctx = ctx.clone().in_class(class);
            let release = async { drop(held) };
            let (got, ()) = tokio::join!(database.acquire(&ctx), release);
            let is_refused =
                matches!(got, Err(DatabaseError::PoolTimeout { after }) if after.is_zero());
            assert!(
                if class == limited {
                    is_refused
                } else {
                    got.is_ok()
                },
                "{class:?} while {name} is limited: {got:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_lock_timeout_ends_the_wait_for_a_lock() {
    let test = TestDatabase::create().await;
    let knobs = Knobs {
        lock_timeout: 30 * MS,
        statement_timeout: 20_000 * MS,
        ..Knobs::default()
    };
    let database = Database::new(&config(&test.url()), &knobs);
    let mut holder = test.connect().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE members")
        .execute(&mut holder)
        .await
        .unwrap();

    let ctx = request(&knobs);
    let mut connection = database.acquire(&ctx).await.unwrap();
    let waiting = sqlx::query("SELECT FROM members").execute(&mut *connection);
    let ended = target_service::database::observed(&ctx, "test", waiting).await;
    assert!(
        matches!(ended, Err(DatabaseError::LockTimeout)),
        "{ended:?}"
    );
}

#[tokio::test]
async fn with_hold_request_the_connection_stays_with_its_request() {
    let test = TestDatabase::create().await;
    let knobs = Knobs::default();
    for (hold, used_after_release) in [("query", 0), ("request", 1)] {
        let config =
            serde_json::from_value(serde_json::json!({ "url": test.url(), "hold": hold })).unwrap();
        let database = Database::new(&config, &knobs);
        let ctx = request(&knobs);
        let first = backend(&mut database.acquire(&ctx).await.unwrap()).await;
        assert_eq!(database.status().used, used_after_release, "{hold}");
        let second = backend(&mut database.acquire(&ctx).await.unwrap()).await;
        assert_eq!(first, second, "{hold}");
        drop(ctx);
        assert_eq!(
            (database.status().used, database.status().idle),
            (0, 1),
            "{hold}"
        );
    }
}

#[tokio::test]
async fn after_closing_nobody_waits_and_nobody_gets_a_connection() {
    let (test, database, knobs) = single().await;
    let held = database.acquire(&request(&knobs)).await.unwrap();
    let ctx = request(&knobs);
    let (waiting, ()) = tokio::join!(database.acquire(&ctx), database.close());
    assert!(matches!(waiting, Err(DatabaseError::Closed)), "{waiting:?}");
    let late = database.acquire(&request(&knobs)).await;
    assert!(matches!(late, Err(DatabaseError::Closed)), "{late:?}");
    drop(held);
    until("the last connection is closed", async || {
        test.backends().await.is_empty()
    })
    .await;
}
