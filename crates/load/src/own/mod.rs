//! What only Fanfare is asked, or what it is asked in a way of its own.

mod many_subscriptions;
mod unary;

pub use many_subscriptions::ManySubscriptions;
pub use unary::{FanfareUnary, UnaryCaller};
