//! Fanfare measured side by side with its peers and with the bare parts.

pub mod process;
pub mod systems;
