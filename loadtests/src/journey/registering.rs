//! The built-in journey that registers a new member, and what its clients were told.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use goose::goose::{GooseUser, TransactionResult};
use serde::Serialize;

use super::arrival;
use super::builtin::json;
use super::paying::{own_key, own_number};
use super::request::Request;
use super::step::step;

/// The addresses of those who were told that they are registered.
#[derive(Debug, Default)]
pub struct RegisteredLog(Mutex<Vec<String>>);

impl RegisteredLog {
    fn hear(&self, email: String) {
        self.log().push(email);
    }

    /// All of it, leaving nothing.
    pub fn take(&self) -> Vec<String> {
        mem::take(&mut *self.log())
    }

    fn log(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Under an address that nobody else has, also in another trial: one that is taken is taken by an attempt
/// before, of which nothing was heard.
pub(super) async fn register(user: &mut GooseUser) -> TransactionResult {
    #[derive(Serialize)]
    struct NewMember<'a> {
        email: &'a str,
        nickname: &'a str,
        birth_date: &'a str,
    }
    let email = format!("{}@example.com", own_key(own_number()));
    let body = NewMember {
        email: &email,
        nickname: "newcomer",
        birth_date: "2000-02-29",
    };
    let request = json(Request::post("/members"), &body)?;
    let request = request.named("POST /members").expect(&[201, 409]).discard();
    step(user, request).await?;
    arrival::run().registered.hear(email);
    Ok(())
}
