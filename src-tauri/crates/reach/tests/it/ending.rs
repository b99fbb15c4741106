//! How connections end: nothing stays behind, and nobody waits for a peer that is gone.

use std::time::{Duration, Instant};

use miyabi_reach::Part;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::stage::{SOON, Setup, Stage, children, echo, eventually};

/// The threads of this process that own a connection.
fn session_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("proc");
    let name =
        |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
    tasks.flatten().map(name).filter(|name| name.trim() == "miyabi-ssh").count()
}

#[tokio::test]
async fn dropping_a_connection_leaves_no_thread_and_no_process() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let before = children();
    let config = format!("Host jump\n  HostName 127.0.0.1\n  Port {}\n{}", stage.port, stage.read("config"));
    stage.write("config", &config.replacen("Host box", "Host box\n  ProxyJump jump", 1));
    let mut spoken = stage.start(Part::Serve).await.expect("reached");
    echo(&mut spoken, b"alive").await;
    assert_eq!(session_threads(), 1);
    assert!(children().contains(&"ssh".to_owned()), "{:?}", children());

    let begun = Instant::now();
    drop(spoken.connection);
    let dropped = begun.elapsed();
    let error = spoken.stdout.read_u8().await.expect_err("cut");
    println!("dropping took {dropped:?}; the reader knew after {:?}: {error}", begun.elapsed());
    assert!(dropped < Duration::from_millis(100), "{dropped:?}");
    eventually("the thread and the carrier end", || session_threads() == 0 && children() == before).await;
    println!("nothing was left after {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_dropped_attempt_leaves_nothing_wherever_it_is() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let before = children();
    for millis in [1, 5, 10, 20, 40, 80, 120, 200, 300, 500] {
        let cut_off = tokio::time::timeout(Duration::from_millis(millis), stage.start(Part::Serve)).await;
        println!("after {millis} ms: {}", if cut_off.is_err() { "dropped" } else { "was done" });
        drop(cut_off);
        eventually("it ends", || session_threads() == 0 && children() == before).await;
    }
}

#[tokio::test]
async fn a_host_that_stands_still_is_left_at_once() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let (port, hole) = relay(stage.port).await;
    stage.know_at(port);
    let mut spoken = stage.start(Part::Serve).await.expect("reached");
    echo(&mut spoken, b"alive").await;
    // From here on the link swallows everything and ends nothing.
    hole.send_replace(true);
    spoken.stdin.write_all(&[b'x'; 1 << 20]).await.expect("goes into a buffer");
    let silence = tokio::time::timeout(Duration::from_millis(200), spoken.stdout.read_u8()).await;
    assert!(silence.is_err(), "nothing can come back: {silence:?}");
    let begun = Instant::now();
    drop(spoken);
    assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
    eventually("the thread ends", || session_threads() == 0).await;
}

#[tokio::test]
async fn a_host_that_stops_before_it_speaks_is_unreachable_in_its_time() {
    let Some(stage) = Stage::ready(&Setup { client: "  ConnectTimeout 1", ..Setup::default() }) else {
        return;
    };
    let sshd = Pid::from_raw(stage.sshd_id()).expect("an id");
    kill_process(sshd, Signal::STOP).expect("stopped");
    let begun = Instant::now();
    let error = stage.start(Part::Probe).await.expect_err("no word");
    kill_process(sshd, Signal::CONT).expect("goes on");
    assert!(matches!(error, miyabi_reach::ReachError::Unreachable { .. }), "{error:?}");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_helper_that_is_killed_is_not_taken_for_one_that_ended_well() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let text = stage.read("helper").replace("exec cat", "echo about to die >&2; kill -9 $$");
    stage.write_helper(&text);
    let mut spoken = stage.start(Part::Serve).await.expect("reached");
    let error = spoken.stdout.read_u8().await.expect_err("killed").to_string();
    assert!(error.contains("SIGKILL") && error.contains("about to die"), "{error}");
}

