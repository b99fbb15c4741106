//! Work trees and branches that are left, gathered from every site that answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use miyabi_api::{Answer, ApiError, ErrorCode, KeptAt, KeptTrees};
use miyabi_engine::{MergeMade, RunState};
use miyabi_plan::Site;
use miyabi_plan::git::attempt_branch;
use miyabi_protocol::link::Command;
use miyabi_protocol::{KeptTree, RepositoryAt, RunGit};
use tokio::time::Instant;

use crate::runtime::Backend;
use crate::streams::ClientId;

/// How long sites have to look.
const LIST_WITHIN: Duration = Duration::from_secs(30);
/// How long they have to remove.
const REMOVE_WITHIN: Duration = Duration::from_secs(120);

/// Every gathering that waits for sites, the oldest first: a site answers in the order of its orders.
#[derive(Debug, Default)]
pub(crate) struct Gatherings {
    open: Vec<Gathering>,
}

#[derive(Debug)]
struct Gathering {
    run: String,
    client: ClientId,
    request: u32,
    until: Instant,
    waits_for: BTreeSet<Site>,
    places: BTreeMap<Site, KeptAt>,
}

impl Gathering {
    fn answer(self) -> Answer {
        Answer::Trees(KeptTrees { places: self.places.into_values().collect() })
    }

    fn put(&mut self, site: &Site, mut trees: Vec<KeptTree>, problem: Option<String>) {
        trees.iter_mut().for_each(|tree| hold(&self.run, tree));
        self.waits_for.remove(site);
        self.places.insert(site.clone(), KeptAt { host: site.host().cloned(), trees, problem });
    }
}

impl Gatherings {
    /// When the first of them is answered as it is.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.open.iter().map(|gathering| gathering.until).min()
    }
}

impl Backend {
    pub(crate) fn list_trees(&mut self, client: ClientId, id: u32) {
        let keep = keep(self.engine.state());
        let list = |repository| Command::ListTrees { repository, keep: keep.clone() };
        self.gather(client, id, LIST_WITHIN, list);
    }

    pub(crate) fn remove_trees(&mut self, client: ClientId, id: u32, branches: &[String]) {
        let at_work = at_work(self.engine.state());
        if let Some(branch) = branches.iter().find(|branch| at_work.contains(branch)) {
            let message =
                format!("{branch} is not removed: its attempt is under way, or its work is not here yet");
            let error =
                ApiError::new(ErrorCode::Conflict, message).hint("miyabi status   shows how it stands");
            return self.clients.answer(client, id, Err(error));
        }
        let own = &self.engine.state().opening.run_id;
        if let Some(branch) = branches.iter().find(|branch| !is_of(own, branch)) {
            let message =
                format!("{branch} is not removed: another run made it and may still be at work in it");
            let error = ApiError::new(ErrorCode::Conflict, message).hint(BY_ITS_RUN).hint(BY_HAND);
            return self.clients.answer(client, id, Err(error));
        }
        let keep = keep(self.engine.state());
        let remove =
            |repository| Command::RemoveTrees { repository, branches: branches.to_vec(), keep: keep.clone() };
        self.gather(client, id, REMOVE_WITHIN, remove);
    }

    fn gather(
        &mut self,
        client: ClientId,
        request: u32,
        within: Duration,
        command: impl Fn(RepositoryAt) -> Command,
    ) {
        let Some(git) = self.engine.state().git().cloned() else {
            let message = "this run is not on git: it has no work trees";
            return self.clients.answer(client, request, Err(ApiError::new(ErrorCode::BadInput, message)));
        };
        let mut gathering = Gathering {
            run: self.engine.state().opening.run_id.clone(),
            client,
            request,
            until: Instant::now() + within,
            waits_for: BTreeSet::new(),
            places: BTreeMap::new(),
        };
        let sites: Vec<Site> = [Site::Here].into_iter().chain(self.sites.elsewhere().cloned()).collect();
        for site in sites {
            if self.sites.is_listed(&site) {
                self.sites.send(&site, command(repository_at(&git, &site)));
                gathering.waits_for.insert(site);
            } else {
                gathering.put(&site, Vec::new(), Some(format!("{site} does not answer at this moment")));
            }
        }
        self.gatherings.open.push(gathering);
        self.end_gatherings();
    }

    pub(crate) fn gathered(&mut self, site: &Site, trees: Vec<KeptTree>, problem: Option<String>) {
        let mut waiting = self.gatherings.open.iter_mut();
        if let Some(gathering) = waiting.find(|gathering| gathering.waits_for.contains(site)) {
            gathering.put(site, trees, problem);
        }
        self.end_gatherings();
    }

    /// Nobody answers over a link that is gone.
    pub(crate) fn lose_gatherings(&mut self, site: &Site, why: &str) {
        for gathering in &mut self.gatherings.open {
            if gathering.waits_for.contains(site) {
                gathering.put(site, Vec::new(), Some(format!("contact with {site} was lost: {why}")));
            }
        }
        self.end_gatherings();
    }

