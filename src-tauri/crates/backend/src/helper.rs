//! The helper's process: started, spoken to, started again when it is gone.

use std::path::PathBuf;
use std::time::Duration;

use miyabi_protocol::atomic;
use miyabi_protocol::frame::Frame;
use miyabi_protocol::link::{Command, Hello, Report};
use miyabi_transport::local::{self, Stderr};
use miyabi_transport::{LinkReceiver, LinkSender};
use tokio::sync::mpsc;

use crate::log_streams::LogStreams;
use crate::runtime::Input;

/// The pause before the first restart; doubled for each further one in a row.
const RESTART_AFTER: Duration = Duration::from_millis(100);
/// The longest such pause.
const RESTART_AFTER_MAX: Duration = Duration::from_secs(5);

/// From the run's loop to the helper's task.
#[derive(Debug)]
pub(crate) enum ToHelper {
    /// Pass it on; lost when no helper is there (the engine sends it again after a listing).
    Command(Box<Command>),
    /// The loop knows that the helper was gone: commands from here on are for the next one.
    Reconnect,
}

/// What a helper is started with.
#[derive(Debug)]
pub(crate) struct HelperSetup {
    pub(crate) program: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) hello: Hello,
}

/// Keeps a helper at work until the loop ends.
pub(crate) fn start(
    setup: HelperSetup,
    streams: LogStreams,
    inputs: mpsc::UnboundedSender<Input>,
) -> mpsc::UnboundedSender<ToHelper> {
    let (sender, commands) = mpsc::unbounded_channel();
    tokio::spawn(keep(setup, streams, inputs, commands));
    sender
}

async fn keep(
    setup: HelperSetup,
    streams: LogStreams,
    inputs: mpsc::UnboundedSender<Input>,
    mut commands: mpsc::UnboundedReceiver<ToHelper>,
) {
    let mut pause = RESTART_AFTER;
    loop {
        let (why, was_listed) = serve(&setup, &streams, &inputs, &mut commands).await;
        pause = if was_listed { RESTART_AFTER } else { (pause * 2).min(RESTART_AFTER_MAX) };
        if inputs.send(Input::LinkDown(why)).is_err() {
            return;
        }
        loop {
            match commands.recv().await {
                Some(ToHelper::Reconnect) => break,
                Some(ToHelper::Command(_)) => {}
                None => return,
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// One helper from its start to its end; says why it ended, and whether it ever got to work.
async fn serve(
    setup: &HelperSetup,
    streams: &LogStreams,
    inputs: &mpsc::UnboundedSender<Input>,
    commands: &mut mpsc::UnboundedReceiver<ToHelper>,
) -> (String, bool) {
    let log = atomic::append_private(&setup.log);
    let stderr = log.map_or(Stderr::Inherited, Stderr::File);
    let mut helper = match local::spawn(&setup.program, &["serve".to_owned()], &[], stderr) {
        Ok(helper) => helper,
        Err(error) => return (error.to_string(), false),
    };
    let greeted = helper.sender.message(&Command::Hello(setup.hello.clone()));
    if let Err(error) = greeted {
        return (error.to_string(), false);
    }
    let mut was_listed = false;
    let why =
        converse(&mut helper.receiver, &helper.sender, streams, inputs, commands, &mut was_listed).await;
    drop(helper.sender);
    match helper.process.wait().await {
        Ok(status) if why.is_empty() => (format!("the helper ended: {status}"), was_listed),
        Ok(status) => (format!("{why} ({status})"), was_listed),
        Err(error) => (format!("{why}: {error}"), was_listed),
    }
}

async fn converse(
    receiver: &mut LinkReceiver,
    sender: &LinkSender,
    streams: &LogStreams,
    inputs: &mpsc::UnboundedSender<Input>,
    commands: &mut mpsc::UnboundedReceiver<ToHelper>,
    was_listed: &mut bool,
) -> String {
    loop {
        tokio::select! {
            frame = receiver.recv() => match frame {
                Ok(Some(Frame::Bulk(chunk))) => streams.deliver(chunk),
                Ok(Some(frame)) => match frame.message::<Report>() {
                    Ok(report) => {
                        *was_listed |= report == Report::Listed;
                        drop(inputs.send(Input::Reported(report)));
                    }
                    Err(error) => return format!("the helper sent something that is no report: {error}"),
                },
                Ok(None) => return String::new(),
                Err(error) => return format!("the link to the helper broke: {error}"),
            },
            command = commands.recv() => match command {
                Some(ToHelper::Command(command)) => {
                    if let Err(error) = sender.message(&command) {
                        return format!("the helper no longer reads: {error}");
                    }
                }
                Some(ToHelper::Reconnect) => {}
                None => return "the backend ends".to_owned(),
            },
        }
    }
}
