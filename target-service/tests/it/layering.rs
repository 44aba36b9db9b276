//! The layers of the service hold: no module imports upwards, domains do not know each other, SQL stands in
//! its places, and HTTP stays out of the rules.

use std::fs;
use std::path::Path;

/// The table of `lib.rs`: module, layer, and the modules of its own layer that it may use.
const LAYERS: &[(&str, u8, &[&str])] = &[
    ("main", 6, &[]),
    ("serve", 5, &["admin", "app", "config", "router"]),
    ("router", 5, &["app", "flow", "system"]),
    ("admin", 5, &["app"]),
    ("app", 5, &["config", "flow"]),
    ("config", 5, &["flow"]),
    ("system", 5, &["migrate"]),
    ("migrate", 5, &[]),
    ("seed", 5, &[]),
    ("flow", 5, &[]),
    ("coupon", 4, &[]),
    ("member", 4, &[]),
    ("order", 4, &[]),
    ("point", 4, &[]),
    ("payment", 4, &[]),
    ("post", 4, &[]),
    ("seat", 4, &[]),
    ("survey", 4, &[]),
    ("http", 3, &[]),
    ("database", 2, &[]),
    ("lock", 2, &["redis"]),
    ("mail", 2, &["database"]),
    ("outbox", 2, &["database", "redis"]),
    ("redis", 2, &[]),
    ("cache", 2, &["redis"]),
    ("resilience", 1, &[]),
    ("telemetry", 0, &[]),
    ("context", 0, &["ids", "knobs", "route_class"]),
    (
        "knobs",
        0,
        &["duration", "route_class", "section", "strategy"],
    ),
    ("section", 0, &[]),
    ("route_class", 0, &[]),
    ("strategy", 0, &[]),
    ("clock", 0, &[]),
    ("day", 0, &[]),
    ("duration", 0, &[]),
    ("idempotency", 0, &[]),
    ("ids", 0, &[]),
    ("page", 0, &[]),
];

const DOMAINS: &[&str] = &[
    "coupon", "member", "order", "payment", "point", "post", "seat", "survey",
];
const SQL: &[&str] = &[
    "sqlx::query",
    "query_as(",
    "query_scalar(",
    "raw_sql(",
    "copy_in_raw(",
];
const HTTP: &[&str] = &["axum::", "crate::http", "use http::", "http::StatusCode"];
/// What a client of somebody else's HTTP has no business with.
const SERVER: &[&str] = &["axum::", "crate::http"];

struct Source {
    /// Below `src/`, with `/` between its parts.
    path: String,
    text: String,
}

impl Source {
    /// The module at the crate's root that the file belongs to.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// Whether this part of the path, a file or a folder, is on the way to it.
    fn is_within(&self, part: &str) -> bool {
        self.path
            .split('/')
            .any(|name| name.trim_end_matches(".rs") == part)
    }

    /// Without comments, and without the tests at its end.
    fn code(&self) -> String {
        let code = self.text.split("#[cfg(test)]").next().unwrap();
        let lines = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        lines.flat_map(|line| [line, "\n"]).collect()
    }
}

fn violations(source: &Source) -> Vec<String> {
    let mut violations = Vec::new();
    let (module, code) = (source.module(), source.code());
    let Some((_, layer, siblings)) = LAYERS.iter().find(|(name, ..)| *name == module) else {
        return vec![format!("{}: not in the table of layers", source.path)];
    };
    for imported in imported_modules(&code) {
        let is_allowed = match LAYERS.iter().find(|(name, ..)| *name == imported) {
            Some((_, imported_layer, _)) => {
                imported == module
                    || imported_layer < layer
                    || siblings.contains(&imported.as_str())
            }
            None => false,
        };
        if !is_allowed {
            violations.push(format!("{}: {module} must not use {imported}", source.path));
        }
    }
    let may_hold_sql = ["store", "database", "seed"]
        .iter()
        .any(|place| source.is_within(place));
    if !may_hold_sql && let Some(sql) = SQL.iter().find(|sql| code.contains(**sql)) {
        violations.push(format!("{}: SQL outside of a store ({sql})", source.path));
    }
    let has_rules = DOMAINS.contains(&module) || module == "flow";
    let may_see_http = !has_rules || source.is_within("api");
    let forbidden = if source.is_within("gateway") {
        SERVER
    } else {
        HTTP
    };
    if !may_see_http && let Some(http) = forbidden.iter().find(|http| code.contains(**http)) {
        violations.push(format!("{}: HTTP outside of an api ({http})", source.path));
    }
    violations
}

