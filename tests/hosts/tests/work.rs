//! Work that travels: a small Python package, written by programs on two hosts, each attempt in a work tree of its
//! own, merged on the laptop, with a real conflict and a real overlap in it, and tested by the real pytest.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use miyabi_host_lab::repository::Repository;
use miyabi_host_lab::run::entry;
use miyabi_host_lab::wait::until;
use miyabi_host_lab::{Host, Lab, Plan, Run, on_two_hosts};
use serde_json::{Value, json};

/// Where a host is told that it may go on.
const GO_ON: &str = "/run/disk/home/go-on";
/// The Python of the system, which has pytest.
const PYTHON: &str = "/usr/bin/python3";

/// An agent whose program carries out the task's prompt, as a script.
fn worker(id: &str, host: &Host) -> Value {
    json!({ "id": id, "host": host.name, "runner": "command", "command": ["sh", "-ec", "eval \"$MIYABI_PROMPT\""] })
}

/// An agent that resolves a conflict in one file by keeping both sides.
fn peacemaker(host: &Host) -> Value {
    let script = "cd \"$MIYABI_TREE\"; grep -q '<<<<<<<' greeting/words.py; \
                  printf 'MORNING = \"good day\"\\nEVENING = \"hi\"\\n' > greeting/words.py";
    json!({ "id": "CCG-1", "title": "Review", "host": host.name, "runner": "command",
        "command": ["sh", "-ec", script] })
}

fn task(id: &str, agent: &str, needs: &[&str], outputs: &[&str], script: &str) -> Value {
    // What a later attempt is told beside the task comes behind the script.
    let prompt = format!("{script}\nexit 0");
    json!({ "id": id, "title": id, "agent": agent, "needs": needs, "outputs": outputs, "prompt": prompt,
        "estimated_seconds": 10, "retries": 0 })
}

/// Waits until the test lets the host's tasks go on.
fn waits() -> String {
    format!("while [ ! -e {GO_ON} ]; do sleep 0.1; done")
}

fn package(lab: &Lab, repository: &Path) -> Plan {
    let base = "mkdir -p greeting; : > greeting/__init__.py; echo 'MORNING = \"hello\"' > greeting/words.py";
    let left = format!(
        "grep -q MORNING greeting/words.py; echo 'MORNING = \"good day\"' > greeting/words.py; \
         printf 'def left() -> str:\\n    return \"left\"\\n' > greeting/left.py; {}",
        waits()
    );
    let right = format!(
        "grep -q MORNING greeting/words.py; echo 'MORNING = \"hi\"' > greeting/words.py; \
         printf 'def right() -> str:\\n    return \"right\"\\n' > greeting/right.py; {}",
        waits()
    );
    let both = "grep -q 'good day' greeting/words.py; grep -q EVENING greeting/words.py; \
                printf 'from greeting.left import left\\nfrom greeting.right import right\\n\\n\\ndef both() -> str:\\n    \
                return left() + right()\\n' > greeting/both.py";
    let tests = "mkdir -p tests; printf 'from greeting import words\\nfrom greeting.both import both\\n\\n\\ndef \
                 test_both():\\n    assert both() == \"leftright\"\\n\\n\\ndef test_words():\\n    assert \
                 words.MORNING == \"good day\"\\n    assert words.EVENING == \"hi\"\\n' > tests/test_both.py";
    let mut last = task("Tests", "CG-2", &["Both"], &["tests/test_both.py"], tests);
    last["acceptance"] = json!([[PYTHON, "-m", "pytest", "-q"]]);
    let tasks = [
        task("Base", "CG-1", &[], &["greeting/words.py"], base),
        task("Left", "CG-1", &["Base"], &["greeting/left.py"], &left),
        task("Right", "CG-2", &["Base"], &["greeting/right.py"], &right),
        task("Both", "CG-1", &["Left", "Right"], &["greeting/both.py"], both),
        last,
    ];
    let agents = [worker("CG-1", &lab.mugen), worker("CG-2", &lab.majin), peacemaker(&lab.majin)];
    let mut plan = Plan::of(&tasks, &agents, &[&lab.mugen, &lab.majin]);
    plan.dag["work_folder"] = json!(repository);
    plan.dag["verification"] = json!([
        { "name": "files", "run": ["sh", "-c", "git ls-files | wc -l"], "number": { "equals": 8 } },
        { "name": "tests", "run": [PYTHON, "-m", "pytest", "-q", "--junitxml", "junit.xml"],
          "tests": { "junit": "junit.xml", "passed": 2 } },
    ]);
    plan
}

fn result_branch(status: &Value) -> Result<String> {
    let branch = status["run"]["git"]["result_branch"].as_str();
    branch.map(str::to_owned).with_context(|| format!("no work on git: {}", status["run"]))
}

