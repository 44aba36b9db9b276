//! The pool on a network that breaks.

use std::time::Duration;

use serde_json::{Value, json};
use target_service::database::{Database, DatabaseError, observed};
use target_service::knobs::Knobs;

use crate::pool::{backend, request};
use crate::support::{Proxy, TestDatabase, until};

const MS: Duration = Duration::from_millis(1);

async fn through_proxy(knobs: &Knobs, options: Value) -> (TestDatabase, Proxy, Database) {
    let test = TestDatabase::create().await;
    let proxy = Proxy::to(test.address()).await;
    let config =
        serde_json::from_value(json!({ "url": test.url_at(proxy.address()), "pool": options }))
            .unwrap();
    let database = Database::new(&config, knobs);
    (test, proxy, database)
}

#[tokio::test]
async fn connections_that_were_cut_are_replaced() {
    let knobs = Knobs::default();
    let (_test, proxy, database) = through_proxy(&knobs, json!({ "validate": "always" })).await;
    let first = backend(&mut database.acquire(&request(&knobs)).await.unwrap()).await;
    proxy.cut();
    let second = backend(&mut database.acquire(&request(&knobs)).await.unwrap()).await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_connection_that_is_cut_in_use_is_lost_and_not_given_on() {
    let knobs = Knobs {
        pool_max_size: 1,
        ..Knobs::default()
    };
    let (_test, proxy, database) = through_proxy(&knobs, json!({ "validate": "never" })).await;
    let ctx = request(&knobs);
    let mut connection = database.acquire(&ctx).await.unwrap();
    let first = backend(&mut connection).await;
    proxy.cut();
    let lost = observed(
        &ctx,
        "test",
        sqlx::query("SELECT 1").execute(&mut *connection),
    )
    .await;
    assert!(
        matches!(lost, Err(DatabaseError::ConnectionLost(_))),
        "{lost:?}"
    );
    drop(connection);
    let second = backend(&mut database.acquire(&request(&knobs)).await.unwrap()).await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_connection_on_its_way_to_somebody_is_one_of_the_minimum() {
    let knobs = Knobs {
        pool_min_size: 2,
        acquire_timeout: 20_000 * MS,
        ..Knobs::default()
    };
    let (test, proxy, database) = through_proxy(&knobs, json!({ "warm": true })).await;
    proxy.stall();
    let ctx = request(&knobs);
    let (acquired, ()) = tokio::join!(database.acquire(&ctx), async {
        // The pool, too, opens what it takes for missing.
        tokio::time::sleep(100 * MS).await;
        proxy.flow();
    });
    drop(acquired.unwrap());
    until("the pool is warm", async || database.is_warm()).await;
    assert_eq!(
        (database.status().idle, test.backends().await.len()),
        (2, 2)
    );
}

#[tokio::test]
async fn connecting_is_given_up_after_the_connect_timeout() {
    let knobs = Knobs {
        acquire_timeout: 20_000 * MS,
        ..Knobs::default()
    };
    let (_test, proxy, database) =
        through_proxy(&knobs, json!({ "connect_timeout": "30ms" })).await;
    proxy.stall();
    let refused = database.acquire(&request(&knobs)).await;
    assert!(
        matches!(refused, Err(DatabaseError::ConnectTimeout { after }) if after == 30 * MS),
        "{refused:?}"
    );

    let impatient = Knobs {
        acquire_timeout: 10 * MS,
        ..knobs
    };
    let (_test, proxy, database) =
        through_proxy(&impatient, json!({ "connect_timeout": "20s" })).await;
    proxy.stall();
    let refused = database.acquire(&request(&impatient)).await;
    assert!(
        matches!(refused, Err(DatabaseError::PoolTimeout { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_a_grace_after_the_statement_timeout() {
    let knobs = Knobs {
        statement_timeout: 30 * MS,
        response_grace: 20 * MS,
        ..Knobs::default()
    };
    let (_test, proxy, database) = through_proxy(&knobs, json!({})).await;
    let ctx = request(&knobs);
    let mut connection = database.acquire(&ctx).await.unwrap();
    proxy.stall();
    let lost = observed(
        &ctx,
        "test",
        sqlx::query("SELECT 1").execute(&mut *connection),
    )
    .await;
    assert!(
        matches!(lost, Err(DatabaseError::Unresponsive { after }) if after == 50 * MS),
        "{lost:?}"
    );
    drop(connection);
    until("the silent connection is given up", async || {
        database.status().used == 0
    })
    .await;
    assert_eq!(database.status().idle, 0);
}

#[tokio::test]
async fn a_begin_whose_answer_nobody_waited_for_is_rolled_back() {
    let knobs = Knobs {
        pool_max_size: 1,
        acquire_timeout: 20_000 * MS,
        statement_timeout: 20_000 * MS,
        ..Knobs::default()
    };
    let (test, proxy, database) = through_proxy(&knobs, json!({})).await;
    let first = backend(&mut database.acquire(&request(&knobs)).await.unwrap()).await;
    let ctx = request(&knobs);
    proxy.stall();
    let abandoned = tokio::time::timeout(50 * MS, database.begin(&ctx)).await;
    assert!(abandoned.is_err(), "the answer cannot have come");
    proxy.flow();

    let mut connection = database.acquire(&request(&knobs)).await.unwrap();
    assert_eq!(backend(&mut connection).await, first, "the same connection");
    assert_eq!(test.state_of(first).await, "idle");
}

#[tokio::test]
async fn a_connection_whose_settings_may_not_have_arrived_is_told_again() {
    let knobs = Knobs {
        pool_max_size: 1,
        acquire_timeout: 20_000 * MS,
        statement_timeout: 20_000 * MS,
        ..Knobs::default()
    };
    let (_test, proxy, database) = through_proxy(&knobs, json!({ "validate": "never" })).await;
    backend(&mut database.acquire(&request(&knobs)).await.unwrap()).await;
    let other = request(&Knobs {
        statement_timeout: 70 * MS,
        ..knobs.clone()
    });
    proxy.stall();
    assert!(
        tokio::time::timeout(20 * MS, database.acquire(&other))
            .await
            .is_err()
    );
    proxy.flow();

    let mut connection = database.acquire(&request(&knobs)).await.unwrap();
    let shown: String = sqlx::query_scalar("SHOW statement_timeout")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(shown, "20s");
}
