//! The journeys that come with squall, against the lab's own service.

use goose::goose::{GooseUser, TransactionError, TransactionFunction, TransactionResult};
use jiff::civil::Date;
use jiff::{ToSpan as _, Zoned};
use rand::{Rng as _, RngExt as _};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::sync::Arc;

use super::arrival;
use super::paying::{charge_points, checkout, pay, pay_and_poll};
use super::population::Population;
use super::registering::register;
use super::request::Request;
use super::step::step;
use super::written::read_your_write;

/// Name and what it does, in the order of the documentation.
pub(super) const BUILT_IN: [(&str, &str); 15] = [
    (
        "browse",
        "one post, then the first page of a member's posts",
    ),
    ("member", "one member"),
    ("post", "one post"),
    ("write", "a new post"),
    ("calendar", "31 days of a member's calendar"),
    ("rename", "a member's nickname changed"),
    (
        "mix",
        "one of these: post 50 %, browse 20, member 15, calendar 8, write 5, rename 2",
    ),
    (
        "pay",
        "an order paid; one whose payment is still being confirmed has failed",
    ),
    (
        "pay_and_poll",
        "an order paid; where the payment is being confirmed, asked for until it is final",
    ),
    (
        "checkout",
        "a seat of one's own ordered and paid; asked for until the order is final",
    ),
    ("charge_points", "points added to a member's"),
    (
        "claim_coupon",
        "a coupon claimed, each by twice as many members as can have it; sold out is an answer, too",
    ),
    ("register", "a new member"),
    (
        "read_your_write",
        "a post liked, then read three times: reads that do not show the like are counted as stale",
    ),
    (
        "hold_seat",
        "a seat held, each wanted by twenty members at about the same time; all but one of them fail",
    ),
];

/// The transaction of that name.
pub(super) fn built_in(name: &str) -> Option<TransactionFunction> {
    macro_rules! transaction {
        ($function:ident) => {
            Arc::new(|user: &mut GooseUser| Box::pin($function(user)))
        };
    }
    Some(match name {
        "browse" => transaction!(browse),
        "member" => transaction!(member),
        "post" => transaction!(post),
        "write" => transaction!(write),
        "calendar" => transaction!(calendar),
        "rename" => transaction!(rename),
        "mix" => transaction!(mix),
        "pay" => transaction!(pay),
        "pay_and_poll" => transaction!(pay_and_poll),
        "checkout" => transaction!(checkout),
        "charge_points" => transaction!(charge_points),
        "claim_coupon" => transaction!(claim_coupon),
        "register" => transaction!(register),
        "read_your_write" => transaction!(read_your_write),
        "hold_seat" => transaction!(hold_seat),
        _ => return None,
    })
}

/// Whether a journey is nothing without a payment gateway.
pub(super) fn pays(name: &str) -> bool {
    matches!(name, "pay" | "pay_and_poll" | "checkout")
}

async fn browse(user: &mut GooseUser) -> TransactionResult {
    post(user).await?;
    let member = draw(Population::member)?;
    let path = format!("/members/{member}/posts?cursor=&size=20");
    step(
        user,
        Request::get(path)
            .named("GET /members/{id}/posts")
            .discard(),
    )
    .await?;
    Ok(())
}

async fn member(user: &mut GooseUser) -> TransactionResult {
    let id = draw(Population::member)?;
    step(
        user,
        Request::get(format!("/members/{id}"))
            .named("GET /members/{id}")
            .discard(),
    )
    .await?;
    Ok(())
}

async fn post(user: &mut GooseUser) -> TransactionResult {
    let id = draw(Population::post)?;
    step(
        user,
        Request::get(format!("/posts/{id}"))
            .named("GET /posts/{id}")
            .discard(),
    )
    .await?;
    Ok(())
}

async fn write(user: &mut GooseUser) -> TransactionResult {
    #[derive(Serialize)]
    struct NewPost {
        member_id: u64,
        contents: String,
    }
    let new_post = draw(|population, rng| NewPost {
        member_id: population.member(rng),
        contents: contents(rng),
    })?;
    let request = json(Request::post("/posts"), &new_post)?;
    step(user, request.named("POST /posts").expect(&[201]).discard()).await?;
    Ok(())
}