    /// Answers what has come together, and what has waited for long enough.
    pub(crate) fn end_gatherings(&mut self) {
        let now = Instant::now();
        let is_over = |it: &Gathering| it.waits_for.is_empty() || it.until <= now;
        let (over, open): (Vec<Gathering>, Vec<Gathering>) =
            std::mem::take(&mut self.gatherings.open).into_iter().partition(is_over);
        self.gatherings.open = open;
        for mut gathering in over {
            for site in std::mem::take(&mut gathering.waits_for) {
                gathering.put(&site, Vec::new(), Some(format!("{site} did not answer in time")));
            }
            let (client, request) = (gathering.client, gathering.request);
            self.clients.answer(client, request, Ok(gathering.answer()));
        }
    }
}

fn repository_at(git: &RunGit, site: &Site) -> RepositoryAt {
    match site {
        Site::Here => RepositoryAt::Path(git.repository.clone()),
        Site::There(_) => RepositoryAt::Store(git.store.clone()),
    }
}

/// What is merged is in the run's result.
fn keep(state: &RunState) -> Vec<String> {
    state.result().map(held_by).unwrap_or_default()
}

/// The result, and all that it was merged of: the merge itself is made here, and other hosts do not have it.
fn held_by(result: &MergeMade) -> Vec<String> {
    [&result.commit].into_iter().chain(&result.heads).cloned().collect()
}

/// How what another run left is removed.
const BY_ITS_RUN: &str = "miyabi trees --remove   on that run removes what it no longer needs";
/// The way where that run is no longer known.
const BY_HAND: &str = "git worktree remove FOLDER, git branch -D BRANCH   remove it by hand";

/// Whether a branch is of this run. How other runs of the repository stand is not known here, even of those
/// that nobody carries on at this moment: theirs stay.
fn is_of(run: &str, branch: &str) -> bool {
    branch.strip_prefix("miyabi/").and_then(|rest| rest.split_once('/')).is_some_and(|(of, _)| of == run)
}

/// Says of another run's tree that it stays.
fn hold(run: &str, tree: &mut KeptTree) {
    if tree.run_id != run && tree.unmerged.is_none() {
        let other = &tree.run_id;
        tree.unmerged = Some(format!(
            "run {other} may still be at work in it; remove it from that run, or by hand with git worktree remove and git branch -D"
        ));
    }
}

/// The branches that somebody still works on, or whose last work is still to be fetched.
fn at_work(state: &RunState) -> Vec<String> {
    let attempts = state.tasks.iter().flat_map(|task| {
        let current = task.current().map(|attempt| attempt.number);
        let wanted =
            task.attempts.iter().filter(move |one| Some(one.number) == current || one.awaits_keeping());
        wanted.map(|attempt| attempt_branch(&state.opening.run_id, &task.id, attempt.number))
    });
    attempts.collect()
}

#[cfg(test)]
mod tests {
    use miyabi_protocol::Timestamp;

    use super::*;

    fn tree(run: &str, unmerged: Option<&str>) -> KeptTree {
        KeptTree {
            run_id: run.to_owned(),
            task: None,
            branch: format!("miyabi/{run}/Task-1/1"),
            folder: None,
            size_kib: 0,
            unmerged: unmerged.map(str::to_owned),
            at: None,
        }
    }

    #[test]
    fn what_another_run_may_be_at_work_in_stays() {
        let mut gathering = Gathering {
            run: "a".to_owned(),
            client: ClientId::default(),
            request: 1,
            until: Instant::now(),
            waits_for: BTreeSet::from([Site::Here]),
            places: BTreeMap::new(),
        };
        let left = vec![tree("a", None), tree("b", None), tree("", None), tree("b", Some("not merged"))];
        gathering.put(&Site::Here, left, None);
        let Answer::Trees(kept) = gathering.answer() else { panic!("trees") };
        let why: Vec<Option<&str>> =
            kept.places[0].trees.iter().map(|tree| tree.unmerged.as_deref()).collect();
        assert_eq!((why[0], why[3]), (None, Some("not merged")));
        assert!(why[1].is_some_and(|why| why.contains("run b may still be at work")), "{why:?}");
        assert!(why[2].is_some(), "whose it is is not known");
    }

    #[test]
    fn only_branches_of_this_run_are_its_own() {
        assert!(is_of("a", "miyabi/a/Task-1/1") && is_of("a", "miyabi/a/_result"));
        for other in ["miyabi/ab/Task-1/1", "miyabi/b/a/1", "miyabi/a", "a/x", "main", ""] {
            assert!(!is_of("a", other), "{other}");
        }
    }

    #[test]
    fn a_store_without_the_merge_is_told_what_was_merged() {
        let heads = vec!["one".to_owned(), "two".to_owned()];
        let at = Timestamp::from_millis(0);
        let made = MergeMade { task: None, heads, commit: "merge".into(), tree: "tree".into(), at };
        assert_eq!(held_by(&made), ["merge", "one", "two"]);
    }
}
