//! What is said of the work itself: what changed, what was merged, what was checked, who looked at it.

use miyabi_api::{ReportFormat, RunSnapshot};
use miyabi_engine::Fact;

use super::on_git::{contested, hash, level6_on_git, on_git, verification};
use super::story::{HOSTILE, Story, hostile, plan, small_run, task, task_id};
use crate::lineage::{NodeKind, lineage};
use crate::{DoneId, Report, ResolvedBy, ReviewVerdict, Verdict, render, report};

fn of(story: &Story, shown: &RunSnapshot) -> Report {
    report(shown, &story.entries)
}

fn html(story: &Story, shown: &RunSnapshot) -> String {
    render(shown, &story.entries, ReportFormat::Html)
}

fn lines(report: &Report, id: DoneId) -> Vec<(Verdict, &str)> {
    let lines = report.done_means.iter().filter(|line| line.id == id);
    lines.map(|line| (line.verdict, line.measured.as_str())).collect()
}

#[test]
fn the_level6_run_is_done_by_what_its_verification_measured() {
    let (story, shown) = level6_on_git(0);
    let report = of(&story, &shown);
    let verdicts: Vec<Verdict> = report.done_means.iter().map(|line| line.verdict).collect();
    assert_eq!(verdicts, [Verdict::Met; 12]);
    let merged =
        format!("15 of 15 COMPLETED in a work tree of their own; merged in {}", &hash("result")[..7]);
    assert_eq!(lines(&report, DoneId::OneTree), [(Verdict::Met, merged.as_str())]);
    let told = "3 of 3 hold; tests: 42 of 42 passed";
    assert_eq!(lines(&report, DoneId::Verification), [(Verdict::Met, told)]);
    let told = [(Verdict::Met, "42 of 42 passed"), (Verdict::Met, "55"), (Verdict::Met, "2,252")];
    assert_eq!(lines(&report, DoneId::Check), told);
    let git = report.git.as_ref().expect("it is on git");
    assert_eq!((git.changed.files, git.changed.new_files, git.changed.added), (30, 30, 15 * 151));
    let steps: Vec<&str> = report.critical_path.iter().map(|step| step.task.as_str()).collect();
    assert_eq!((steps.len(), steps[0], steps[7]), (8, "Task-1", "Task-15"));
}

#[test]
fn a_verification_that_does_not_hold_is_told_with_its_failed_tests_first() {
    let (story, shown) = level6_on_git(2);
    let report = of(&story, &shown);
    let told = "2 of 3 hold; tests: 40 of 42 passed, 2 failed";
    assert_eq!(lines(&report, DoneId::Verification), [(Verdict::NotMet, told)]);
    assert_eq!(lines(&report, DoneId::Check)[0], (Verdict::NotMet, "40 of 42 passed, 2 failed"));
    let checks = &report.verification.as_ref().expect("there is one").checks;
    assert_eq!(checks[0].tests[0].name, "test_number_41", "a failed one comes first");
    let page = html(&story, &shown);
    assert!(page.contains("<details open>\n<summary>tests: 40 of 42 passed, 2 failed</summary>"), "{page}");
    let (failed, passed) = (page.find("test_number_41"), page.find("test_number_1<"));
    assert!(failed.is_some() && failed < passed, "failed tests stand first");
    assert!(page.contains("assert 2 == 3"), "what it printed is shown");
    assert!(
        html(&level6_on_git(0).0, &level6_on_git(0).1).contains("<details>\n<summary>tests: 42 of 42 passed")
    );
}

#[test]
fn a_verification_before_its_time_is_open() {
    let story = small_run();
    let mut shown = on_git(story.snapshot(290.0));
    let view = verification(0);
    shown.run.phase = miyabi_plan::RunPhase::Running;
    let state = miyabi_api::VerificationState::Waiting;
    shown.run.verification = Some(miyabi_api::VerificationView { state, checks: Vec::new(), ..view });
    let report = of(&story, &shown);
    assert_eq!(lines(&report, DoneId::Verification), [(Verdict::Open, "not run")]);
    assert_eq!(lines(&report, DoneId::Check), []);
    assert_eq!(lines(&report, DoneId::OneTree)[0].0, Verdict::Open);
}

#[test]
fn a_conflict_an_overlap_a_review_and_a_hand_over_are_told_with_who_and_what() {
    let (story, shown) = contested();
    let report = of(&story, &shown);
    let git = report.git.as_ref().expect("it is on git");
    let conflict = &git.conflicts[0];
    assert_eq!(conflict.sides, (Some(task_id("Left")), Some(task_id("Right"))));
    assert_eq!(conflict.resolved_by, Some(ResolvedBy::Agent("CCG-1".parse().expect("an id"))));
    assert_eq!(git.overlaps.len(), 1, "one pair, as it was seen last");
    assert_eq!(git.overlaps[0].files, ["shop/names.py", "shop/more.py"]);
    assert_eq!(git.reviews[0].verdict, ReviewVerdict::SentBack);
    assert_eq!(git.hand_overs[0].packet.lines().count(), 2);
    assert_eq!((report.counts.conflicts, report.counts.overlaps, report.counts.sent_back), (1, 1, 1));
    let text = render(&shown, &story.entries, ReportFormat::Markdown);
    for said in ["by CCG-1", "Left and Right", "say what it is for", "`shop/names.py:3`", "It is half done."]
    {
        assert!(text.contains(said), "{said} is missing in\n{text}");
    }
    assert!(report.failures.iter().all(|failure| failure.attempt != "Left.1"), "sent back is no failure");
}