async fn claim_coupon(user: &mut GooseUser) -> TransactionResult {
    #[derive(Serialize)]
    struct Claim {
        member_id: u64,
    }
    let arrival = arrival::seq();
    let (coupon, member_id) = draw(|population, _| population.claim(arrival))?;
    let request = json(
        Request::post(format!("/coupons/{coupon}/issues")),
        &Claim { member_id },
    )?;
    let request = request.named("POST /coupons/{id}/issues");
    step(user, request.expect(&[201, 409]).discard()).await?;
    Ok(())
}

async fn hold_seat(user: &mut GooseUser) -> TransactionResult {
    #[derive(Serialize)]
    struct Hold {
        member_id: u64,
    }
    let (seat, member_id) = Population::seat(arrival::seq());
    let request = json(
        Request::put(format!("/events/1/seats/{seat}/hold")),
        &Hold { member_id },
    )?;
    let request = request.named("PUT /events/{event}/seats/{seat}/hold");
    step(user, request.discard()).await?;
    Ok(())
}

async fn calendar(user: &mut GooseUser) -> TransactionResult {
    let today = Zoned::now().date();
    let (id, from) = draw(|population, rng| (population.member(rng), first_day(today, rng)))?;
    let to = from.saturating_add(30.days());
    let path = format!("/members/{id}/post-calendar?from={from}&to={to}");
    step(
        user,
        Request::get(path)
            .named("GET /members/{id}/post-calendar")
            .discard(),
    )
    .await?;
    Ok(())
}

async fn rename(user: &mut GooseUser) -> TransactionResult {
    #[derive(Serialize)]
    struct NewNickname {
        nickname: String,
    }
    let (id, nickname) = draw(|population, rng| (population.member(rng), nickname(rng)))?;
    let request = json(
        Request::patch(format!("/members/{id}/nickname")),
        &NewNickname { nickname },
    )?;
    step(
        user,
        request.named("PATCH /members/{id}/nickname").discard(),
    )
    .await?;
    Ok(())
}

async fn mix(user: &mut GooseUser) -> TransactionResult {
    match draw(|_, rng| rng.random_range(0..100))? {
        0..50 => post(user).await,
        50..70 => browse(user).await,
        70..85 => member(user).await,
        85..93 => calendar(user).await,
        93..98 => write(user).await,
        _ => rename(user).await,
    }
}

/// The first of 31 days that lie within the year over which the dataset's posts are spread.
fn first_day(today: Date, rng: &mut ChaCha8Rng) -> Date {
    today.saturating_sub(rng.random_range(30..=364).days())
}

/// 1 to 40 words: most posts are short, some are not.
fn contents(rng: &mut ChaCha8Rng) -> String {
    const WORDS: [&str; 12] = [
        "storm", "queue", "tide", "harbour", "signal", "lantern", "cable", "anchor", "ferry",
        "gull", "mast", "fog",
    ];
    let count = 1 + rng.random_range(0..40) * rng.random_range(0..40) / 40;
    let words: Vec<&str> = (0..count)
        .map(|_| WORDS[rng.random_range(0..WORDS.len())])
        .collect();
    words.join(" ")
}

/// At most 10 characters.
fn nickname(rng: &mut ChaCha8Rng) -> String {
    format!("n{:x}", rng.next_u64() >> 28)
}

pub(super) fn draw<T>(
    from: impl FnOnce(&Population, &mut ChaCha8Rng) -> T,
) -> Result<T, Box<TransactionError>> {
    let run = arrival::run();
    let population = run
        .population
        .as_ref()
        .ok_or("built-in journeys need the lab's dataset")?;
    Ok(arrival::draw(|rng| from(population, rng)))
}

pub(super) fn json(
    request: Request,
    body: &impl Serialize,
) -> Result<Request, Box<TransactionError>> {
    request
        .json(body)
        .map_err(|error| Box::new(TransactionError::Custom(error.to_string())))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn every_listed_journey_exists() {
        assert!(BUILT_IN.iter().all(|(name, _)| built_in(name).is_some()));
        assert!(built_in("juggle").is_none());
    }

    #[test]
    fn what_is_written_keeps_the_services_rules() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let today = jiff::civil::date(2024, 2, 29);
        for _ in 0..1000 {
            assert!((1..=10).contains(&nickname(&mut rng).chars().count()));
            assert!((1..=10_000).contains(&contents(&mut rng).chars().count()));
            let from = first_day(today, &mut rng);
            assert!(
                from >= today.saturating_sub(364.days()) && from.saturating_add(30.days()) <= today
            );
        }
    }
}
