//! Keeping a copy of the run up to date from the events of a subscription.

use miyabi_api::{RunPatch, RunSnapshot};

/// Lays a patch over a snapshot. A patch that the snapshot already holds changes nothing.
/// Returns whether the patch was the next one; when not, patches were missed and the caller had
/// better subscribe again.
pub fn apply(snapshot: &mut RunSnapshot, patch: RunPatch) -> bool {
    if patch.revision <= snapshot.revision {
        return true;
    }
    let next = patch.revision == snapshot.revision + 1;
    snapshot.revision = patch.revision;
    snapshot.run = patch.run;
    replace(&mut snapshot.tasks, patch.tasks, |a, b| a.id == b.id);
    replace(&mut snapshot.agents, patch.agents, |a, b| a.id == b.id);
    replace(&mut snapshot.hosts, patch.hosts, |a, b| a.id == b.id);
    if let Some(inbox) = patch.inbox {
        snapshot.inbox = inbox;
    }
    replace(&mut snapshot.notices, patch.notices, |a, b| a.id == b.id);
    next
}

fn replace<T>(all: &mut Vec<T>, changed: Vec<T>, same: impl Fn(&T, &T) -> bool) {
    for item in changed {
        match all.iter_mut().find(|old| same(old, &item)) {
            Some(old) => *old = item,
            None => all.push(item),
        }
    }
}
