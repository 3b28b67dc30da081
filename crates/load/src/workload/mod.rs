//! What is done to a system, and measured of it.

mod drive;
mod fan_out;
mod publish;

pub use fan_out::FanOut;
pub use publish::Publish;
