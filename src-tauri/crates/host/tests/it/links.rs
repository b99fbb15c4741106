//! One owner a folder, and links that die without a word.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

use miyabi_plan::HostId;
use miyabi_protocol::link::{Command, Hello, Report};
use sha2::{Digest as _, Sha256};

use crate::common::{Helper, Place, agent, attempt, lives};

fn host(name: &str) -> Option<HostId> {
    Some(HostId::new(name).expect("valid"))
}

fn hello(place: &Place, epoch: u32, link: u32) -> Hello {
    Hello { link, host: host("mugen"), owner: "me@macbook".into(), ..place.hello(&place.run_id(), epoch) }
}

fn pid(helper: &Helper) -> u32 {
    helper.link.process.id().expect("lives")
}

async fn ping(helper: &mut Helper, token: u32) {
    helper.send(&Command::Ping { token });
    helper
        .until("pong", |report| {
            matches!(report, Report::Pong { token: of, .. } if *of == token).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_newer_link_takes_the_folder_from_the_helper_of_a_dead_one() {
    let place = Place::new();
    let mut first = place.helper_with(hello(&place, 1, 1)).await;
    let runner = first.ensure("CG-1").await;
    place.run("mkfifo", &[&place.work().join("go").to_string_lossy()]);
    first.offer(&place.sheet("CG-1", "Task-2.1", "echo ::progress 0.5; read x <go"));
    first.until_file("CG-1", "half way", |status| status.progress > 0.4).await;

    // Half open: nobody tells the first helper that its link is dead. Stopped, it cannot notice either.
    place.run("kill", &["-STOP", &pid(&first).to_string()]);
    let mut second = place.helper_with(hello(&place, 1, 2)).await;
    assert!(!first.link.process.wait().await.expect("ended").success());
    let adopted = second.until_up("CG-1").await;
    assert_eq!(adopted, (runner, Some(attempt("Task-2.1"))), "runners go on");

    // A later backend's first link is newer than any of an earlier one.
    let mut third = place.helper_with(hello(&place, 2, 1)).await;
    assert!(!second.link.process.wait().await.expect("ended").success());
    third.until_up("CG-1").await;

    for (epoch, link, word) in [(2, 1, "this very link"), (1, 9, "older"), (1, 2, "older")] {
        let message = place.refusal(hello(&place, epoch, link)).await;
        assert!(message.contains(word), "{message}");
    }
    ping(&mut third, 1).await;
    fs::write(place.work().join("go"), "on\n").expect("the agent goes on");
    third.until_status("CG-1", miyabi_protocol::AgentStatus::Completed).await;
}

#[tokio::test]
async fn others_are_refused_with_the_owners_name_and_the_remedy() {
    let place = Place::new();
    let mut first = place.helper_with(hello(&place, 3, 1)).await;

    let other_run = Hello { run_id: "another-run".into(), owner: "you@desk".into(), ..hello(&place, 9, 9) };
    let message = place.refusal(other_run).await;
    for word in ["me@macbook", &place.run_id(), "since 20", "miyabi stop --all", "state_dir"] {
        assert!(message.contains(word), "{word} in {message}");
    }
    let second_machine = Hello { owner: "me@second-mac".into(), ..hello(&place, 4, 1) };
    let message = place.refusal(second_machine).await;
    assert!(message.contains("me@macbook") && message.contains("since 20"), "{message}");

    let other_host = Hello { host: host("majin"), ..hello(&place, 3, 2) };
    let message = place.refusal(other_host.clone()).await;
    assert!(message.contains("two hosts share one folder"), "{message}");
    assert!(message.contains("mugen") && message.contains("majin"), "{message}");
    ping(&mut first, 7).await;

    // Also when the first one is away for a moment: it is noticed and not left to chance.
    first.crash(&place).await;
    let message = place.refusal(other_host).await;
    assert!(message.contains("two hosts share one folder"), "{message}");
    place.helper_with(hello(&place, 3, 3)).await;
}

#[tokio::test]
async fn a_process_that_only_has_the_number_of_a_helper_is_never_killed() {
    let place = Place::new();
    let mut first = place.helper_with(hello(&place, 1, 1)).await;
    let bystander = first.ensure("CG-1").await;
    // As if the holder were gone, its number had passed on, and the lock were held by who knows whom.
    let path = place.dir.helper_lock();
    let mut holder: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).expect("lock")).expect("json");
    holder["pid"] = bystander.into();
    fs::write(&path, holder.to_string()).expect("written in place");
    let message = place.refusal(hello(&place, 1, 2)).await;
    assert!(message.contains("does not end") && message.contains(&bystander.to_string()), "{message}");
    assert!(lives(&bystander.to_string()));
    ping(&mut first, 1).await;
}

#[tokio::test]
async fn a_helper_that_hears_nothing_says_so_and_leaves_its_runners_at_work() {
    let place = Place::new();
    let mut helper = place.helper_with(Hello { silent_seconds: Some(1), ..hello(&place, 1, 1) }).await;
    let runner = helper.ensure("CG-1").await;
    let begun = Instant::now();
    for token in 0..8 {
        ping(&mut helper, token).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(begun.elapsed() > Duration::from_secs(2), "it lives as long as it hears something");
    let said_last = Instant::now();
    assert!(!helper.link.process.wait().await.expect("ended").success());
    assert!(said_last.elapsed() < Duration::from_secs(3), "{:?}", said_last.elapsed());
    let said = fs::read_to_string(place.path("helper.err")).expect("its words");
    assert!(said.contains("for 1 s") && said.contains("runners go on"), "{said}");
    assert!(lives(&runner.to_string()));
    // The lock is free: even another run may have the folder.
    place.helper_for("another-run", 1).await;
}

#[tokio::test]
async fn a_write_that_a_dead_link_holds_up_keeps_nobody_alive() {
    let place = Place::new();
    fs::write(place.dir.log(Some(&agent("CG-1"))), vec![b'x'; 8 << 20]).expect("log");
    let mut helper = place.helper_with(Hello { silent_seconds: Some(1), ..hello(&place, 1, 1) }).await;
    let (offset, credit) = (0, 1 << 30);
    helper.send(&Command::FollowLog { stream: 1, agent: Some(agent("CG-1")), offset, credit });
    // Nothing is read from here on: the pipe is full, and the helper's writer stands in the midst of a frame.
    let ended = tokio::time::timeout(Duration::from_secs(10), helper.link.process.wait()).await;
    assert!(!ended.expect("it ends").expect("status").success());
}

#[tokio::test]
async fn a_growing_log_arrives_whole_over_a_link_that_is_cut_twenty_times() {
    const SIZE: usize = 20 << 20;
    const CUTS: usize = 20;
    let place = Place::new();
    let path = place.dir.log(Some(&agent("CG-1")));
    let bytes: Vec<u8> =
        (0..SIZE as u32 / 4).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let writer = std::thread::spawn(move || {
        let mut file = fs::File::options().append(true).create(true).open(path).expect("log");
        for piece in bytes.chunks(64 * 1024) {
            file.write_all(piece).expect("grown");
            std::thread::yield_now();
        }
    });
    let mut got: Vec<u8> = Vec::with_capacity(SIZE);
    let mut left_open = Vec::new();
    for link in 1..=CUTS + 1 {
        let number = u32::try_from(link).expect("small");
        let mut helper = place.helper_with(hello(&place, 1, number)).await;
        let (offset, credit) = (got.len() as u64, 128 * 1024);
        helper.send(&Command::FollowLog { stream: number, agent: Some(agent("CG-1")), offset, credit });
        let until = if link > CUTS { SIZE } else { SIZE / (CUTS + 1) * link };
        while got.len() < until {
            let chunk = helper.chunk().await;
            assert_eq!((chunk.stream, chunk.offset), (number, got.len() as u64));
            helper.send(&Command::StreamCredit { stream: number, bytes: chunk.bytes.len() as u32 });
            got.extend(chunk.bytes);
        }
        // Half of the links are killed, the others are left half open, to be taken over.
        match link % 2 {
            0 => helper.crash(&place).await,
            _ => left_open.push(helper),
        }
    }
    writer.join().expect("written");
    let file = fs::read(place.dir.log(Some(&agent("CG-1")))).expect("read");
    assert_eq!((got.len(), Sha256::digest(&got)), (file.len(), Sha256::digest(&file)));
}

#[tokio::test]
async fn a_pong_is_not_held_up_by_a_log_that_flows() {
    const SIZE: u64 = 100 << 20;
    let place = Place::new();
    let mut helper = place.helper_with(hello(&place, 1, 1)).await;
    let path = place.dir.log(Some(&agent("CG-1")));
    let file = fs::File::create(path).expect("log");
    file.set_len(SIZE).expect("long");
    // Evidence is looked for meanwhile, too.
    let mut sheet = place.sheet("CG-2", "Task-3.1", "true");
    let slow = ["sh", "-c", "sleep 1"].map(str::to_owned).to_vec();
    sheet.acceptance = vec![miyabi_plan::Check { run: slow, time_limit_seconds: 30, ..Default::default() }];
    helper.send(&Command::CheckEvidence { sheet: Box::new(sheet), baseline: None });
    helper.send(&Command::FollowLog { stream: 1, agent: Some(agent("CG-1")), offset: 0, credit: 1 << 20 });
    let (mut got, mut slowest, mut pongs, mut asked) = (0, Duration::ZERO, 0_u32, None);
    let begun = Instant::now();
    while got < SIZE {
        if asked.is_none() {
            helper.send(&Command::Ping { token: pongs });
            asked = Some(Instant::now());
        }
        match helper.link.receiver.recv().await.expect("sound").expect("a frame") {
            miyabi_protocol::frame::Frame::Bulk(chunk) => {
                got += chunk.bytes.len() as u64;
                helper.send(&Command::StreamCredit { stream: 1, bytes: chunk.bytes.len() as u32 });
            }
            frame => {
                if let (Ok(Report::Pong { token, .. }), Some(at)) = (frame.message(), asked) {
                    assert_eq!(token, pongs);
                    slowest = slowest.max(at.elapsed());
                    (pongs, asked) = (pongs + 1, None);
                }
            }
        }
    }
    let rate = SIZE as f64 / 1e6 / begun.elapsed().as_secs_f64();
    println!("100 MiB of log at {rate:.0} MB/s; {pongs} pongs, the slowest after {slowest:?}");
    assert!(pongs > 3 && slowest < Duration::from_secs(2), "{pongs} pongs, the slowest after {slowest:?}");
}
