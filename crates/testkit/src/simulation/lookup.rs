//! What clients find after a restart.

use super::{
    consume::Held,
    settings::rules,
    world::{World, topic},
};
use crate::history::Event;

impl World {
    /// Looks up the topic and every subscription.
    pub(crate) fn look_up(&mut self) {
        self.topic_busy = false;
        self.log = None;
        if let Ok(info) = self.broker().topic(&topic()) {
            self.topic_is_there(&info);
        }
        for index in 0..self.names.len() {
            let found = self.broker().subscription(&self.names[index].name);
            let name = &mut self.names[index];
            (name.busy, name.asked) = (false, None);
            name.uid = found.as_ref().ok().map(|info| info.uid);
            if let Ok(info) = found {
                let rules = rules(&info, self.log, 0);
                self.record(Event::Found { rules, paused: info.paused, position: info.position });
            }
        }
        self.record(Event::FoundAll);
        self.keep_hands();
    }

    /// Clients outlive the broker: they settle what they got before, and have to be refused.
    fn keep_hands(&mut self) {
        let (hands, late) = (std::mem::take(&mut self.hands), std::mem::take(&mut self.late));
        let broker = self.broker().clone();
        for name in self.names.iter().filter(|name| name.uid.is_some()) {
            let Ok(subscriber) = broker.subscriber(&name.name) else { continue };
            let is_ours = |held: &&Held| Some(held.subscription()) == name.uid.map(|uid| uid.0);
            self.hands.extend(hands.iter().filter(is_ours).map(|held| held.through(&subscriber)));
            self.late.extend(late.iter().filter(is_ours).map(|held| held.through(&subscriber)));
        }
    }
}
