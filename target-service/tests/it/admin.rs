//! The admin listener.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, command, until};

async fn patch(app: &TestApp, body: Value) -> crate::support::Answer {
    app.admin(Method::PATCH, "/admin/knobs", Some(body)).await
}

#[tokio::test]
async fn a_knob_that_is_turned_shows_in_the_knobs_and_in_the_effective_configuration() {
    let app = TestApp::with(&[("db.pool.max_size", "7")]).await;
    let knobs = app.admin(Method::GET, "/admin/knobs", None).await.body;
    assert_eq!(
        (&knobs["db.pool.max_size"], &knobs["likes.strategy"]),
        (&json!(7), &json!("increment"))
    );

    let answer = patch(
        &app,
        json!({"db.pool.max_size": 9, "likes.strategy": "derived"}),
    )
    .await;
    assert_eq!(
        (answer.status, &answer.body["db.pool.max_size"]),
        (200, &json!(9))
    );
    assert_eq!(
        app.admin(Method::GET, "/admin/knobs", None).await.body,
        answer.body
    );

    let config = app.admin(Method::GET, "/admin/config", None).await.body;
    assert_eq!(
        (
            &config["db"]["pool"]["max_size"],
            &config["likes"]["strategy"]
        ),
        (&json!(9), &json!("derived"))
    );
    assert_eq!(app.metric("db_client_connection_max", &[]).await, 9.0);
}

#[tokio::test]
async fn the_effective_configuration_does_not_show_the_password() {
    let app = TestApp::not_ready(&[("db.url", "postgres://kim:s3cret@127.0.0.1:1/none")]).await;
    let config = app.admin(Method::GET, "/admin/config", None).await;
    assert_eq!(
        config.body["db"]["url"],
        "postgres://kim:***@127.0.0.1:1/none"
    );
    assert!(!config.text.contains("s3cret"), "{}", config.text);
}

#[tokio::test]
async fn a_patch_with_one_mistake_changes_nothing() {
    let app = TestApp::start().await;
    let before = app.admin(Method::GET, "/admin/knobs", None).await.body;
    for (mistake, field, code) in [
        (json!({"db.pool.max": 3}), "db.pool.max", "unknown_knob"),
        (
            json!({"db.pool.max_size": "3"}),
            "db.pool.max_size",
            "wrong_type",
        ),
        (
            json!({"db.statement_timeout": 250}),
            "db.statement_timeout",
            "wrong_type",
        ),
        (
            json!({"db.statement_timeout": "250"}),
            "db.statement_timeout",
            "wrong_type",
        ),
        (
            json!({"likes.strategy": "hope"}),
            "likes.strategy",
            "wrong_type",
        ),
        (
            json!({"db.pool.max_size": 0}),
            "db.pool.max_size",
            "out_of_range",
        ),
        (
            json!({"db.pool.min_size": 99}),
            "db.pool.min_size",
            "out_of_range",
        ),
    ] {
        let mut body = json!({"db.lock_timeout": "123ms"});
        body.as_object_mut()
            .unwrap()
            .extend(mistake.as_object().unwrap().clone());
        let answer = patch(&app, body).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [(field, code)]);
    }
    patch(&app, json!(["db.pool.max_size"]))
        .await
        .assert_problem(422, "invalid");
    assert_eq!(
        app.admin(Method::GET, "/admin/knobs", None).await.body,
        before
    );
}

#[tokio::test]
async fn the_admin_routes_are_not_on_the_public_listener() {
    let app = TestApp::start().await;
    app.get("/admin/knobs")
        .await
        .assert_problem(404, "route_not_found");
    app.admin(Method::GET, "/members/1", None)
        .await
        .assert_problem(404, "route_not_found");
    app.admin(Method::DELETE, "/admin/knobs", None)
        .await
        .assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_pool_resized_on_the_running_service_loses_no_request() {
    let app = TestApp::with(&[("db.pool.acquire_timeout", "30s")]).await;
    let member = app.register("kim").await;
    let client = async || {
        for _ in 0..40 {
            let answer = app.get(&format!("/members/{member}")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    };
    let resizing = async {
        for size in [1, 12, 3, 20, 2, 1, 8].into_iter().cycle().take(21) {
            app.set_knobs(json!({"db.pool.max_size": size})).await;
        }
    };
    let clients = futures_util::future::join_all((0..16).map(|_| client()));
    tokio::join!(clients, resizing);
    app.set_knobs(json!({"db.pool.max_size": 2})).await;
    until("the pool is as small as it was made", async || {
        app.database.backends().await.len() <= 2
    })
    .await;
}

async fn refusal(settings: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let output = command(settings)
        .arg("serve")
        .args(arguments)
        .output()
        .await
        .unwrap();
    assert!(output.stdout.is_empty(), "it must not say that it listens");
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test]
async fn a_configuration_that_cannot_be_meant_ends_the_start_with_2_and_the_place() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[db.pool]\nmax_size = 5\nmaximum = 7\n").unwrap();
    let path = file.path().to_str().unwrap();
    let (code, message) = refusal(&[], &["--config", path]).await;
    assert_eq!(code, Some(2));
    for part in [path, "db.pool.maximum", "line 3"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }

    let (code, message) = refusal(&[("db.pool.max_size", "many")], &[]).await;
    assert_eq!(code, Some(2));
    assert!(
        message.contains("TARGET_SERVICE__DB__POOL__MAX_SIZE"),
        "{message}"
    );

    let (code, message) = refusal(&[("admin.listen", "0.0.0.0:0")], &[]).await;
    assert_eq!(code, Some(2));
    assert!(message.contains("admin.listen"), "{message}");
}

#[tokio::test]
async fn a_port_that_is_taken_ends_the_start_and_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, message) = refusal(&[("http.listen", &address)], &[]).await;
    assert_eq!(code, Some(1));
    assert!(
        message.contains(&address) && message.contains("in use"),
        "{message}"
    );
}
