//! The built-in journey that writes, and then reads what it has written.
//!
//! Likes are only ever added, so the count of a post never falls: who reads fewer than were acknowledged
//! to him reads something old. That is no failure of the arrival, but a figure of its own.

use goose::goose::{GooseUser, TransactionResult};
use serde::Deserialize;

use super::arrival;
use super::builtin::draw;
use super::request::{Answer, Request};
use super::step::step_checked;

/// One for each of three instances: where every request goes to the next one, each is asked once,
/// the one that wrote included.
const READS: usize = 3;

/// Likes a post, and looks whether the post shows it.
pub(super) async fn read_your_write(user: &mut GooseUser) -> TransactionResult {
    let arrival = arrival::seq();
    let (post, member) = draw(|population, _| population.like(arrival))?;
    let like = Request::put(format!("/posts/{post}/likes/{member}"))
        .named("PUT /posts/{id}/likes/{member_id}")
        .expect(&[200]);
    let (_, acknowledged) = step_checked(user, like, like_count).await?;
    for _ in 0..READS {
        let look = Request::get(format!("/posts/{post}"))
            .named("GET /posts/{id}")
            .expect(&[200]);
        let (_, read) = step_checked(user, look, like_count).await?;
        arrival::note_read(read < acknowledged);
    }
    Ok(())
}

fn like_count(answer: &Answer) -> Option<i64> {
    #[derive(Deserialize)]
    struct Liked {
        like_count: i64,
    }
    let liked: Liked = answer.json().ok()?;
    Some(liked.like_count)
}
