//! What the tests stand on: the running service, an isolated database, a breakable network.

mod answer;
mod app;
mod database;
mod gateway;
mod payments;
mod proxy;
mod raw;
mod redis;
mod scripted_payer;
mod shop;
mod until;

pub use answer::Answer;
pub use app::{PATIENT, Settings, TestApp, command};
pub use database::TestDatabase;
pub use gateway::{Act, Manner, StubGateway};
pub use payments::{Paying, id_in};
pub use proxy::Proxy;
pub use raw::RawConnection;
pub use redis::TestRedis;
pub use scripted_payer::Says;
pub use shop::Shop;
pub use until::until;
