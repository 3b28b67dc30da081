//! Changing the settings, the filter policy among them. A changed policy is in force from the position of its record on; publishers are
//! not held up for it.

use std::sync::{Arc, atomic::Ordering};

use journal::{AppendError, Appended};
use queue::Record;
use types::{Invalid, Position, Sequence, SubscriptionSettings, SubscriptionUid};

use super::{State, Subscription};
use crate::{
    BacklogAction, Unavailable, UpdateSubscriptionError, Updated,
    decoded::Decoded,
    handle::Inner,
    push::EndpointCheck,
    record::{SubscriptionEvent, write_queue, write_subscription},
    topic::{Block, Checked, Topic, TopicState, matches_all},
};

/// Messages that one record says have left.
const LEAVING_AT_ONCE: usize = 10_000;
/// Messages that are looked at before others have their turn.
const LOOKED_AT_ONCE: usize = 1_000;

/// A change that was thought through outside the locks.
struct Proposal<'a> {
    /// The settings that it changes.
    before: &'a SubscriptionSettings,
    settings: SubscriptionSettings,
    filter: FilterChange,
    backlog: BacklogAction,
    /// The messages in hand that leave, as records; and of what it is known.
    leaving: Vec<Record>,
    judged: &'a Judged,
}

/// What a change does to the filter policy.
#[derive(Debug, Clone)]
pub(crate) enum FilterChange {
    None,
    Remove,
    /// Another one, or the same for the backlog.
    Set(Checked),
}

/// A change of policy as its record says it.
#[derive(Debug, Clone)]
pub(crate) struct PolicyChange {
    /// The record.
    pub(crate) position: Position,
    /// Messages that the topic had accepted before.
    pub(crate) published: u64,
    pub(crate) filter: FilterChange,
    pub(crate) backlog: BacklogAction,
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
    /// And so many messages left.
    Done(Appended, u64),
    /// The settings or what is in hand changed since the proposal was made.
    Again,
}

impl Subscription {
    /// Changes the settings and answers once that is durable.
    pub(crate) async fn update(
        self: &Arc<Self>,
        inner: &Inner,
        change: impl Fn(&mut SubscriptionSettings),
        backlog: BacklogAction,
    ) -> Result<Updated, UpdateSubscriptionError> {
        let topic = self.topic()?;
        let mut judged = Judged::default();
        let mut check = EndpointCheck::default();
        loop {
            let before = self.lock()?.queue.settings().clone();
            let settings = changed(&before, &change)?;
            let filter = FilterChange::of(&before, &settings, backlog)?;
            let push = before.push.as_deref();
            inner.check_endpoint(&topic.name, push, &settings, &mut check).await?;
            let leaving = match &filter {
                FilterChange::Set(checked) if backlog == BacklogAction::Reevaluate => {
                    self.judge(&topic, checked, &mut judged).await?;
                    leaving(&judged.leaving)
                }
                _ => Vec::new(),
            };
            let proposal = Proposal { before: &before, settings, filter, backlog, leaving, judged: &judged };
            let tried = topic.retry_when_busy(|| self.try_update(&topic, &proposal)).await?;
            if let Tried::Done(appended, left) = tried {
                appended.durable.wait().await.map_err(Unavailable::Poisoned)?;
                return Ok(Updated { info: self.info()?, left });
            }
        }
    }

