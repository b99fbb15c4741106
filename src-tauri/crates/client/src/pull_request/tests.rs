//! What is asked of a forge, and when nothing is.

use miyabi_api::GitView;
use miyabi_api::preview::{PreviewAbout, preview};
use miyabi_plan::{Choice, NamedText, PlanText};
use miyabi_protocol::Timestamp;

use super::*;

fn run() -> RunSnapshot {
    let dag = r#"{"name":"p","title":"A plan","label":"trial","verification":[["true"]],"tasks":[
        {"id":"A","title":"First\u001b[2J","prompt":"p","agent":"X-1","estimated_seconds":5},
        {"id":"B","title":"Second","prompt":"p","agent":"X-1","estimated_seconds":5}]}"#;
    let text = PlanText { tasks: Some(NamedText::new("task_dag.json", dag)), ..PlanText::default() };
    let plan = miyabi_plan::read(&text).plan.expect("a plan");
    let about = PreviewAbout {
        work_folder: "/w".to_owned(),
        state_dir: "/s".to_owned(),
        session: "s".to_owned(),
        rehearse: None,
        now: Timestamp::from_millis(0),
    };
    let mut run = preview(&plan, Choice::default(), &about);
    run.run.run_id = "20261122-153400-4f2a".to_owned();
    run.run.completed = 1;
    run.tasks[0].phase = TaskPhase::Completed;
    run.run.git = Some(GitView {
        repository: "/w".to_owned(),
        base: "0".repeat(40),
        base_branch: Some("main".to_owned()),
        stashed: None,
        remote: None,
        api: None,
        result_branch: "miyabi/20261122-153400-4f2a/_result".to_owned(),
        result: Some("1".repeat(40)),
        merges: Vec::new(),
    });
    run
}

fn wanted() -> NewPullRequest {
    NewPullRequest { title: " ".to_owned(), body: String::new(), draft: false }
}

#[test]
fn without_words_of_the_person_the_plan_and_the_run_are_told() {
    let asked = proposal(&run(), wanted()).expect("a proposal");
    assert_eq!(
        (asked.title.as_str(), asked.remote.as_str(), asked.base.as_str()),
        ("A plan", "origin", "main")
    );
    insta::assert_snapshot!(asked.body, @r"
    [trial] A plan: 1 of 2 tasks.
    The verification is not done: 0 of 1 checks passed.

    - A First [2J (X-1)

    Run 20261122-153400-4f2a.
    ");
}

#[test]
fn nothing_is_asked_before_there_is_a_result_and_a_branch_for_it() {
    let refused = |change: fn(&mut GitView)| {
        let mut run = run();
        change(run.run.git.as_mut().expect("on git"));
        proposal(&run, wanted()).expect_err("refused").message
    };
    assert_eq!(refused(|git| git.result = None), "the work of this run is not merged yet");
    assert!(refused(|git| git.base_branch = None).contains("detached head"));
    let mut run = run();
    run.run.git = None;
    assert!(proposal(&run, wanted()).expect_err("refused").message.contains("does not work on git"));
}
