//! The lab itself: the hosts are hosts of their own, and every way to break one breaks it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::isolation;
use miyabi_agent_tests::process::{Guarded, command, rest, with_word};
use miyabi_host_lab::lab::TMP_MIB;
use miyabi_host_lab::wait::until;
use miyabi_host_lab::{Lab, Wire, on_two_hosts};

/// Whether the SSH server of MUGEN says its first line in time.
fn answers(lab: &Lab) -> Result<(), String> {
    let address = lab.mugen.ssh().map_err(|why| why.to_string())?;
    let second = Duration::from_secs(1);
    let mut stream = TcpStream::connect_timeout(&address, second).map_err(|why| why.to_string())?;
    stream.set_read_timeout(Some(second)).map_err(|why| why.to_string())?;
    stream.read_exact(&mut [0; 4]).map_err(|why| format!("connected, and then {why}"))
}

#[test]
fn each_host_has_a_name_files_processes_and_a_tmux_of_its_own() -> Result<()> {
    on_two_hosts(|lab| {
        for (alias, name) in [("mugen", "MUGEN"), ("majin", "MAJIN")] {
            ensure!(lab.laptop.ssh(alias, &["hostname"])?.trim() == name);
            ensure!(lab.laptop.ssh(alias, &["pwd; id -u"])? == "/run/disk/home\n0\n");
            lab.laptop.ssh(alias, &["echo", "of", name, ">", "/tmp/mine"])?;
            lab.laptop.ssh(alias, &["tmux", "new-session", "-d", "-s", name])?;
        }
        for (host, other) in [(&lab.mugen, "MAJIN"), (&lab.majin, "MUGEN")] {
            ensure!(host.read("/tmp/mine")? == format!("of {}\n", host.name).as_bytes());
            ensure!(host.exec(&["tmux", "ls"])?.starts_with(&format!("{}:", host.name)));
            ensure!(host.tmux_servers()?.len() == 1 && host.helpers()?.is_empty());
            ensure!(!host.exec(&["ps", "-A", "-o", "args"])?.contains(other));
            ensure!(host.exec(&["df", "--output=size", "-m", "/tmp"])?.contains(&format!(" {TMP_MIB}\n")));
            ensure!(host.exec(&["ip", "-br", "addr"])?.contains(host.address()));
        }
        ensure!(!std::path::Path::new("/tmp/mine").exists(), "the hosts write on the laptop");
        Ok(())
    })
}

#[test]
fn a_link_is_cut_one_way_lossy_and_whole_again() -> Result<()> {
    on_two_hosts(|lab| {
        answers(lab).map_err(anyhow::Error::msg)?;
        lab.mugen.cut()?;
        ensure!(answers(lab).is_err_and(|why| why.contains("timed out")), "something came through");
        ensure!(lab.laptop.ssh("majin", &["true"]).is_ok(), "the other link is cut, too");
        for wire in [Wire::OnlyToHost, Wire::OnlyToLaptop] {
            lab.mugen.set_wire(wire)?;
            ensure!(answers(lab).is_err(), "{wire:?} lets an answer through");
        }
        let received = |lab: &Lab| -> Result<u64> {
            let shown: serde_json::Value =
                serde_json::from_str(&lab.mugen.exec(&["ip", "-j", "-s", "link", "show", "eth0"])?)?;
            shown[0]["stats64"]["rx"]["packets"].as_u64().context("a count of packets")
        };
        lab.mugen.set_wire(Wire::OnlyToHost)?;
        let before = received(lab)?;
        ensure!(answers(lab).is_err() && received(lab)? > before, "nothing arrived");

        lab.mugen.set_wire(Wire::Losing { percent: 5 })?;
        let sent = lab.laptop.ssh("mugen", &["head", "-c", "20000000", "/dev/zero"])?;
        ensure!(sent.len() == 20_000_000, "{} bytes came", sent.len());
        let rules = lab.mugen.exec(&["nft", "list", "ruleset"])?;
        ensure!(rules.contains("numgen random mod 100 < 5 drop"), "{rules}");

        lab.mugen.mend()?;
        answers(lab).map_err(anyhow::Error::msg)
    })
}

#[test]
fn a_power_cut_leaves_the_disk_and_nothing_else() -> Result<()> {
    on_two_hosts(|lab| {
        lab.laptop.ssh("mugen", &["echo kept > kept; echo gone > /tmp/gone; tmux new-session -d"])?;
        let mut open = lab.laptop.ssh_command("mugen");
        let mut open = open.args(["sleep", "600"]).spawn()?;
        until("the connection", Duration::from_secs(10), || {
            let connections = lab.mugen.connections().map_err(|why| why.to_string())?;
            if connections.len() == 1 { Ok(()) } else { Err(format!("{connections:?}")) }
        })?;
        lab.mugen.power_cut()?;
        ensure!(answers(lab).is_err(), "it is on");
        ensure!(open.try_wait()?.is_none(), "the connection was closed from the far end");
        lab.mugen.boot()?;
        ensure!(lab.laptop.ssh("mugen", &["cat", "kept"])? == "kept\n");
        ensure!(lab.mugen.read("/tmp/gone").is_err(), "/tmp outlived it");
        ensure!(lab.mugen.tmux_servers()?.is_empty(), "tmux outlived it");
        open.kill()?;
        open.wait()?;
        Ok(())
    })
}

