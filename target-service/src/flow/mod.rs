//! What needs several domains at once. A flow decides in which order the domains act and what one
//! transaction is; what may be done and what not is for the domains to say.
//!
//! [`checkout`] places an order and sees it through while the client waits. [`settlement`] sees to all orders
//! whose checkout did not come to its end: the payment was not certain yet, or the process died.
//!
//! Invariant: whoever changes an order's status moves its goods in the same transaction, see `goods.rs`. So
//! checkout and settlement, on however many instances, may race: goods are granted once or given back once.

pub mod api;
pub mod checkout;
mod config;
mod goods;
mod holders;
mod notices;
pub mod payer;
pub mod settlement;

use thiserror::Error;

pub use checkout::{Checkout, Placed};
pub use config::FlowConfig;
pub use goods::Goods;
pub use notices::Notices;
pub use settlement::Settlement;

use crate::coupon::CouponError;
use crate::database::DatabaseError;
use crate::ids::OrderId;
use crate::order::OrderError;
use crate::point::PointError;
use crate::seat::SeatError;
use payer::PayerError;

#[derive(Debug, Error)]
pub enum FlowError {
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error(transparent)]
    Seat(#[from] SeatError),
    #[error(transparent)]
    Coupon(#[from] CouponError),
    #[error(transparent)]
    Point(#[from] PointError),
    #[error(transparent)]
    Payer(#[from] PayerError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the payment of order {0} was declined")]
    Declined(OrderId),
    #[error("the payment of order {0} took too long")]
    TimedOut(OrderId),
    #[error("order {0} could not be paid, and nothing was charged")]
    Unavailable(OrderId),
    #[error("order {0} had ended before it was paid")]
    NotGranted(OrderId),
}

impl FlowError {
    /// Nobody knows whether what was to be done in the transaction has been done.
    fn end_is_uncertain(&self) -> bool {
        match self {
            Self::Database(error) => error.is_uncertain(),
            Self::Point(error) => error.is_uncertain(),
            Self::Coupon(error) => error.is_uncertain(),
            _ => false,
        }
    }
}
