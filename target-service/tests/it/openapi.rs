//! The API document: it describes what is routed and what is answered, and nothing else.

use std::collections::{BTreeSet, HashSet};

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{Paying, StubGateway, TestApp};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

async fn document(app: &TestApp) -> Value {
    let answer = app.get("/openapi.json").await;
    assert_eq!(answer.status, 200);
    answer.body
}

fn paths(document: &Value) -> &Map<String, Value> {
    document["paths"].as_object().unwrap()
}

/// Every operation as method, path and description.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    paths(document)
        .iter()
        .flat_map(|(path, item)| {
            let item = item.as_object().unwrap();
            item.iter()
                .map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
        })
        .filter(|(method, _, _)| METHODS.contains(method))
        .collect()
}

fn with_ids(path: &str) -> String {
    let variables = ["{id}", "{member_id}", "{event}", "{seat}"];
    variables.iter().fold(path.to_owned(), |path, variable| {
        path.replace(variable, "1")
    })
}

fn method_named(method: &str) -> Method {
    method.to_uppercase().parse().unwrap()
}

#[tokio::test]
async fn the_endpoints_are_documented() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    let documented: BTreeSet<String> = operations(&document)
        .iter()
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    for endpoint in [
        "post /members",
        "get /members/{id}",
        "patch /members/{id}/nickname",
        "get /members/{id}/nicknames",
        "get /members/{id}/posts",
        "get /members/{id}/post-calendar",
        "post /posts",
        "get /posts/{id}",
        "put /posts/{id}/likes/{member_id}",
        "delete /posts/{id}/likes/{member_id}",
        "get /members/{id}/points",
        "post /members/{id}/points/charge",
        "post /members/{id}/points/use",
        "post /members/{id}/points/transfer",
        "get /surveys",
        "post /surveys",
        "post /surveys/{id}/answers",
        "put /surveys/{id}/likes/{member_id}",
        "delete /surveys/{id}/likes/{member_id}",
        "post /coupons",
        "get /coupons/{id}",
        "post /coupons/{id}/issues",
        "get /events/{event}/seats/{seat}",
        "put /events/{event}/seats/{seat}/hold",
        "post /orders",
        "get /orders/{id}",
        "post /payments",
        "get /payments/{id}",
        "post /payments/{id}/refund",
        "get /healthz",
        "get /readyz",
        "get /metrics",
        "get /openapi.json",
    ] {
        assert!(
            documented.contains(endpoint),
            "{endpoint} is not in {documented:?}"
        );
    }
}

