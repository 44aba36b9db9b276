//! The `squall` command with journeys of your own: goose transactions, as you have them.
//!
//!     cargo run --release --example own_journeys -- run my-scenario.toml
//!
//! where the scenario names them: `journeys = { front_page = 3, order = 1 }`.

use std::process::ExitCode;

use squall::goose::prelude::*;
use squall::{Journeys, Request, step};

fn main() -> ExitCode {
    squall::main_with(journeys())
}

pub fn journeys() -> Journeys {
    Journeys::new()
        .transaction("front_page", transaction!(front_page))
        .transaction("order", transaction!(order))
}

/// A transaction as goose's own documentation has it.
async fn front_page(user: &mut GooseUser) -> TransactionResult {
    user.get("/").await?;
    Ok(())
}

/// Steps are retried as the scenario says and have figures of their own, to the last byte.
async fn order(user: &mut GooseUser) -> TransactionResult {
    let placed = step(user, Request::post("/orders").body("{}").expect(&[201])).await?;
    let order = placed.text().into_owned();
    step(
        user,
        Request::get(format!("/orders/{order}")).named("GET /orders/{id}"),
    )
    .await?;
    Ok(())
}