#[test]
fn servers_are_killed_and_started_again() -> Result<()> {
    on_two_hosts(|lab| {
        lab.mugen.kill_sshd()?;
        ensure!(answers(lab).is_err(), "it still answers");
        lab.mugen.start_sshd()?;
        ensure!(lab.laptop.ssh("mugen", &["true"]).is_ok());
        lab.laptop.ssh("mugen", &["tmux", "new-session", "-d"])?;
        ensure!(lab.mugen.kill(&lab.mugen.tmux_servers()?)? == 1);
        until("the end of its tmux", Duration::from_secs(10), || {
            let left = lab.mugen.processes().map_err(|why| why.to_string())?;
            let left: Vec<_> = left.iter().filter(|process| process.name.contains("tmux")).collect();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        })
    })
}

#[test]
fn a_full_disk_takes_no_byte_until_it_is_freed() -> Result<()> {
    on_two_hosts(|lab| {
        lab.mugen.fill_disk()?;
        ensure!(lab.laptop.ssh("mugen", &["echo x > /tmp/x && cat /tmp/x"]).is_err(), "there is room");
        ensure!(lab.laptop.ssh("majin", &["echo x > /tmp/x"]).is_ok(), "the other disk is full, too");
        lab.mugen.free_disk()?;
        ensure!(lab.laptop.ssh("mugen", &["echo x > /tmp/x"]).is_ok());
        Ok(())
    })
}

#[test]
fn what_is_started_on_a_host_is_counted() -> Result<()> {
    on_two_hosts(|lab| {
        let mark = lab.mugen.mark()?;
        ensure!(lab.mugen.started_since(mark)? == 0);
        let mark = lab.mugen.mark()?;
        lab.mugen.exec(&["sh", "-c", "true & wait; /bin/true"])?;
        ensure!(lab.mugen.started_since(mark)? >= 2, "processes go uncounted");
        Ok(())
    })
}

#[test]
fn a_slow_link_takes_its_time_and_a_clock_is_wrong() -> Result<()> {
    on_two_hosts(|lab| {
        let delay = Duration::from_millis(100);
        lab.slow(0, delay)?;
        let begun = Instant::now();
        lab.laptop.ssh("mugen", &["true"])?;
        // A log-in takes more than one question and answer.
        ensure!(begun.elapsed() > 4 * delay, "{:?}", begun.elapsed());
        lab.fast()?;
        lab.mugen.clock_offset(600_000)?;
        ensure!(lab.laptop.ssh("mugen", &["echo", "$MIYABI_CLOCK_OFFSET_MS"])? == "600000\n");
        Ok(())
    })
}

/// Set where this test's other half only waits to be killed.
const WAITS: &str = "MIYABI_LAB_WAITS";

#[test]
fn a_test_that_is_killed_leaves_no_process_and_its_folder_is_swept() -> Result<()> {
    let waits = std::env::var_os(WAITS).is_some();
    if waits || isolation::is_inside() {
        return on_two_hosts(|lab| {
            println!("up in {}", lab.folder().display());
            rest(Duration::from_secs(if waits { 600 } else { 0 }));
            Ok(())
        });
    }
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let mut again = command(std::env::current_exe()?);
    again.args(["--exact", &name, "--nocapture"]).env(WAITS, "yes").stdout(Stdio::piped());
    let mut killed = Guarded::start(&mut again)?;
    let mut lines = BufReader::new(killed.output().context("a pipe")?).lines().map_while(Result::ok);
    let Some(folder) = lines.find_map(|line| line.split_once("up in ").map(|(_, folder)| folder.to_owned()))
    else {
        eprintln!("SKIPPED: there is no lab to be killed");
        return Ok(());
    };
    ensure!(!with_word(&folder).is_empty(), "nothing runs in {folder}");
    let left_behind = std::env::temp_dir().join(format!("miyabi-agents-{}-", killed.id()));
    drop(killed);
    until("the end of both hosts", Duration::from_secs(10), || {
        let left = with_word(&folder);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })?;
    on_two_hosts(|_| Ok(()))?;
    let left_behind = left_behind.to_string_lossy().into_owned();
    let entries = std::fs::read_dir(std::env::temp_dir())?.flatten().map(|entry| entry.path());
    let left: Vec<_> = entries.filter(|path| path.to_string_lossy().starts_with(&left_behind)).collect();
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}
