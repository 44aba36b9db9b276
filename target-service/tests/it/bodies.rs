//! What all bodies have in common: they are objects, and each of their fields that is wrong is named.

use reqwest::Method;
use serde_json::json;

use crate::support::TestApp;

/// Every route that reads a body, on either listener, and the fields that its body must have.
const BODIES: [(Method, &str, &[&str]); 3] = [
    (
        Method::POST,
        "/members",
        &["email", "nickname", "birth_date"],
    ),
    (Method::PATCH, "/members/1/nickname", &["nickname"]),
    (Method::POST, "/posts", &["member_id", "contents"]),
];

#[tokio::test]
async fn a_body_that_is_no_object_is_refused_in_words_that_clients_know() {
    let app = TestApp::start().await;
    app.register("kim").await;
    let of_valid_fields = [
        json!(["arr@b.cc", "kim", "1990-01-01"]),
        json!(["zz"]),
        json!([1, "hello"]),
    ];
    let others = [json!([]), json!(5), json!("kim"), json!(null), json!([{}])];
    for body in of_valid_fields.iter().chain(&others) {
        let mut answers = vec![
            app.admin(Method::PATCH, "/admin/knobs", Some(body.clone()))
                .await,
        ];
        for (method, path, _) in BODIES {
            answers.push(app.send(app.request(method, path).json(body)).await);
        }
        for answer in answers {
            answer.assert_problem(422, "invalid");
            let detail = &answer.body["errors"][0]["detail"];
            assert_eq!(detail, "the body must be a JSON object", "{body}");
        }
    }
}

#[tokio::test]
async fn every_field_that_is_not_valid_is_named() {
    let app = TestApp::start().await;
    for (method, path, fields) in BODIES {
        let send = async |body| {
            app.send(app.request(method.clone(), path).json(&body))
                .await
        };
        let missing: Vec<_> = fields.iter().map(|name| (*name, "missing_field")).collect();
        assert_eq!(send(json!({})).await.field_errors(), missing, "{path}");

        let mut wrong: Vec<_> = fields.iter().map(|name| (*name, "wrong_type")).collect();
        let mut body = json!({});
        for name in fields {
            body[name] = json!([true]);
        }
        assert_eq!(send(body.clone()).await.field_errors(), wrong, "{path}");

        body["zeal"] = json!(1);
        body["zest"] = json!(2);
        wrong.extend([("zeal", "unknown_field"), ("zest", "unknown_field")]);
        let mut answer = send(body).await;
        assert_eq!(sorted(answer.field_errors()), sorted(wrong), "{path}");
        answer.text.make_ascii_lowercase();
        for rust in ["struct", "i64", "body"] {
            assert!(!answer.text.contains(rust), "{rust}: {answer:?}");
        }
    }
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}
