//! A small social backend to break: an instrumented reference service in which every resilience
//! technique is a switch.
//!
//! | layer | modules | may use |
//! |---|---|---|
//! | 5 root | [`config`], [`app`], [`router`], [`admin`], [`serve`], [`system`], [`migrate`], [`seed`] | all |
//! | 5 | [`flow`], what needs several domains | 4 to 0 |
//! | 4 domains | [`coupon`], [`member`], [`order`], [`payment`], [`point`], [`post`], [`seat`], [`survey`] | 3 to 0, never each other |
//! | 3 | [`http`] | 2 to 0 |
//! | 2 backing | [`database`], [`redis`], and on them [`cache`], [`lock`], [`mail`], [`outbox`] | 1, 0 |
//! | 1 | [`resilience`] | 0 |
//! | 0 | [`clock`], [`context`], [`day`], [`duration`], [`idempotency`], [`ids`], [`knobs`], [`page`], [`route_class`], [`section`], [`strategy`], [`telemetry`] | each other |
//!
//! Layer 1 holds the resilience techniques that need no backing service. SQL stands in `store.rs` of a
//! domain, in `database/`, in the migrations and the seeding, and nowhere else. `tests/it/layering.rs` holds
//! all this.

pub mod admin;
pub mod app;
pub mod cache;
pub mod clock;
pub mod config;
pub mod context;
pub mod coupon;
pub mod database;
pub mod day;
pub mod duration;
pub mod flow;
pub mod http;
pub mod idempotency;
pub mod ids;
pub mod knobs;
pub mod lock;
pub mod mail;
pub mod member;
pub mod migrate;
pub mod order;
pub mod outbox;
pub mod page;
pub mod payment;
pub mod point;
pub mod post;
pub mod redis;
pub mod resilience;
pub mod route_class;
pub mod router;
pub mod seat;
pub mod section;
pub mod seed;
pub mod serve;
pub mod strategy;
pub mod survey;
pub mod system;
pub mod telemetry;