    fn try_update(
        self: &Arc<Self>,
        topic: &Topic,
        proposal: &Proposal<'_>,
    ) -> Result<Result<Tried, AppendError>, UpdateSubscriptionError> {
        let mut topic_state = topic.state.lock();
        let mut state = self.lock()?;
        if !proposal.is_about(&state) {
            return Ok(Ok(Tried::Again));
        }
        let published = topic_state.published;
        if !matches!(proposal.filter, FilterChange::None) {
            state.pass_spent_eras(topic);
            state.reading.check_change(published, proposal.narrows())?;
        }
        let now = self.shared.time.now();
        let event = proposal.event(self.uid, published);
        let appended = topic.append(now, |batch| {
            batch.push(|out| write_subscription(out, &event));
            for record in &proposal.leaving {
                batch.push(|out| write_queue(out, self.uid, 0, record));
            }
        });
        let appended = match appended {
            Ok(appended) => appended,
            Err(error) => return Ok(Err(error)),
        };
        let position = appended.first;
        state.last_used = now;
        state.position = position;
        state.end = position + 1 + proposal.leaving.len() as u64;
        topic_state.end = topic_state.end.max(state.end);
        state.set_settings(proposal.settings.clone());
        self.list_endpoint(topic, &state);
        let (filter, backlog) = (proposal.filter.clone(), proposal.backlog);
        let change = PolicyChange { position, published, filter, backlog };
        self.change_policy(topic, &mut topic_state, &mut state, change);
        // From here on publishers can go on.
        drop(topic_state);
        let left = state.take_out(&proposal.leaving, position + 1);
        self.changed(&mut state, now);
        Ok(Ok(Tried::Done(appended, left)))
    }

    /// Another policy comes into force, live and in recovery. Under the topic's and the subscription's lock.
    pub(crate) fn change_policy(
        self: &Arc<Self>,
        topic: &Topic,
        topic_state: &mut TopicState,
        state: &mut State,
        change: PolicyChange,
    ) {
        let PolicyChange { position, published, filter, backlog } = change;
        let checked = match filter {
            FilterChange::None => return,
            FilterChange::Remove => None,
            FilterChange::Set(checked) => Some(checked),
        };
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

impl State {
    /// Applies what took messages out of the window; how many were still there.
    fn take_out(&mut self, leaving: &[Record], first: Position) -> u64 {
        let room = self.queue.room();
        for (record, position) in leaving.iter().zip(first..) {
            self.apply(record, 0, position);
        }
        let left = self.queue.room().saturating_sub(room) as u64;
        self.tally.left(left);
        left
    }
}

impl Proposal<'_> {
    /// The settings are still those, and everything that is in hand was judged, if it had to be.
    fn is_about(&self, state: &State) -> bool {
        let judged = || self.judged.position == state.position && self.judged.below == state.queue.cursor();
        state.queue.settings() == self.before && (!self.narrows() || judged())
    }

    /// The new policy has to match too what earlier ones let in.
    fn narrows(&self) -> bool {
        self.backlog == BacklogAction::Reevaluate && matches!(self.filter, FilterChange::Set(_))
    }

    fn event(&self, uid: SubscriptionUid, published: u64) -> SubscriptionEvent {
        SubscriptionEvent::Updated { uid, settings: self.settings.clone(), backlog: self.backlog, published }
    }
}

impl FilterChange {
    /// What a change of settings does to the policy, live and in recovery.
    ///
    /// # Errors
    /// The new policy breaks a rule.
    pub(crate) fn of(
        before: &SubscriptionSettings,
        after: &SubscriptionSettings,
        backlog: BacklogAction,
    ) -> Result<Self, Invalid> {
        if before.filter == after.filter && backlog == BacklogAction::Keep {
            return Ok(Self::None);
        }
        match (Checked::of_settings(after), &before.filter) {
            (Ok(Some(checked)), _) => Ok(Self::Set(checked)),
            (Ok(None), Some(_)) => Ok(Self::Remove),
            (Ok(None), None) => Ok(Self::None),
            (Err(invalid), _) => Err(invalid.within("settings")),
        }
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
    let payload = |frame: &Arc<Decoded>| Some(frame.payload(frame.find(sequence)?));
    if let Some(payload) = cached.as_ref().and_then(payload) {
        return Ok(matches_all(&*topic.shared.contents, &payload, policies));
    }
    if block.as_ref().is_none_or(|block| !block.holds(sequence)) {
        *block = Some(topic.read_block(sequence).await?);
    }
    if let Some(payload) = block.as_ref().and_then(|block| payload(block.holding(sequence)?)) {
        return Ok(matches_all(&*topic.shared.contents, &payload, policies));
    }
    // It was carried forward.
    let found = topic.read_message(sequence).await?;
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