#[test]
fn a_commit_of_a_person_resolves_a_conflict_and_stands_in_the_graph() {
    let (mut story, mut shown) = contested();
    shown.tasks[2].attempts.clear();
    let commit = hash("by hand");
    story.at(90.0, Fact::CommitTaken { task: task_id("Merge-Both"), commit: commit.clone() });
    let report = of(&story, &shown);
    let git = report.git.as_ref().expect("it is on git");
    assert_eq!(git.conflicts[0].resolved_by, Some(ResolvedBy::Person));
    let nodes = lineage(&report);
    let taken = nodes.iter().find(|node| node.commit == commit).expect("it is in the graph");
    assert_eq!(taken.kind, NodeKind::Taken);
    let from: Vec<&str> = taken.parents.iter().map(|at| nodes[*at].commit.as_str()).collect();
    assert_eq!(from, [hash("Left.2"), hash("Right.1")]);
}

#[test]
fn every_commit_stands_behind_those_that_it_was_made_from() {
    for (story, shown) in [level6_on_git(0), contested()] {
        let nodes = lineage(&of(&story, &shown));
        for (at, node) in nodes.iter().enumerate() {
            assert!(node.parents.iter().all(|parent| *parent < at), "{node:?}");
            assert_eq!(node.parents.is_empty(), at == 0, "{node:?}");
        }
    }
    let (story, shown) = level6_on_git(0);
    let nodes = lineage(&of(&story, &shown));
    assert_eq!(nodes.len(), 1 + 15 + 4 + 1, "base, tasks, the merges for 6, 7, 10 and 14, result");
    let result = nodes.last().expect("a result");
    assert_eq!((&result.kind, result.parents.len()), (&NodeKind::Result, 1), "all else is behind Task-15");
}

#[test]
fn the_picture_names_every_task_and_is_made_in_pieces_that_fit_on_paper() {
    let (story, shown) = level6_on_git(0);
    let page = html(&story, &shown);
    let picture = page.split_once("<figure class=\"merges\">").expect("it is there").1;
    let picture = picture.split_once("</figure>").expect("it ends").0;
    for number in 1..=15 {
        assert!(picture.contains(&format!("class=\"t-agent\">Task-{number}</tspan>")), "Task-{number}");
    }
    assert!(picture.contains(&hash("Task-6.1")[..7]) && picture.contains("merge"));
    assert_eq!(picture.matches("<svg").count(), 1);

    let (story, shown) = many(200);
    let page = html(&story, &shown);
    let picture = page.split_once("<figure class=\"merges\">").expect("it is there").1;
    let picture = picture.split_once("</figure>").expect("it ends").0;
    assert_eq!(picture.matches("<g class=\"h").count(), 202, "a row a task, base and result");
    assert_eq!(picture.matches("<svg").count(), 6);
    assert!(picture.len() < 300_000, "{} bytes", picture.len());
}

/// So many tasks that need nothing, by as many agents.
fn many(tasks: usize) -> (Story, RunSnapshot) {
    let ids: Vec<(String, String)> = (1..=tasks).map(|n| (format!("Task-{n}"), format!("CG-{n}"))).collect();
    let plan_tasks = ids.iter().map(|(id, agent)| task(id, "A part", agent, &[], 60)).collect();
    let agents: Vec<(&str, &str, &str)> =
        ids.iter().map(|(_, agent)| (agent.as_str(), "", "MUGEN")).collect();
    let mut story = Story::new(plan("Many", plan_tasks, &agents, &[("MUGEN", 200)]), None);
    for (id, agent) in &ids {
        story.taken(1.0, &format!("{id}.1"), agent);
        story.completed(60.0, &format!("{id}.1"), Some(super::story::found("a.py", true)));
    }
    let shown = on_git(story.snapshot(61.0));
    (story, shown)
}

#[test]
fn hostile_texts_of_a_repository_stay_texts() {
    let story = hostile();
    let mut shown = on_git(story.snapshot(9.0));
    let git = shown.run.git.as_mut().expect("it is on git");
    git.base_branch = Some(HOSTILE.to_owned());
    git.repository = HOSTILE.to_owned();
    git.base = HOSTILE.to_owned();
    let mut view = verification(1);
    for check in &mut view.checks {
        check.name = HOSTILE.to_owned();
        check.expected = HOSTILE.to_owned();
        for test in &mut check.tests {
            test.name = HOSTILE.to_owned();
            test.message = HOSTILE.to_owned();
        }
    }
    shown.run.verification = Some(view);
    let page = html(&story, &shown);
    for broken in ["<script", "onload='", "<!--", "\u{202e}"] {
        assert!(!page.contains(broken), "{broken}");
    }
    assert!(page.contains("default-src 'none'"), "no script may run at all");
    let text = render(&shown, &story.entries, ReportFormat::Markdown);
    assert!(!text.contains("<script") || text.contains("```"), "only between fences");
}

#[test]
fn the_json_tells_the_same_and_is_read_again() {
    let (story, shown) = contested();
    let json = render(&shown, &story.entries, ReportFormat::Json);
    let read: Report = serde_json::from_str(&json).expect("JSON");
    assert_eq!(read, of(&story, &shown));
    assert_eq!(read.tasks[0].work.as_ref().map(|work| work.commit.clone()), Some(hash("Left.2")));
}
