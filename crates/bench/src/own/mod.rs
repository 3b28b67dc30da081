//! What only Fanfare is asked, because it needs its process: to be idle, to be killed and to come back.

mod idle;
mod recovery;
mod server;

pub(crate) use idle::Idle;
pub(crate) use recovery::Recovery;
pub(crate) use server::Server;
