use std::io;

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

/// Ready when nobody reads standard output any more, as after `| head -1`: without it, who waits for the next message would learn that only
/// by printing it. Waits in a thread that is left behind.
pub(crate) async fn closed() {
    match tokio::task::spawn_blocking(wait).await {
        Ok(flags) if flags.intersects(PollFlags::ERR | PollFlags::HUP) => {}
        _ => std::future::pending().await,
    }
}

fn wait() -> PollFlags {
    let stdout = io::stdout();
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    while poll(&mut watched, None) == Err(Errno::INTR) {}
    watched[0].revents()
}