#[tokio::test]
async fn the_end_of_our_stream_ends_the_helper_well() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let mut spoken = stage.start(Part::Serve).await.expect("reached");
    spoken.stdin.write_all(b"last words").await.expect("sent");
    spoken.stdin.shutdown().await.expect("ended");
    let mut text = String::new();
    spoken.stdout.read_to_string(&mut text).await.expect("a good end");
    assert_eq!(text, "last words");
    eventually("the thread ends by itself", || session_threads() == 0).await;
}

#[tokio::test]
async fn much_goes_both_ways_at_once_and_arrives_whole() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let mut spoken = stage.start(Part::Serve).await.expect("reached");
    const PIECE: usize = 1 << 20;
    const PIECES: usize = 200;
    let begun = Instant::now();
    let (mut stdin, stdout) = (spoken.stdin, &mut spoken.stdout);
    let send = tokio::spawn(async move {
        let mut piece = vec![0; PIECE];
        for number in 0..PIECES {
            piece.fill(u8::try_from(number).expect("small"));
            stdin.write_all(&piece).await.expect("sent");
        }
        stdin.shutdown().await.expect("ended");
    });
    let mut piece = vec![0; PIECE];
    let mut expected = vec![0; PIECE];
    for number in 0..PIECES {
        stdout.read_exact(&mut piece).await.expect("came back");
        expected.fill(u8::try_from(number).expect("small"));
        assert!(piece == expected, "piece {number}");
    }
    send.await.expect("sent");
    let rate = (PIECE * PIECES) as f64 / 1e6 / begun.elapsed().as_secs_f64();
    println!("{rate:.0} MB/s up and {rate:.0} MB/s down at once");
}

#[tokio::test]
async fn logs_come_down_fast() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    const LENGTH: u64 = 300_000_000;
    let text = stage.read("helper").replace("exec cat", &format!("exec head -c {LENGTH} /dev/zero"));
    stage.write_helper(&text);
    let mut spoken = stage.start(Part::Serve).await.expect("reached");
    let begun = Instant::now();
    let mut buffer = vec![0; 1 << 18];
    let mut length = 0;
    while let read @ 1.. = spoken.stdout.read(&mut buffer).await.expect("a good end") {
        length += read as u64;
    }
    println!("{:.0} MB/s down", length as f64 / 1e6 / begun.elapsed().as_secs_f64());
    assert_eq!(length, LENGTH);
}

#[tokio::test]
async fn an_idle_connection_wakes_nobody() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let mut spoken = stage.start(Part::Serve).await.expect("reached");
    echo(&mut spoken, b"alive").await;
    // Held back: nobody reads, and the helper would send much more than all buffers hold.
    let (mut stdin, _stdout) = (spoken.stdin, spoken.stdout);
    let flood = tokio::spawn(async move { while stdin.write_all(&[0; 1 << 16]).await.is_ok() {} });
    // A loaded machine makes short pauses too: it stands when nothing happened for a while.
    let mut last = (session_switches(), Instant::now());
    eventually("both directions stand", || {
        let now = session_switches();
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(500)
    })
    .await;
    let stands = session_switches();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let woken = session_switches() - stands;
    println!("{woken} wake-ups in a second with both directions full");
    assert!(woken <= 2, "{woken}");
    flood.abort();
}

/// How often the connection's thread gave up the processor.
fn session_switches() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("proc");
    let of = |entry: std::fs::DirEntry| {
        let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
        let numbers = lines.filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok());
        if name.trim() == "miyabi-ssh" { numbers.sum() } else { 0 }
    };
    tasks.flatten().map(of).sum()
}

/// A link that can be turned into a hole: it swallows what it gets and closes nothing.
async fn relay(to: u16) -> (u16, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("address").port();
    let (hole, is_hole) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(("127.0.0.1", to)).await.expect("the host");
            let (near_read, near_write) = near.into_split();
            let (far_read, far_write) = far.into_split();
            tokio::spawn(pass(near_read, far_write, is_hole.clone()));
            tokio::spawn(pass(far_read, near_write, is_hole.clone()));
        }
    });
    (port, hole)
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    is_hole: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if *is_hole.borrow() {
            // Reads no more: what was sent stays unanswered, and so does the end of the stream.
            return std::future::pending().await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
