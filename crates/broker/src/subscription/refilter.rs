//! Changing the settings, the filter policy among them. A changed policy is in force from the position of its record on; publishers are
//! not held up for it.

use std::sync::{Arc, atomic::Ordering};

use journal::{AppendError, Appended};
use queue::Record;
use types::{Invalid, Position, Sequence, SubscriptionSettings};

use super::{State, Subscription};
use crate::{
    BacklogAction, Unavailable, UpdateSubscriptionError, Updated,
    record::{SubscriptionEvent, write_queue, write_subscription},
    topic::{Block, Checked, Topic, TopicState, matches_all},
};

/// Messages that one record says have left.
const LEAVING_AT_ONCE: usize = 10_000;
/// Messages that are looked at before others have their turn.
const LOOKED_AT_ONCE: usize = 1_000;

/// A change that was thought through outside the locks.
struct Proposal {
    settings: SubscriptionSettings,
    /// The new policy, if it is another one: none is no policy.
    filter: Option<Option<Checked>>,
    judged: Judged,
}

/// Which messages in hand a new policy does not match.
#[derive(Default)]
struct Judged {
    /// Everything in hand below was looked at, as long as the subscription's position is this.
    below: Sequence,
    position: Position,
    leaving: Vec<Sequence>,
}

/// What became of a try.
enum Tried {
    Done(Appended),
    /// The settings or what is in hand changed since the proposal was made.
    Again,
}

impl Subscription {
    /// Changes the settings and answers once that is durable.
    pub(crate) async fn update(
        self: &Arc<Self>,
        change: impl Fn(&mut SubscriptionSettings),
        backlog: BacklogAction,
    ) -> Result<Updated, UpdateSubscriptionError> {
        let topic = self.topic()?;
        let mut judged = Judged::default();
        loop {
            let before = self.lock()?.queue.settings().clone();
            let settings = changed(&before, &change)?;
            let filter = changed_filter(&before, &settings, backlog)?;
            if let (BacklogAction::Reevaluate, Some(Some(checked))) = (backlog, &filter) {
                self.judge(&topic, checked, &mut judged).await?;
            }
            let mut proposal = Proposal { settings, filter, judged };
            let tried =
                topic.retry_when_busy(|| self.try_update(&topic, &before, &mut proposal, backlog)).await?;
            judged = proposal.judged;
            if let Tried::Done(appended) = tried {
                appended.durable.wait().await.map_err(Unavailable::Poisoned)?;
                return Ok(Updated { info: self.info()?, left: judged.leaving.len() as u64 });
            }
        }
    }

    fn try_update(
        self: &Arc<Self>,
        topic: &Topic,
        before: &SubscriptionSettings,
        proposal: &mut Proposal,
        backlog: BacklogAction,
    ) -> Result<Result<Tried, AppendError>, UpdateSubscriptionError> {
        let mut topic_state = topic.state.lock();
        let mut state = self.lock()?;
        if state.queue.settings() != before || !proposal.is_about(&state, backlog) {
            return Ok(Ok(Tried::Again));
        }
        if proposal.filter.is_some() {
            state.reading.check_change(topic_state.published)?;
        }
        let now = self.shared.time.now();
        let still_there = |sequence: &Sequence| state.queue.in_window(*sequence).next() == Some(*sequence);
        proposal.judged.leaving.retain(still_there);
        let leaving = leaving(&proposal.judged.leaving);
        let event = SubscriptionEvent::Updated {
            uid: self.uid,
            settings: proposal.settings.clone(),
            backlog,
            published: topic_state.published,
        };
        let appended = topic.append(now, |batch| {
            batch.push(|out| write_subscription(out, &event));
            for record in &leaving {
                batch.push(|out| write_queue(out, self.uid, 0, record));
            }
        });
        let appended = match appended {
            Ok(appended) => appended,
            Err(error) => return Ok(Err(error)),
        };
        state.end = appended.first + 1 + leaving.len() as u64;
        topic_state.end = topic_state.end.max(state.end);
        self.take_over(topic, &mut topic_state, &mut state, appended.first, proposal, backlog);
        for (record, position) in leaving.iter().zip(appended.first + 1..) {
            state.apply(record, 0, position);
        }
        state.tally.left(proposal.judged.leaving.len() as u64);
        self.changed(&mut state, now);
        Ok(Ok(Tried::Done(appended)))
    }

    fn take_over(
        self: &Arc<Self>,
        topic: &Topic,
        topic_state: &mut TopicState,
        state: &mut State,
        position: Position,
        proposal: &Proposal,
        backlog: BacklogAction,
    ) {
        state.position = position;
        state.queue.set_settings(proposal.settings.clone());
        if let Some(filter) = &proposal.filter {
            let published = topic_state.published;
            self.change_filter(topic, topic_state, state, position, filter.clone(), published, backlog);
        }
    }

