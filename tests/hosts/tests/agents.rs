//! The real Claude Code and Codex on MUGEN and MAJIN, with a scripted model: their work, their questions, their
//! sessions after a reboot, and whether they are there at all, seen through the link.

use std::time::Duration;

use anyhow::{Result, ensure};
use miyabi_agent_tests::Programs;
use miyabi_agent_tests::stage::{causes, resumed, rule, work};
use miyabi_host_lab::agents::{agent, label, model};
use miyabi_host_lab::host::WORK;
use miyabi_host_lab::run::entry;
use miyabi_host_lab::wait::until;
use miyabi_host_lab::{Host, Lab, Plan, Run, on_two_hosts};
use serde_json::{Value, json};

/// What a file of a host's work folder holds, when it is there.
fn work_file(host: &Host, name: &str) -> Result<String, String> {
    let bytes = host.read(&format!("{WORK}/{name}")).map_err(|why| why.to_string())?;
    String::from_utf8(bytes).map_err(|why| why.to_string())
}

/// A plan with Claude Code on MUGEN for the first task, and Codex on MAJIN for the second.
fn plan(lab: &Lab, programs: &Programs, outputs: [&str; 2]) -> Result<Plan> {
    let agents =
        [agent("CCG-1", &lab.mugen, "claude", programs)?, agent("CG-1", &lab.majin, "codex", programs)?];
    let tasks = [work("Task-1", "CCG-1", &[outputs[0]]), work("Task-2", "CG-1", &[outputs[1]])];
    let mut plan = Plan::of(&tasks, &agents, &[&lab.mugen, &lab.majin]);
    label(&mut plan);
    Ok(plan)
}

#[test]
fn both_programs_work_there_and_an_approval_is_answered_from_the_laptop() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    on_two_hosts(|lab| {
        let asks =
            json!([{ "shell": "python3 -c \"open('one.txt', 'w').write('it')\"" }, { "text": "Done." }]);
        let writes =
            json!([{ "write_file": { "path": "two.txt", "content": "of MAJIN\n" } }, { "text": "Done." }]);
        let script = json!({ "rules": [rule("Task-1", asks), rule("Task-2", writes)] });
        let _models = [model(&lab.mugen, &script)?, model(&lab.majin, &script)?];
        let mut plan = plan(lab, &programs, ["one.txt", "two.txt"])?;
        plan.config["approvals"] = json!({ "default": "ask" });
        plan.write(&lab.laptop.path("plan"))?;

        let folder = lab.laptop.path("plan").display().to_string();
        let doctor = lab.laptop.try_miyabi(&["doctor", &folder])?;
        let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
        for word in ["2.1.", "0.169.0", "MUGEN", "MAJIN"] {
            ensure!(
                told.contains(word),
                "nothing of {word}: {told}\n{}",
                String::from_utf8_lossy(&doctor.stderr)
            );
        }
        println!("{told}");

        let run = Run::start(&lab.laptop, &plan, &[])?;
        let item = until("a question of CCG-1", Duration::from_secs(60), || {
            let inbox = run.inbox();
            let found = inbox.iter().find(|item| item["kind"] == "approval").cloned();
            found.ok_or_else(|| format!("{inbox:?} {}", run.status()["tasks"]))
        })?;
        ensure!(item["agent"] == "CCG-1" && item["what"].to_string().contains("one.txt"), "{item:#}");
        ensure!(work_file(&lab.mugen, "one.txt").is_err(), "it did not wait");
        run.told(&["approve", &item["number"].to_string()])?;
        let status = run.completed()?;
        ensure!(work_file(&lab.mugen, "one.txt").is_ok_and(|text| text.trim() == "it"));
        ensure!(work_file(&lab.majin, "two.txt").is_ok_and(|text| text == "of MAJIN\n"));
        for task in ["Task-1", "Task-2"] {
            let task = entry(&status["tasks"], task);
            ensure!(causes(task) == [Value::Null] && task["attempts"][0]["session"].is_string(), "{task:#}");
        }
        Ok(())
    })
}

#[test]
fn after_a_reboot_of_its_host_each_program_goes_on_in_its_session() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    on_two_hosts(|lab| {
        let steps = |name: &str| {
            json!([
                { "write_file": { "path": format!("before-{name}.txt"), "content": "before the reboot\n" } },
                { "shell": format!("echo at work > working-{name}.txt; sleep 600") },
                { "text": "This is never said." },
            ])
        };
        let goes_on = json!([
            { "text": "I look at the files.", "shell": "for file in before-*; do cp $file after-${file#before-}; done" },
            { "text": "Done in the second try." },
        ]);
        let script = json!({ "rules": [resumed(goes_on), rule("Task-1", steps("one")), rule("Task-2", steps("two"))] });
        let mut models = vec![model(&lab.mugen, &script)?, model(&lab.majin, &script)?];
        let plan = plan(lab, &programs, ["after-one.txt", "after-two.txt"])?;
        let run = Run::start(&lab.laptop, &plan, &[])?;
        for (host, name) in [(&mut lab.mugen, "one"), (&mut lab.majin, "two")] {
            until(&format!("working-{name}.txt"), Duration::from_secs(60), || {
                work_file(host, &format!("working-{name}.txt"))
                    .map_err(|why| format!("{why}; {}", run.status()["tasks"]))
            })?;
            // What a program keeps of its session reaches its files a little later than its words reach us.
            run.until("its session is known", |status| {
                let tasks = status["tasks"].as_array()?;
                let known = |task: &Value| {
                    let attempts = task["attempts"].as_array()?;
                    attempts.first()?["session"].as_str().map(drop)
                };
                tasks.iter().all(|task| known(task).is_some()).then_some(())
            })?;
            host.power_cut()?;
            host.boot()?;
            models.push(model(host, &script)?);
        }
        let status = run.completed()?;
        for (task, host, name) in [("Task-1", &lab.mugen, "one"), ("Task-2", &lab.majin, "two")] {
            let task = entry(&status["tasks"], task);
            let session = |number: usize| task["attempts"][number]["session"].as_str();
            ensure!(session(0).is_some() && session(0) == session(1), "{task:#}");
            let after = work_file(host, &format!("after-{name}.txt"));
            ensure!(after.as_deref() == Ok("before the reboot\n"), "{after:?}");
        }
        Ok(())
    })
}