/// The first names after `crate::`, alone or in braces.
fn imported_modules(code: &str) -> Vec<String> {
    code.split("crate::")
        .skip(1)
        .flat_map(|after| match after.strip_prefix('{') {
            Some(group) => first_names(group),
            None => vec![identifier(after)],
        })
        .collect()
}

/// The first name of each item in a group, up to its closing brace.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut item_begins) = (0, Vec::new(), true);
    for (at, character) in group.char_indices() {
        match character {
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            '{' => depth += 1,
            ',' if depth == 0 => item_begins = true,
            character if item_begins && !character.is_whitespace() => {
                names.push(identifier(&group[at..]));
                item_begins = false;
            }
            _ => {}
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|&c| c.is_alphanumeric() || c == '_')
        .collect()
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    collect(&root, "", &mut sources);
    assert!(sources.len() > 30, "the sources were not found");
    // It declares the modules and uses none.
    sources.retain(|source| source.path != "lib.rs");
    sources
}

fn collect(folder: &Path, prefix: &str, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{path}/"), sources);
        } else if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "rs")
        {
            sources.push(Source {
                path,
                text: fs::read_to_string(entry.path()).unwrap(),
            });
        }
    }
}

#[test]
fn the_sources_keep_to_the_layers() {
    let violations: Vec<_> = sources().iter().flat_map(violations).collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn every_module_of_the_table_exists() {
    let sources = sources();
    for (module, ..) in LAYERS {
        assert!(
            sources.iter().any(|source| source.module() == *module),
            "{module} is gone"
        );
    }
}

#[test]
fn planted_violations_are_found() {
    let found = |path: &str, text: &str| {
        violations(&Source {
            path: path.to_owned(),
            text: text.to_owned(),
        })
        .len()
    };
    for (path, text) in [
        ("database/pool.rs", "use crate::http::Problem;"),
        ("http/extract/json.rs", "fn f() { crate::member::find() }"),
        ("member/mod.rs", "use crate::post::Post;"),
        (
            "post/mod.rs",
            "use crate::{ids::PostId, member::{self, Member}};",
        ),
        ("clock.rs", "use crate::{\n    page,\n};"),
        (
            "resilience/bulkhead/mod.rs",
            "use crate::database::Database;",
        ),
        ("app.rs", "use crate::router;"),
        ("seat/mod.rs", "use crate::flow::Checkout;"),
        ("flow/mod.rs", "use crate::app::App;"),
        ("flow/checkout.rs", "use axum::Json;"),
        ("flow/checkout.rs", "sqlx::query(\"SELECT 1\")"),
        ("member/mod.rs", "sqlx::query(\"SELECT 1\")"),
        ("http/error.rs", "sqlx::raw_sql(\"SELECT 1\")"),
        ("post/mod.rs", "use axum::Json;"),
        ("payment/pay.rs", "use http::Method;"),
        ("payment/gateway/transport.rs", "use crate::http::Problem;"),
        ("member/store.rs", "use crate::http::Problem;"),
        ("unheard_of.rs", ""),
    ] {
        assert_eq!(found(path, text), 1, "{path}: {text}");
    }
    for (path, text) in [
        (
            "member/mod.rs",
            "use crate::{context::RequestContext, database::Database};",
        ),
        ("member/api.rs", "use axum::Json; use crate::http::Problem;"),
        ("post/store/mod.rs", "sqlx::query(\"SELECT 1\")"),
        ("payment/gateway/transport.rs", "use http::Method;"),
        ("router.rs", "use crate::app::App;"),
        ("flow/checkout.rs", "use crate::{order, seat};"),
        ("clock.rs", "// crate::http is above"),
        ("clock.rs", "#[cfg(test)]\nmod tests { use crate::http; }"),
    ] {
        assert_eq!(found(path, text), 0, "{path}: {text}");
    }
}
