//! Lists of a member's posts over HTTP, by cursor and by offset.

use serde_json::{Value, json};

use crate::support::{PATIENT, TestApp};

async fn write(app: &TestApp, author: i64) -> i64 {
    let post = app
        .post("/posts", json!({"member_id": author, "contents": "hello"}))
        .await;
    assert_eq!(post.status, 201, "{post:?}");
    post.body["id"].as_i64().unwrap()
}

async fn write_many(app: &TestApp, author: i64, posts: usize) -> Vec<i64> {
    let mut ids = Vec::new();
    for _ in 0..posts {
        ids.push(write(app, author).await);
    }
    ids
}

fn ids(list: &Value) -> Vec<i64> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_i64().unwrap())
        .collect()
}

/// Follows the cursors to the end, and lets `between` happen after each page.
async fn read_all(app: &TestApp, author: i64, size: usize, between: impl AsyncFn()) -> Vec<i64> {
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app
            .get(&format!(
                "/members/{author}/posts?size={size}&cursor={cursor}"
            ))
            .await;
        assert_eq!(page.status, 200, "{page:?}");
        let shown = ids(&page.body);
        assert!(shown.len() <= size);
        seen.extend(shown);
        between().await;
        match page.body["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn cursor_pages_show_each_post_once_newest_first() {
    let app = TestApp::start().await;
    let (author, other) = (app.register("kim").await, app.register("lee").await);
    let mut written = Vec::new();
    for _ in 0..7 {
        written.insert(0, write(&app, author).await);
        write(&app, other).await;
    }
    for size in [1, 3, 7, 100] {
        assert_eq!(
            read_all(&app, author, size, async || ()).await,
            written,
            "size {size}"
        );
    }
}

#[tokio::test]
async fn cursor_pages_neither_repeat_nor_skip_while_posts_arrive_concurrently() {
    let app = TestApp::with(PATIENT).await;
    let author = app.register("kim").await;
    let mut before: Vec<i64> = write_many(&app, author, 25).await;
    before.reverse();
    // Each page is followed by a burst of racing writes of the same author.
    let burst = async || {
        futures_util::future::join_all((0..4).map(|_| write(&app, author))).await;
    };
    let (seen, _) = tokio::join!(
        read_all(&app, author, 4, &burst),
        futures_util::future::join_all((0..8).map(|_| write(&app, author))),
    );
    let strictly_descending = seen.is_sorted_by(|newer, older| newer > older);
    assert!(
        strictly_descending,
        "a post was repeated or out of order: {seen:?}"
    );
    assert!(seen.ends_with(&before), "a post was skipped: {seen:?}");
}

#[tokio::test]
async fn offset_pages_carry_the_total_and_a_cursor_to_go_on_from() {
    let app = TestApp::start().await;
    let author = app.register("kim").await;
    let mut written = write_many(&app, author, 5).await;
    written.reverse();
    let page = async |number: u32| {
        app.get(&format!("/members/{author}/posts?page={number}&size=2"))
            .await
            .body
    };

    let second = page(2).await;
    assert_eq!(ids(&second), written[2..4]);
    assert_eq!(
        (&second["page"], &second["size"], &second["total_count"]),
        (&json!(2), &json!(2), &json!(5))
    );
    let third = page(3).await;
    assert_eq!(ids(&third), written[4..]);
    assert_eq!(third["next_cursor"], Value::Null);
    let beyond = page(4).await;
    assert_eq!(ids(&beyond), [0; 0]);
    assert_eq!(beyond["total_count"], 5);

    let cursor = second["next_cursor"].as_str().unwrap();
    let rest = app
        .get(&format!("/members/{author}/posts?cursor={cursor}"))
        .await
        .body;
    assert_eq!(ids(&rest), written[4..]);
}

#[tokio::test]
async fn the_first_page_needs_no_cursor_and_has_a_default_size() {
    let app = TestApp::start().await;
    let author = app.register("kim").await;
    write_many(&app, author, 21).await;
    let missing = app.get(&format!("/members/{author}/posts")).await;
    let empty = app.get(&format!("/members/{author}/posts?cursor=")).await;
    assert_eq!(ids(&missing.body).len(), 20);
    assert_eq!(missing.body, empty.body);
    assert!(
        missing.body.get("total_count").is_none(),
        "only offset pages count"
    );
}

#[tokio::test]
async fn sizes_and_pages_out_of_bounds_are_refused_by_field() {
    let app = TestApp::start().await;
    let author = app.register("kim").await;
    for (query, field) in [
        ("size=0", "size"),
        ("size=101", "size"),
        ("size=-1", "size"),
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=99999999999", "page"),
        ("page=1&size=101", "size"),
    ] {
        let answer = app.get(&format!("/members/{author}/posts?{query}")).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors()[0].0, field, "{query}");
    }
    for query in ["size=1", "size=100", "page=1&size=100", "page=4294967295"] {
        assert_eq!(
            app.get(&format!("/members/{author}/posts?{query}"))
                .await
                .status,
            200,
            "{query}"
        );
    }
    for query in ["size=many", "pages=2"] {
        assert_eq!(
            app.get(&format!("/members/{author}/posts?{query}"))
                .await
                .status,
            422,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_cursor_that_was_tampered_with_or_belongs_elsewhere_is_refused() {
    let app = TestApp::start().await;
    let (author, other) = (app.register("kim").await, app.register("lee").await);
    write_many(&app, author, 3).await;
    let list = app.get(&format!("/members/{author}/posts?size=1")).await;
    let cursor = list.body["next_cursor"].as_str().unwrap();
    let swapped = if cursor.starts_with('B') { "A" } else { "B" };
    let altered = format!("{swapped}{}", &cursor[1..]);
    for path in [
        format!("/members/{author}/posts?cursor={altered}"),
        format!("/members/{author}/posts?cursor={}", &cursor[1..]),
        format!("/members/{author}/posts?cursor={cursor}A"),
        format!("/members/{author}/posts?cursor=%00"),
        format!("/members/{author}/posts?cursor=3"),
        format!("/members/{other}/posts?cursor={cursor}"),
        format!("/members/{author}/nicknames?cursor={cursor}"),
    ] {
        let answer = app.get(&path).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(
            answer.field_errors(),
            [("cursor", "invalid_cursor")],
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_page_number_and_a_cursor_exclude_each_other() {
    let app = TestApp::start().await;
    let author = app.register("kim").await;
    write_many(&app, author, 3).await;
    let list = app.get(&format!("/members/{author}/posts?size=1")).await;
    let cursor = list.body["next_cursor"].as_str().unwrap();
    let answer = app
        .get(&format!("/members/{author}/posts?cursor={cursor}&page=2"))
        .await;
    answer.assert_problem(422, "invalid");
}

#[tokio::test]
async fn a_member_without_posts_has_an_empty_list_and_nobody_has_none() {
    let app = TestApp::start().await;
    let author = app.register("kim").await;
    for query in ["", "?page=1"] {
        let list = app.get(&format!("/members/{author}/posts{query}")).await;
        assert_eq!(list.status, 200);
        assert_eq!(ids(&list.body), [0; 0]);
        assert_eq!(list.body["next_cursor"], Value::Null);
        app.get(&format!("/members/999/posts{query}"))
            .await
            .assert_problem(404, "member_not_found");
    }
}
