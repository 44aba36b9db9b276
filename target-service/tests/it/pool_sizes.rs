//! The pool's options: each of them changes what is seen when it is changed.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use serde_json::{Value, json};
use target_service::database::{Database, DatabaseError};
use target_service::knobs::Knobs;

use crate::pool::{backend, request};
use crate::support::{TestDatabase, until};

const MS: Duration = Duration::from_millis(1);
/// Longer than it takes the pool to look after itself a few times.
const A_WHILE: Duration = Duration::from_millis(900);

fn pool(test: &TestDatabase, knobs: &Knobs, options: &Value) -> Database {
    let config = serde_json::from_value(json!({ "url": test.url(), "pool": options })).unwrap();
    Database::new(&config, knobs)
}

/// Uses so many connections at once, and leaves them idle.
async fn use_at_once(database: &Database, knobs: &Knobs, number: usize) {
    let ctx = request(knobs);
    let all = join_all((0..number).map(|_| database.acquire(&ctx))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
}

#[tokio::test]
async fn max_size_is_how_many_get_a_connection_at_once() {
    let test = TestDatabase::create().await;
    for size in [2, 3] {
        let knobs = Knobs {
            pool_max_size: size,
            acquire_timeout: 20 * MS,
            ..Knobs::default()
        };
        let database = pool(&test, &knobs, &json!({}));
        let ctx = request(&Knobs {
            acquire_timeout: 20_000 * MS,
            ..knobs.clone()
        });
        let held = try_join_all((0..size).map(|_| database.acquire(&ctx)))
            .await
            .unwrap();
        let refused = database.acquire(&request(&knobs)).await;
        assert!(
            matches!(refused, Err(DatabaseError::PoolTimeout { .. })),
            "{refused:?}"
        );
        assert_eq!(held.len(), size as usize);
    }
}

#[tokio::test]
async fn without_patience_a_connection_is_had_only_if_one_is_free() {
    let test = TestDatabase::create().await;
    let knobs = Knobs {
        pool_max_size: 1,
        acquire_timeout: Duration::ZERO,
        ..Knobs::default()
    };
    let database = pool(&test, &knobs, &json!({}));
    let held = database.acquire(&request(&knobs)).await.unwrap();
    let refused = database.acquire(&request(&knobs)).await;
    assert!(
        matches!(refused, Err(DatabaseError::PoolTimeout { .. })),
        "{refused:?}"
    );
    drop(held);
    assert!(database.acquire(&request(&knobs)).await.is_ok());
}

#[tokio::test]
async fn a_warm_pool_opens_its_minimum_and_a_cold_one_waits_for_requests() {
    let test = TestDatabase::create().await;
    let knobs = Knobs {
        pool_min_size: 4,
        ..Knobs::default()
    };
    let cold = pool(&test, &knobs, &json!({ "warm": false }));
    tokio::time::sleep(A_WHILE).await;
    assert_eq!((cold.status().idle, cold.is_warm()), (0, true));

    let warm = pool(
        &test,
        &knobs,
        &json!({ "warm": true, "validate": "always" }),
    );
    until("the pool is warm", async || warm.is_warm()).await;
    assert_eq!((warm.status().idle, test.backends().await.len()), (4, 4));

    test.terminate_backends().await;
    // The pool notices when it tries them out for somebody, and then opens what is missing.
    assert!(warm.acquire(&request(&knobs)).await.is_ok());
    until("the minimum is open again", async || {
        warm.status().idle == 4 && test.backends().await.len() == 4
    })
    .await;
}

#[tokio::test]
async fn idle_connections_are_closed_down_to_the_minimum_and_only_with_a_timeout() {
    let test = TestDatabase::create().await;
    let never = Knobs {
        idle_timeout: Duration::ZERO,
        ..Knobs::default()
    };
    let database = pool(&test, &never, &json!({}));
    use_at_once(&database, &never, 5).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(database.status().idle, 5);

    database.follow(&Knobs {
        idle_timeout: 10 * MS,
        pool_min_size: 2,
        ..never
    });
    until("the idle ones are closed", async || {
        test.backends().await.len() == 2
    })
    .await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(database.status().idle, 2);
}

#[tokio::test]
async fn a_connection_is_replaced_at_the_end_of_its_lifetime() {
    let test = TestDatabase::create().await;
    for (max_lifetime, is_replaced) in [(Duration::ZERO, false), (20 * MS, true)] {
        let knobs = Knobs {
            max_lifetime,
            ..Knobs::default()
        };
        let database = pool(&test, &knobs, &json!({}));
        let first = backend(&mut database.acquire(&request(&knobs)).await.unwrap()).await;
        tokio::time::sleep(40 * MS).await;
        let second = backend(&mut database.acquire(&request(&knobs)).await.unwrap()).await;
        assert_eq!(first != second, is_replaced, "{max_lifetime:?}");
    }
}

#[tokio::test]
async fn a_dead_connection_is_noticed_as_the_validation_policy_says() {
    let test = TestDatabase::create().await;
    let knobs = Knobs::default();
    for (options, is_noticed) in [
        (json!({ "validate": "never" }), false),
        (json!({ "validate": "always" }), true),
        (
            json!({ "validate": "after_idle", "validate_after": "0s" }),
            true,
        ),
        (
            json!({ "validate": "after_idle", "validate_after": "1h" }),
            false,
        ),
    ] {
        let database = pool(&test, &knobs, &options);
        use_at_once(&database, &knobs, 1).await;
        test.terminate_backends().await;
        let mut connection = database.acquire(&request(&knobs)).await.unwrap();
        let used = sqlx::query("SELECT 1").execute(&mut *connection).await;
        assert_eq!(used.is_ok(), is_noticed, "{options}");
        drop(connection);
        assert_eq!(
            database.status().idle,
            usize::from(is_noticed),
            "a dead connection is not kept: {options}"
        );
    }
}

#[tokio::test]
async fn without_a_pool_each_use_opens_a_connection_and_nothing_limits_them() {
    let test = TestDatabase::create().await;
    let knobs = Knobs {
        pool_max_size: 1,
        acquire_timeout: Duration::ZERO,
        ..Knobs::default()
    };
    let database = pool(&test, &knobs, &json!({ "enabled": false }));
    let ctx = request(&knobs);
    let held = try_join_all((0..6).map(|_| database.acquire(&ctx)))
        .await
        .unwrap();
    assert_eq!(test.backends().await.len(), 6);
    drop(held);
    until("they are closed after use", async || {
        test.backends().await.is_empty()
    })
    .await;

    let first = backend(&mut database.acquire(&ctx).await.unwrap()).await;
    let second = backend(&mut database.acquire(&ctx).await.unwrap()).await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn resizing_under_load_loses_no_request_and_keeps_to_the_size() {
    let test = TestDatabase::create().await;
    let knobs = Knobs {
        pool_max_size: 5,
        acquire_timeout: 60_000 * MS,
        ..Knobs::default()
    };
    let database = pool(&test, &knobs, &json!({}));
    let client = async || {
        for _ in 0..60 {
            let mut connection = database.acquire(&request(&knobs)).await?;
            sqlx::query("SELECT pg_sleep(0.001)")
                .execute(&mut *connection)
                .await?;
        }
        Ok::<_, DatabaseError>(())
    };
    let resizing = async {
        for size in [1, 8, 2, 7, 1, 5, 3].into_iter().cycle().take(28) {
            database.follow(&Knobs {
                pool_max_size: size,
                ..knobs.clone()
            });
            tokio::time::sleep(7 * MS).await;
        }
    };
    let (served, ()) = tokio::join!(join_all((0..30).map(|_| client())), resizing);
    for result in served {
        result.unwrap();
    }

    database.follow(&Knobs {
        pool_max_size: 2,
        ..knobs.clone()
    });
    until("what is too many is closed", async || {
        test.backends().await.len() <= 2
    })
    .await;
    let status = database.status();
    assert_eq!(
        (status.max, status.used, status.waiting),
        (2, 0, 0),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_pool_shrunk_while_all_is_in_use_closes_what_comes_back() {
    let test = TestDatabase::create().await;
    let knobs = Knobs {
        pool_max_size: 6,
        acquire_timeout: 20 * MS,
        ..Knobs::default()
    };
    let database = pool(&test, &knobs, &json!({}));
    let ctx = request(&Knobs {
        acquire_timeout: 20_000 * MS,
        ..knobs.clone()
    });
    let mut held = try_join_all((0..6).map(|_| database.acquire(&ctx)))
        .await
        .unwrap();
    database.follow(&Knobs {
        pool_max_size: 2,
        ..knobs.clone()
    });
    for connection in &mut held {
        backend(connection).await;
    }
    drop(held);
    assert_eq!(database.status().idle, 2);
    let _held = try_join_all((0..2).map(|_| database.acquire(&ctx)))
        .await
        .unwrap();
    let third = database.acquire(&request(&knobs)).await;
    assert!(
        matches!(third, Err(DatabaseError::PoolTimeout { .. })),
        "{third:?}"
    );
}
