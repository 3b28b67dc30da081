//! Owners who want to know how far their subscriptions are.

use super::world::{Done, World};
use crate::history::{Event, Invoked};

impl World {
    /// Begins to ask for a subscription's figures, if it is known to exist.
    pub(crate) fn ask_for_figures(&mut self, index: usize) {
        let Some(uid) = self.names[index].uid else { return };
        let name = self.names[index].name.clone();
        let (broker, call) = (self.broker().clone(), self.next_call());
        self.begin(Invoked::Figures { subscription: uid.0 }, None, async move {
            let stats = broker.subscription_stats(&name).await;
            let done: Done = Box::new(move |world| {
                // Another may have the name by now.
                let same = world.names[index].uid == Some(uid);
                world.record(match stats {
                    Ok(stats) if same => Event::FiguresOk { call, backlog: stats.backlog },
                    _ => Event::Failed { call },
                });
            });
            done
        });
    }
}
