//! Any order of finishing gives the same merged tree where there is no conflict.

use miyabi_protocol::MergeOutcome;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::common::{Place, git};

/// A task: what it needs among those before it, its own files, and whether it edits its region of a shared one.
#[derive(Debug, Clone)]
struct Task {
    needs: Vec<Index>,
    files: u8,
    shares: bool,
}

fn tasks() -> impl Strategy<Value = Vec<Task>> {
    let task = (prop::collection::vec(any::<Index>(), 0..3), 0_u8..3, any::<bool>())
        .prop_map(|(needs, files, shares)| Task { needs, files, shares });
    prop::collection::vec(task, 2..5)
}

const REGION: usize = 6;

fn shared(tasks: usize) -> String {
    (0..tasks * REGION).map(|line| format!("line {line}\n")).collect()
}

/// Which tasks each one needs.
fn needs(tasks: &[Task]) -> Vec<Vec<usize>> {
    let of = |(at, task): (usize, &Task)| {
        let mut needs: Vec<usize> =
            task.needs.iter().filter(|_| at > 0).map(|need| need.index(at.max(1))).collect();
        needs.sort_unstable();
        needs.dedup();
        needs
    };
    tasks.iter().enumerate().map(of).collect()
}

/// An order in which the tasks can be done, as these keys choose among those that are ready.
fn order(needs: &[Vec<usize>], keys: &[u16]) -> Vec<usize> {
    let mut done: Vec<usize> = Vec::new();
    while done.len() < needs.len() {
        let ready = (0..needs.len())
            .filter(|task| !done.contains(task) && needs[*task].iter().all(|need| done.contains(need)));
        let next = ready.min_by_key(|task| keys[*task % keys.len()]);
        done.push(next.expect("a graph without circles"));
    }
    done
}

fn merged(outcome: MergeOutcome) -> Result<(String, String), TestCaseError> {
    match outcome {
        MergeOutcome::Clean { commit, tree } => Ok((commit, tree)),
        other => Err(TestCaseError::fail(format!("{other:?}"))),
    }
}

/// Does all tasks in this order, and merges them in it.
fn run(tasks: &[Task], order: &[usize], graph: &[Vec<usize>]) -> Result<String, TestCaseError> {
    let text = shared(tasks.len());
    let place = Place::with(&[("shared 共有.txt", &text)]);
    let mut results = vec![String::new(); tasks.len()];
    for at in order {
        let heads: Vec<String> = graph[*at].iter().map(|need| results[*need].clone()).collect();
        let start = match heads.as_slice() {
            [] => place.base.clone(),
            heads => merged(place.hub.merge(heads, "needs"))?.0,
        };
        let attempt = place.attempt(&format!("Task-{at}"), 1, &start);
        for file in 0..tasks[*at].files {
            attempt.write(&format!("of {at}/{file}.txt"), format!("{at} {file}\n"));
        }
        if tasks[*at].shares {
            let before = crate::common::read(attempt.folder(), "shared 共有.txt");
            let line = format!("line {}\n", at * REGION + REGION / 2);
            attempt.write("shared 共有.txt", before.replace(&line, &format!("Task-{at} was here\n")));
        }
        results[*at] = attempt.commit().commit;
    }
    let heads: Vec<String> = order.iter().map(|at| results[*at].clone()).collect();
    let (commit, tree) = merged(place.hub.merge(&heads, "result"))?;
    prop_assert_eq!(merged(place.hub.merge(&heads, "result"))?, (commit.clone(), tree.clone()));
    for head in &heads {
        let held = place.hub.holds(&commit, std::slice::from_ref(head));
        prop_assert_eq!(held, Ok(true));
    }
    let names = git(place.top(), &["ls-tree", "-r", "--name-only", &tree]);
    let files: usize = tasks.iter().map(|task| usize::from(task.files)).sum();
    prop_assert_eq!(names.lines().count(), files + 1);
    Ok(tree)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_order_of_finishing_gives_the_same_tree(
        tasks in tasks(),
        one in prop::collection::vec(any::<u16>(), 5),
        other in prop::collection::vec(any::<u16>(), 5),
    ) {
        let graph = needs(&tasks);
        let first = run(&tasks, &order(&graph, &one), &graph)?;
        let second = run(&tasks, &order(&graph, &other), &graph)?;
        prop_assert_eq!(first, second);
    }
}