#[tokio::test]
async fn what_is_documented_is_routed_and_other_methods_of_its_paths_are_not() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    for (path, item) in paths(&document) {
        for method in METHODS {
            let answer = app
                .send(app.request(method_named(method), &with_ids(path)))
                .await;
            let refused = matches!(
                answer.body["code"].as_str(),
                Some("route_not_found" | "method_not_allowed")
            );
            assert_eq!(
                refused,
                item.get(method).is_none(),
                "{method} {path}: {answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_document_is_whole() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    let mut names = HashSet::new();
    for (method, path, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "two operations are named {name}");
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let in_path: HashSet<&str> = parameters
            .iter()
            .filter(|p| p["in"] == "path")
            .map(|p| p["name"].as_str().unwrap())
            .collect();
        for variable in path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        {
            assert!(
                in_path.contains(variable),
                "{method} {path} does not describe {variable}"
            );
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(
                response["description"].is_string(),
                "{method} {path} {status} has no description"
            );
        }
    }
    for reference in references(&document) {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
}

fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value.as_str() {
                Some(reference) if name == "$ref" => vec![reference],
                _ => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// Operation, query, body, status: one of each kind of answer that is documented by its own status.
fn exchanges() -> Vec<(&'static str, String, Value, &'static str)> {
    let none = Value::Null;
    let member = json!({"email": "kim@example.com", "nickname": "kim", "birth_date": "2000-01-01"});
    let post = |author: i64| json!({"member_id": author, "contents": "hello"});
    let nickname = |nickname: &str| json!({ "nickname": nickname });
    let points = |amount: i64, key: &str| json!({"amount": amount, "idempotency_key": key});
    let transfer = |to: i64| json!({"to": to, "amount": 1, "idempotency_key": "t"});
    let order = |seat: Value| json!({"member_id": 1, "seat": seat, "points": 2, "amount": 2});
    let seat = json!({"event": 1, "seat": 1});
    let hold = |member: i64| json!({ "member_id": member });
    let survey = |author: i64| json!({"member_id": author, "title": "tea?"});
    let coupon = |quantity: i64| json!({"name": "tea", "quantity": quantity});
    let pay =
        |member: i64, amount: i64| json!({"order_id": 1, "member_id": member, "amount": amount});
    let today = chrono::Utc::now().date_naive();
    let days = format!("?from={today}&to={today}");
    let table = [
        ("post /members", "", &member, "201"),
        ("post /members", "", &member, "409"),
        ("post /members", "", &json!({"email": 1}), "422"),
        ("get /members/{id}", "", &none, "200"),
        ("patch /members/{id}/nickname", "", &nickname("lee"), "200"),
        ("patch /members/{id}/nickname", "", &nickname(""), "422"),
        ("get /members/{id}/nicknames", "?size=1", &none, "200"),
        ("get /members/{id}/nicknames", "?size=0", &none, "422"),
        ("post /posts", "", &post(1), "201"),
        ("post /posts", "", &post(2), "404"),
        ("get /posts/{id}", "", &none, "200"),
        ("get /members/{id}/posts", "", &none, "200"),
        ("get /members/{id}/posts", "?page=1&size=1", &none, "200"),
        ("get /members/{id}/post-calendar", &days, &none, "200"),
        ("get /members/{id}/post-calendar", "", &none, "422"),
        ("put /posts/{id}/likes/{member_id}", "", &none, "200"),
        ("delete /posts/{id}/likes/{member_id}", "", &none, "200"),
        ("get /members/{id}/points", "", &none, "200"),
        (
            "post /members/{id}/points/charge",
            "",
            &points(9, "a"),
            "200",
        ),
        (
            "post /members/{id}/points/charge",
            "",
            &points(8, "a"),
            "422",
        ),
        ("post /members/{id}/points/use", "", &points(1, "b"), "200"),
        ("post /members/{id}/points/use", "", &points(99, "c"), "409"),
        (
            "post /members/{id}/points/transfer",
            "",
            &transfer(2),
            "404",
        ),
        (
            "post /members/{id}/points/transfer",
            "",
            &transfer(1),
            "422",
        ),
        ("post /surveys", "", &survey(1), "201"),
        ("post /surveys", "", &survey(2), "404"),
        ("post /surveys", "", &hold(1), "422"),
        ("get /surveys", "?size=1", &none, "200"),
        ("get /surveys", "?size=0", &none, "422"),
        ("post /surveys/{id}/answers", "", &post(1), "201"),
        ("post /surveys/{id}/answers", "", &post(2), "404"),
        ("put /surveys/{id}/likes/{member_id}", "", &none, "200"),
        ("delete /surveys/{id}/likes/{member_id}", "", &none, "200"),
        ("post /coupons", "", &coupon(1), "201"),
        ("post /coupons", "", &coupon(0), "422"),
        ("get /coupons/{id}", "", &none, "200"),
        ("post /coupons/{id}/issues", "", &hold(2), "404"),
        ("post /coupons/{id}/issues", "", &hold(1), "201"),
        ("post /coupons/{id}/issues", "", &hold(1), "409"),
        ("get /events/{event}/seats/{seat}", "", &none, "200"),
        ("put /events/{event}/seats/{seat}/hold", "", &hold(2), "404"),
        ("put /events/{event}/seats/{seat}/hold", "", &hold(1), "200"),
        ("get /events/{event}/seats/{seat}", "", &none, "200"),
        ("post /orders", "", &order(seat.clone()), "201"),
        ("post /orders", "", &order(seat), "409"),
        ("post /orders", "", &order(none.clone()), "201"),
        ("post /orders", "", &order(json!({"event": 0})), "422"),
        ("get /orders/{id}", "", &none, "200"),
        ("post /payments", "", &pay(1, 500), "201"),
        ("post /payments", "", &pay(1, 501), "422"),
        ("post /payments", "", &pay(2, 500), "404"),
        ("get /payments/{id}", "", &none, "200"),
        ("post /payments/{id}/refund", "", &none, "200"),
        ("get /healthz", "", &none, "200"),
        ("get /readyz", "", &none, "200"),
    ];
    let owned = |(operation, query, body, status): (_, &str, &Value, _)| {
        (operation, query.to_owned(), body.clone(), status)
    };
    table.map(owned).to_vec()
}

#[tokio::test]
async fn answers_look_as_documented() {
    let gateway = StubGateway::start().await;
    let app = Paying::service(&gateway, &[]).await;
    let document = document(&app).await;
    for (operation, query, body, status) in exchanges() {
        let (method, path) = operation.split_once(' ').unwrap();
        let mut request = app.request(method_named(method), &format!("{}{query}", with_ids(path)));
        // With it, an order that is asked for again would be the same one.
        if path == "/payments" {
            request = request.header("idempotency-key", "k1");
        }
        let answer = app
            .send(match body {
                Value::Null => request,
                body => request.json(&body),
            })
            .await;
        assert_eq!(answer.status.to_string(), status, "{operation}: {answer:?}");
        let content = &document["paths"][path][method]["responses"][status]["content"];
        let content_type = answer.header("content-type").unwrap();
        let schema = &content[&content_type]["schema"];
        let place = format!("{operation} {status}");
        assert!(!schema.is_null(), "{place} documents no {content_type}");
        assert_conforms(&document, schema, &answer.body, &place);
    }
}

/// As far as the document's schemas go: types, references, fields that are required and fields that are known.
fn assert_conforms(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document
            .pointer(reference.strip_prefix('#').unwrap())
            .unwrap();
        return assert_conforms(document, target, value, place);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        // Null, or one other schema.
        let is_null = |choice: &&Value| types(choice) == ["null"];
        let (nulls, others): (Vec<_>, Vec<_>) = choices.iter().partition(is_null);
        assert_eq!((nulls.len(), others.len()), (1, 1), "{place}: {schema}");
        return match value {
            Value::Null => (),
            value => assert_conforms(document, others[0], value, place),
        };
    }
    assert!(
        types(schema).contains(&type_of(value)),
        "{place}: {value} is not of {schema}"
    );
    if let Some(fields) = value.as_object() {
        let known = schema["properties"].as_object().unwrap();
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(
                fields.contains_key(required.as_str().unwrap()),
                "{place}: {required} is missing in {value}"
            );
        }
        for (name, value) in fields {
            let schema = known
                .get(name)
                .unwrap_or_else(|| panic!("{place}: {name} is not documented"));
            assert_conforms(document, schema, value, &format!("{place}: {name}"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        assert_conforms(document, &schema["items"], item, place);
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