#[test]
fn a_package_is_written_on_two_hosts_merged_with_a_conflict_and_tested() -> Result<()> {
    on_two_hosts(|lab| {
        let repository = Repository::new(lab.laptop.path("repository"))?;
        let plan = package(lab, repository.path());
        let run = Run::start(&lab.laptop, &plan, &[])?;
        // Both are at work on the same file, and both say so before either has ended.
        run.until("both tasks say that they overlap", |status| {
            let says = |task: &str, other: &str| {
                let task = entry(&status["tasks"], task);
                let overlap = &task["overlaps"][0];
                task["phase"] == "running"
                    && overlap["task"] == other
                    && overlap["files"] == json!(["greeting/words.py"])
            };
            (says("Left", "Right") && says("Right", "Left")).then_some(())
        })?;
        for host in [&lab.mugen, &lab.majin] {
            host.exec(&["touch", GO_ON])?;
        }
        let status = run.completed()?;
        let merge = entry(&status["tasks"], "Merge-Both");
        ensure!(
            merge["agent"] == "CCG-1" && merge["conflict"]["files"] == json!(["greeting/words.py"]),
            "{merge:#}"
        );
        let result = result_branch(&status)?;
        let expected = [
            ".gitignore",
            "README.md",
            "greeting/__init__.py",
            "greeting/both.py",
            "greeting/left.py",
            "greeting/right.py",
            "greeting/words.py",
            "tests/test_both.py",
        ];
        ensure!(
            repository.files(&result)? == expected.map(str::to_owned).into(),
            "{:?}",
            repository.files(&result)
        );
        ensure!(repository.show(&result, "greeting/words.py")? == "MORNING = \"good day\"\nEVENING = \"hi\"");
        repository.is_sound()?;

        let checks = &status["run"]["verification"]["checks"];
        ensure!(
            checks[0]["number"] == 8.0 && checks[1]["tests"].as_array().map_or(0, Vec::len) == 2,
            "{checks:#}"
        );
        let trailers = repository.git(&["log", "--format=%(trailers:key=Miyabi-Host,valueonly)", &result])?;
        ensure!(trailers.contains("MUGEN") && trailers.contains("MAJIN"), "{trailers}");

        let report = run.told(&["report", "--format", "md"])?;
        for word in ["greeting/left.py", "Merge-Both", "test_words", "greeting/words.py"] {
            ensure!(report.contains(word), "nothing of {word} in the report:\n{report}");
        }
        let diff = run.told(&["diff", "Left"])?;
        ensure!(diff.contains("+    return \"left\"") && !diff.contains("right.py"), "{diff}");
        Ok(())
    })
}

#[test]
fn a_host_that_reboots_in_the_midst_of_the_work_loses_no_commit() -> Result<()> {
    on_two_hosts(|lab| {
        let repository = Repository::new(lab.laptop.path("repository"))?;
        let plan = package(lab, repository.path());
        let run = Run::start(&lab.laptop, &plan, &[])?;
        run.phase("Left", "running")?;
        lab.mugen.reboot()?;
        for host in [&lab.mugen, &lab.majin] {
            host.exec(&["touch", GO_ON])?;
        }
        // Its program died with the host; a person has it done again.
        run.until("Left has failed, or is done", |status| {
            let phase = entry(&status["tasks"], "Left")["phase"].as_str()?.to_owned();
            ["failed", "completed"].contains(&phase.as_str()).then_some(())
        })?;
        if entry(&run.status()["tasks"], "Left")["phase"] == "failed" {
            run.told(&["retry", "Left"])?;
        }
        let status = run.completed()?;
        let result = result_branch(&status)?;
        ensure!(repository.files(&result)?.len() == 8);
        repository.is_sound()
    })
}

#[test]
fn a_task_that_moves_to_another_host_takes_its_unfinished_work_along() -> Result<()> {
    on_two_hosts(|lab| {
        let repository = Repository::new(lab.laptop.path("repository"))?;
        let begun = format!(
            "test -e part.txt || echo begun-on-$MIYABI_AGENT > part.txt; {}; echo done > whole.txt",
            waits()
        );
        let tasks = [task("Move", "CG-1", &[], &["whole.txt"], &begun)];
        let agents = [worker("CG-1", &lab.mugen), worker("CG-2", &lab.majin)];
        let mut plan = Plan::of(&tasks, &agents, &[&lab.mugen, &lab.majin]);
        plan.dag["work_folder"] = json!(repository.path());
        let run = Run::start(&lab.laptop, &plan, &[])?;
        let tree = run.until("its work tree", |status| {
            let attempt = &entry(&status["tasks"], "Move")["attempts"][0];
            attempt["tree"]["folder"].as_str().map(str::to_owned)
        })?;
        until("the part on MUGEN", Duration::from_secs(20), || {
            lab.mugen.read(&format!("{tree}/part.txt")).map_err(|why| why.to_string())
        })?;
        lab.majin.exec(&["touch", GO_ON])?;
        run.told(&["reassign", "Move", "CG-2", "--yes", "--note", "mind the part"])?;
        let status = run.completed()?;
        let result = result_branch(&status)?;
        ensure!(repository.show(&result, "part.txt")? == "begun-on-CG-1");
        ensure!(repository.show(&result, "whole.txt")? == "done");
        let journal = run.journal()?;
        let packets: Vec<_> = journal.all("reassigned").filter_map(|fact| fact["packet"].as_str()).collect();
        ensure!(packets.iter().any(|packet| packet.contains("mind the part")), "{packets:?}");
        repository.is_sound()
    })
}
