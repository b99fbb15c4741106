//! `miyabi host` as a person uses it: a host is tried out, its key is asked for and answered, a changed key is
//! refused, a locked key is unlocked, and nothing of it is kept where it does not belong.

use anyhow::{Context as _, Result, ensure};
use miyabi_host_lab::plan::STATE;
use miyabi_host_lab::{Lab, Plan, Run, Terminal, on_two_hosts};
use serde_json::{Value, json};

/// The words that test MUGEN, as a plan for hosts with a small /tmp has it.
fn test(lab: &Lab) -> Result<[String; 5]> {
    let agent = json!({ "id": "CG-1", "host": "MUGEN", "runner": "command", "command": ["true"] });
    let task = json!({ "id": "Task-1", "title": "Nothing", "prompt": "Nothing.", "agent": "CG-1", "needs": [],
        "estimated_seconds": 1 });
    let folder = lab.laptop.path("tried");
    Plan::of(&[task], &[agent], &[&lab.mugen]).write(&folder)?;
    Ok(["host", "test", "MUGEN", "--plan", &folder.to_string_lossy()].map(str::to_owned))
}

/// Found nowhere but in the memory of the programs that it is told to.
const PASSPHRASE: &str = "correct horse battery staple";

/// The fingerprint of the key that MUGEN shows.
fn fingerprint(lab: &Lab) -> Result<String> {
    let shown = lab.mugen.exec(&["ssh-keygen", "-lf", "/run/disk/etc/host_key.pub"])?;
    shown.split_whitespace().nth(1).map(str::to_owned).context("a fingerprint")
}

#[test]
fn a_host_that_is_well_passes_every_line_of_the_test() -> Result<()> {
    on_two_hosts(|lab| {
        let words = test(lab)?;
        let words: Vec<&str> = words.iter().map(String::as_str).chain(["--json"]).collect();
        let said = lab.laptop.try_miyabi(&words)?;
        let test: Value = serde_json::from_slice(&said.stdout).with_context(|| format!("{said:?}"))?;
        let lines = test["lines"].as_array().context("lines")?;
        ensure!(lines.iter().all(|line| line["ok"] == true) && said.status.success(), "{test:#}");
        for name in ["reach", "log-in", "helper", "tmux", "state folder", "memory", "clock"] {
            ensure!(lines.iter().any(|line| line["name"] == name), "no line about {name}: {test:#}");
        }
        println!("{}", String::from_utf8_lossy(&lab.laptop.try_miyabi(&words[..5])?.stdout));
        Ok(())
    })
}

#[test]
fn an_unknown_key_is_shown_and_kept_when_the_person_agrees() -> Result<()> {
    on_two_hosts(|lab| {
        lab.laptop.know(&[&lab.majin])?;
        let fingerprint = fingerprint(lab)?;
        let words = test(lab)?;
        let words = words.each_ref().map(String::as_str);
        let refused = lab.laptop.try_miyabi(&words)?;
        ensure!(!refused.status.success(), "it was trusted though nobody was asked: {refused:?}");
        ensure!(!std::fs::read_to_string(lab.laptop.known_hosts())?.contains("mugen"));

        let terminal = Terminal::start(&lab.laptop, &words)?;
        let screen = terminal.shows("[y/N]")?;
        ensure!(screen.contains(&fingerprint), "{screen}");
        terminal.type_line("y")?;
        terminal.shows("exit code 0")?;
        let known = std::fs::read_to_string(lab.laptop.known_hosts())?;
        ensure!(known.contains(&format!("mugen {}", lab.mugen.public_key()?)), "{known}");
        // What was kept is what `ssh` itself reads.
        ensure!(lab.laptop.ssh("mugen", &["hostname"])? == "MUGEN\n");
        Ok(())
    })
}

#[test]
fn a_run_waits_for_the_answer_about_a_key_and_goes_on_with_it() -> Result<()> {
    on_two_hosts(|lab| {
        lab.laptop.know(&[&lab.majin])?;
        let run = Run::rehearse(&lab.laptop, &Plan::level6(&[&lab.mugen, &lab.majin])?, 600)?;
        let host = run.contact("MUGEN", "refused")?;
        ensure!(host["question"]["fingerprint"] == fingerprint(lab)?.as_str(), "{host:#}");
        ensure!(run.inbox().iter().any(|item| item["kind"] == "host_question"), "{:?}", run.inbox());
        let state_dir = run.state("").display().to_string();
        let terminal = Terminal::start(&lab.laptop, &["host", "answer", "MUGEN", "--state-dir", &state_dir])?;
        terminal.shows("[y/N]")?;
        terminal.type_line("y")?;
        terminal.shows("exit code 0")?;
        run.completed().map(drop)
    })
}

#[test]
fn a_changed_key_is_refused_with_the_file_and_the_line_of_the_old_one() -> Result<()> {
    on_two_hosts(|lab| {
        lab.laptop.know(&[&lab.majin, &lab.mugen])?;
        lab.mugen.new_host_key()?;
        lab.mugen.kill_sshd()?;
        lab.mugen.start_sshd()?;
        let said = lab.laptop.try_miyabi(&test(lab)?.each_ref().map(String::as_str))?;
        let text =
            String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
        let file = lab.laptop.known_hosts().display().to_string();
        ensure!(!said.status.success() && text.contains(&file) && text.contains("line 2"), "{text}");
        ensure!(!text.contains("[y/N]"), "nobody is asked whether that is right: {text}");
        Ok(())
    })
}

#[test]
fn a_passphrase_is_asked_for_and_kept_nowhere() -> Result<()> {
    on_two_hosts(|lab| {
        lab.laptop.lock_key(PASSPHRASE)?;
        let terminal = Terminal::start(&lab.laptop, &test(lab)?.each_ref().map(String::as_str))?;
        terminal.shows("passphrase of")?;
        terminal.type_line("wrong")?;
        terminal.shows_times("passphrase of", 2)?;
        terminal.type_line(PASSPHRASE)?;
        let screen = terminal.shows("exit code")?;
        ensure!(screen.contains("exit code 0") && !screen.contains(PASSPHRASE), "{screen}");
        drop(terminal);

        let run = Run::rehearse(&lab.laptop, &Plan::level6(&[&lab.mugen, &lab.majin])?, 600)?;
        let state_dir = run.state("").display().to_string();
        for host in ["MUGEN", "MAJIN"] {
            run.contact(host, "refused")?;
            let terminal =
                Terminal::start(&lab.laptop, &["host", "answer", host, "--state-dir", &state_dir])?;
            terminal.shows("passphrase of")?;
            terminal.type_line(PASSPHRASE)?;
            terminal.shows("exit code 0")?;
        }
        run.completed()?;
        for folder in [lab.laptop.path(""), lab.mugen.path("/run/disk")?, lab.mugen.path(STATE)?] {
            let mut search = miyabi_agent_tests::process::command("grep");
            let found = search.args(["-rl", PASSPHRASE]).arg(&folder).output()?;
            ensure!(
                found.stdout.is_empty(),
                "the passphrase stands in {}",
                String::from_utf8_lossy(&found.stdout)
            );
        }
        Ok(())
    })
}
