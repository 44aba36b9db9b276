//! Against the real service and a real PostgreSQL. `./squall test` provides the database.
// Counts are compared as they are exposed: as doubles that hold whole numbers.
#![allow(clippy::unwrap_used, clippy::float_cmp)]
// The service's layers are types within types, and a test holds all of them at once.
#![recursion_limit = "256"]

mod admin;
mod bodies;
mod cache;
mod calendar;
mod check;
mod checkout;
mod coupon;
mod deadline;
mod hold;
mod http;
mod layering;
mod lifecycle;
mod likes;
mod lock;
mod logs;
mod member;
mod no_http;
mod openapi;
mod order;
mod outbox;
mod outbox_duress;
mod overload;
mod paging;
mod payment;
mod payment_crashes;
mod payment_deadline;
mod payment_faults;
mod payment_guards;
mod payment_knobs;
mod payment_parts;
mod payment_queue;
mod payment_reconcile;
mod point;
mod pool;
mod pool_faults;
mod pool_sizes;
mod post;
mod redis;
mod seat;
mod seed;
mod support;
mod survey;
mod telemetry;
mod transfer;
mod views;