    /// Another policy is in force from `position` on, before which the topic had accepted `published` messages; live and in recovery.
    /// Under the topic's and the subscription's lock.
    #[expect(clippy::too_many_arguments, reason = "two locked states, and what the record says")]
    pub(crate) fn change_filter(
        self: &Arc<Self>,
        topic: &Topic,
        topic_state: &mut TopicState,
        state: &mut State,
        position: Position,
        checked: Option<Checked>,
        published: u64,
        backlog: BacklogAction,
    ) {
        if let Some(before) = state.reading.filter() {
            state.tally.end(before, topic.routing.figures(Some(before), published));
        }
        topic.forget_waiting(self, state.reading.filter());
        let filter = checked.map(|checked| topic.routing.join(checked, position + 1));
        topic_state.filtered += u32::from(filter.is_some());
        state.tally.begin(topic.routing.figures(filter.as_ref(), published));
        if let Some(before) = state.reading.change(filter, position, published, backlog) {
            topic_state.filtered -= 1;
            topic.routing.leave(&before);
        }
        state.block = None;
        // Those that wait do so for other messages from now on; and there may be some in an earlier era.
        if self.waiting.load(Ordering::Acquire) > 0 {
            topic.list_waiting(self, state.reading.filter());
        }
        self.wake_all();
    }

    /// Asks a policy about everything in hand that it was not asked about.
    async fn judge(&self, topic: &Topic, checked: &Checked, judged: &mut Judged) -> Result<(), Unavailable> {
        let (sequences, cursor) = {
            let state = self.peek();
            if judged.position != state.position {
                *judged = Judged { position: state.position, ..Judged::default() };
            }
            (state.queue.in_window(judged.below).collect::<Vec<_>>(), state.queue.cursor())
        };
        let mut block = None;
        for chunk in sequences.chunks(LOOKED_AT_ONCE) {
            for sequence in chunk {
                if !let_in(topic, checked, *sequence, &mut block).await? {
                    judged.leaving.push(*sequence);
                }
            }
            tokio::task::yield_now().await;
        }
        judged.below = cursor;
        Ok(())
    }
}

impl Proposal {
    /// Everything that is in hand was judged, if it had to be.
    fn is_about(&self, state: &State, backlog: BacklogAction) -> bool {
        let judges = backlog == BacklogAction::Reevaluate && matches!(self.filter, Some(Some(_)));
        !judges || (self.judged.position == state.position && self.judged.below == state.queue.cursor())
    }
}

/// Whether a policy matches a message. One that cannot be read stays where it is: reading it for a consumer finds that out.
async fn let_in(
    topic: &Topic,
    checked: &Checked,
    sequence: Sequence,
    block: &mut Option<Block>,
) -> Result<bool, Unavailable> {
    let policies = std::slice::from_ref(checked);
    let cached = topic.cache.lock().holding(sequence).cloned();
    if let Some(message) = cached.as_ref().and_then(|frame| frame.find(sequence)) {
        return Ok(matches_all(&*topic.shared.contents, &message.payload, policies));
    }
    if block.as_ref().is_none_or(|block| !block.holds(sequence)) {
        *block = Some(topic.read_block(sequence).await?);
    }
    let found = block.as_ref().and_then(|block| block.find(sequence));
    Ok(found.is_none_or(|(message, _)| matches_all(&*topic.shared.contents, &message.payload, policies)))
}

fn leaving(sequences: &[Sequence]) -> Vec<Record> {
    let chunks = sequences.chunks(LEAVING_AT_ONCE);
    chunks.map(|sequences| Record::FilteredOut { sequences: sequences.to_vec() }).collect()
}

/// The settings after a change, if that is allowed.
fn changed(
    settings: &SubscriptionSettings,
    change: impl Fn(&mut SubscriptionSettings),
) -> Result<SubscriptionSettings, Invalid> {
    let mut changed = settings.clone();
    change(&mut changed);
    changed.validate().map_err(|invalid| invalid.within("settings"))?;
    if changed.ordered != settings.ordered {
        return Err(Invalid::new("settings.ordered", "is fixed at creation"));
    }
    Ok(changed)
}

/// The policy after a change, if it is another one, or the same one to be applied to the backlog.
fn changed_filter(
    before: &SubscriptionSettings,
    after: &SubscriptionSettings,
    backlog: BacklogAction,
) -> Result<Option<Option<Checked>>, Invalid> {
    if !changes_filter(before, after, backlog) {
        return Ok(None);
    }
    Checked::of_settings(after).map(Some).map_err(|invalid| invalid.within("settings"))
}

/// Whether a change is one of the filter policy, live and in recovery.
pub(crate) fn changes_filter(
    before: &SubscriptionSettings,
    after: &SubscriptionSettings,
    backlog: BacklogAction,
) -> bool {
    before.filter != after.filter || (backlog == BacklogAction::Reevaluate && after.filter.is_some())
}
