//! The `command` runner: any program, from its start to the end of its last process.

use miyabi_agents::lines::{Line, LineCutter};
use miyabi_agents::{AgentEvent, CommandStream, command};
use miyabi_plan::FailureCause;

use super::attempt::{Order, Outcome, Stop, lock};
use super::child::{Happening, Program, Reach, Stream};
use super::output::{LastWords, OutputFiles, look_for_outputs, relative};

/// Carries the attempt out.
pub(super) async fn carry_out(mut order: Order) -> Outcome {
    let Some(launch) = command::launch(&order.sheet, &order.state_dir) else {
        return Outcome::failed(FailureCause::NotStarted, "the sheet names no program".to_owned());
    };
    let mut program = match Program::start(&launch) {
        Ok(program) => program,
        Err(error) => return Outcome::failed(FailureCause::NotStarted, error.to_string()),
    };
    program.write(launch.stdin.into_bytes());
    program.close_stdin();
    order.live.send_modify(|live| live.program = program.pid());
    let mut heard = Heard::default();
    let ended = loop {
        tokio::select! {
            happening = program.next() => match happening {
                Happening::Printed(stream, bytes) => heard.take(&order, stream, &bytes),
                Happening::Ended(exit) => break Ok(exit),
            },
            stop = &mut order.stop => break Err(Stop::of(stop)),
        }
    };
    let reach = match &ended {
        Ok(_) => Reach::leftovers(&order.sheet, order.orphans),
        Err(_) => Reach::everything(&order.sheet),
    };
    let left = program.end(&reach, |stream, bytes| heard.take(&order, stream, bytes)).await;
    heard.finish();
    let mut outcome = Outcome::default();
    match ended {
        Err(stop) => outcome = stop.outcome(),
        Ok(Ok(exit)) => {
            if let AgentEvent::Ended { failure } = command::ended(exit.code, exit.signal) {
                outcome.errors.extend(failure);
            }
        }
        Ok(Err(error)) => outcome.errors.push(format!("its end could not be awaited: {error}")),
    }
    if !left.is_empty() {
        outcome.errors.push(format!("the system did not end its processes {left:?}"));
    }
    collect(&order, heard, outcome).await
}

async fn collect(order: &Order, heard: Heard, mut outcome: Outcome) -> Outcome {
    outcome.summary = heard.last_words.text();
    if !outcome.errors.is_empty() && !outcome.summary.is_empty() {
        outcome.errors.push(outcome.summary.clone());
    }
    let mut files = OutputFiles::default();
    if outcome.errors.is_empty() && heard.output_files.is_empty() && !order.sheet.outputs.is_empty() {
        look_for_outputs(order).await.into_iter().for_each(|file| files.add(file));
    }
    let folder = order.sheet.work_folder.as_deref();
    heard.output_files.into_names().iter().for_each(|file| files.add(relative(folder, file)));
    outcome.output_files = files.into_names();
    outcome
}

/// What a program has said so far.
#[derive(Default)]
struct Heard {
    stdout: CommandStream,
    stderr: LineCutter,
    last_words: LastWords,
    output_files: OutputFiles,
    progress: Option<f64>,
}

impl Heard {
    fn take(&mut self, order: &Order, stream: Stream, bytes: &[u8]) {
        lock(&order.sink).raw(bytes);
        let Self { stdout, stderr, last_words, output_files, progress } = self;
        match stream {
            Stream::Out => stdout.push(bytes, |event| note(event, last_words, output_files, progress)),
            Stream::Err => stderr.push(bytes, |line| match line {
                Line::Whole(bytes) | Line::Piece(bytes) => last_words.add(bytes),
            }),
        }
        if let Some(progress) = self.progress.take() {
            order.live.send_modify(|live| live.progress = progress);
        }
    }

    fn finish(&mut self) {
        let Self { stdout, stderr, last_words, output_files, progress } = self;
        stdout.finish(|event| note(event, last_words, output_files, progress));
        stderr.finish(|line| match line {
            Line::Whole(bytes) | Line::Piece(bytes) => last_words.add(bytes),
        });
    }
}

fn note(event: AgentEvent, words: &mut LastWords, files: &mut OutputFiles, progress: &mut Option<f64>) {
    match event {
        AgentEvent::Text(line) => words.add(&line),
        AgentEvent::Progress(value) => *progress = Some(value),
        AgentEvent::OutputFile(file) => files.add(file),
        _ => {}
    }
}
