//! Takes space ahead of the writes: zeros, on disk, behind what is used. A full disk shows here and nowhere else.

use std::{io, sync::Arc};

use journal::Priority;

use crate::{
    engine::Engine,
    fs::{File, is_full, is_out_of_descriptors, write_zeros},
    jobs::Job,
    log::{Extension, LogCore},
    names,
    stats::add,
};

/// Takes the space that was asked for.
pub(crate) fn run(engine: &Engine, log: &Arc<LogCore>) {
    let plan = log.state.lock().plan_extension(&engine.config);
    let taken = if engine.poisoned().is_some() { Ok(None) } else { take(engine, log, &plan) };
    if let Err(error) = &taken {
        // At once, and before anyone may go on in the segment.
        engine.poison("write of zeros ahead", error);
    }
    let mut state = log.state.lock();
    match &taken {
        Ok(Some(bytes)) => {
            state.extended_to(plan.allocated + bytes);
            state.exhausted = false;
        }
        Ok(None) => state.exhausted |= plan.priority == Priority::State,
        Err(_) => {}
    }
    state.extending = false;
    // A roll that had to wait for this must not wait for the next one too.
    state.sealing |= state.is_due(&engine.config);
    let seal = state.sealing && state.start_committing();
    drop(state);
    if seal {
        engine.push(Job::Commit(log.clone()));
    }
    log.changed.notify_waiters();
}

/// How much was taken; `None` if the disk is full.
fn take(engine: &Engine, log: &LogCore, plan: &Extension) -> io::Result<Option<u64>> {
    add(&engine.stats.extensions, 1);
    // The system tells each open file description once that a write was lost. On the committer's, one of the two would
    // hear it in the other's place, and the other would take its sync for done.
    let file = match engine.fs.open(&log.dir.join(names::segment(plan.segment))) {
        Err(error) if is_out_of_descriptors(&error) => {
            tracing::warn!(log = names::log(log.id), %error, "no space can be taken");
            engine.disk_is_full(0);
            return Ok(None);
        }
        opened => opened?,
    };
    // With a full disk only state records go on, and only with what they need: what there is may be the reserve's.
    let full = engine.reserve.is_full();
    if full && plan.priority == Priority::Publish {
        return Ok(None);
    }
    let bytes = if full { plan.needed } else { plan.bytes };
    if zeros(&*file, plan.allocated, bytes)? {
        return Ok(Some(bytes));
    }
    engine.disk_is_full(bytes);
    if plan.priority == Priority::Publish {
        return Ok(None);
    }
    if let Err(error) = engine.release_reserve() {
        return if is_out_of_descriptors(&error) { Ok(None) } else { Err(error) };
    }
    Ok(zeros(&*file, plan.allocated, plan.needed)?.then_some(plan.needed))
}

/// Writes the zeros; `false` if the disk is full, which then has what they took.
fn zeros(file: &dyn File, allocated: u64, bytes: u64) -> io::Result<bool> {
    match write_zeros(file, allocated, bytes) {
        Ok(()) => Ok(true),
        Err(error) if is_full(&error) => {
            file.truncate(allocated)?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
