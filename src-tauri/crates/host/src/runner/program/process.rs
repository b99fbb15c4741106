//! One process of a conversation, from its start to the end of its last child.

use std::time::Duration;

use miyabi_agents::{Adapter, AgentEvent, Exit, Failed, Hearing, Launch, Output, Start, TurnEnd, adapter};
use miyabi_plan::FailureCause;
use miyabi_protocol::{AgentProtocol, ApprovalAnswer};
use tokio::time::{Instant, sleep_until};

use super::super::attempt::{Stop, Told};
use super::super::child::{Happening, Program, Reach, StartError, Stream};
use super::super::mcp::{self, Late};
use super::share::Step;
use super::{After, Opening, Talk, Telling};
use crate::clock;

/// How long a program may take to end after its last turn.
const FAREWELL: Duration = Duration::from_secs(8);
/// How long it may take for what it begins after that, where its silence is not watched.
const UNWATCHED: Duration = Duration::from_secs(3600);

/// A process that is spoken to.
struct Speaking {
    adapter: Box<dyn Adapter>,
    /// What the adapter says by itself, where it can.
    late: Option<Late>,
    program: Program,
    stage: Stage,
    /// Whether it said which session it is in.
    has_session: bool,
    /// When it last did anything.
    last_word: Instant,
}

/// How far a process is.
enum Stage {
    /// It is at a turn.
    Working,
    /// Its last turn has ended, and so should the process.
    Ending { turn: TurnEnd, deadline: Instant },
}

impl Stage {
    fn ended_well(&self) -> bool {
        matches!(self, Self::Ending { turn, .. } if turn.failure.is_none())
    }

    /// A turn has ended, and no other one follows.
    fn end_for_good(&mut self, turn: TurnEnd) {
        match self {
            Self::Ending { turn: last, .. } => last.failure = last.failure.take().or(turn.failure),
            Self::Working => *self = Self::Ending { turn, deadline: Instant::now() },
        }
    }
}

/// How a process came to its end.
enum Ending {
    Itself(Exit),
    /// It is in another session than the one that it was to go on in.
    Astray,
    /// It did not end after its last turn.
    Overdue,
    Silent,
    /// What it may cost is used up.
    UsedUp(Failed),
    Stopped(Stop),
}

impl Talk<'_> {
    /// Starts a process, speaks to it and ends all that is left of it.
    pub(super) async fn one_process(&mut self, opening: &Opening) -> After {
        let mut speaking = match self.start(opening) {
            Ok(speaking) => speaking,
            Err(failed) => return After::Failed(failed),
        };
        let ending = self.converse(&mut speaking).await;
        let word = self.end(&mut speaking, &ending).await;
        self.verdict(&speaking, ending, word, opening)
    }

    fn start(&mut self, opening: &Opening) -> Result<Speaking, Failed> {
        let (sheet, state_dir) = (&self.order.sheet, &self.order.state_dir);
        let mut start =
            Start::new(sheet, self.spec, state_dir, opening.prompt.clone(), opening.session.clone());
        // A program counts from its own start, and this may not be the attempt's first one.
        let used = self.telling.used().and_then(|used| used.cost).unwrap_or_default();
        start.budget = start.budget.map(|budget| budget.less(used));
        let (mut adapter, late) = adapter_for(&self.spec.protocol, start)?;
        if opening.session.is_some() {
            adapter.used_before(self.telling.session_used());
        }
        let launch = adapter.launch();
        let program = Program::start(&launch).map_err(|error| not_started(&launch, &error))?;
        let mut speaking = Speaking {
            program,
            stage: Stage::Working,
            has_session: false,
            last_word: Instant::now(),
            adapter,
            late,
        };
        let close_stdin = speaking.adapter.closes_stdin_at_once();
        self.send(&mut speaking, launch.stdin.into_bytes(), close_stdin);
        self.telling.process(speaking.program.pid());
        Ok(speaking)
    }

    async fn converse(&mut self, speaking: &mut Speaking) -> Ending {
        loop {
            let deadline = self.deadline(speaking);
            let tick = self.telling.next_tick();
            tokio::select! {
                stop = &mut self.order.stop => return Ending::Stopped(Stop::of(stop)),
                happening = speaking.program.next() => match happening {
                    Happening::Printed(stream, bytes) => self.printed(speaking, stream, &bytes),
                    Happening::Ended(exit) => {
                        return Ending::Itself(exit.unwrap_or(Exit { code: None, signal: None }));
                    }
                },
                output = next_late(&mut speaking.late) => self.heard(speaking, output),
                Some(told) = self.order.told.recv() => self.told(speaking, told),
                () = sleep_until(deadline.unwrap_or(tick)), if deadline.is_some() => {
                    return match speaking.stage {
                        Stage::Working => Ending::Silent,
                        Stage::Ending { .. } => Ending::Overdue,
                    };
                }
                () = sleep_until(tick) => self.telling.tick(),
            }
            if speaking.adapter.lost_session() {
                return Ending::Astray;
            }
            if let Some(why) = self.share.used_up().filter(|_| matches!(speaking.stage, Stage::Working)) {
                return Ending::UsedUp(why);
            }
        }
    }

    /// When the process is ended unless something happens.
    fn deadline(&self, speaking: &Speaking) -> Option<Instant> {
        match speaking.stage {
            // Also after its last turn, what was said late can make it ask.
            _ if self.telling.asks() => None,
            Stage::Ending { deadline, .. } => Some(deadline),
            Stage::Working if self.spec.silent_seconds == 0 => None,
            Stage::Working => Some(speaking.last_word + Duration::from_secs(self.spec.silent_seconds.into())),
        }
    }

    fn printed(&mut self, speaking: &mut Speaking, stream: Stream, bytes: &[u8]) {
        let mut output = Output::default();
        read(&mut self.telling, speaking.adapter.as_mut(), stream, bytes, &mut output);
        match stream {
            Stream::Out => self.heard(speaking, output),
            Stream::Err => self.absorb(speaking, output),
        }
    }

    fn heard(&mut self, speaking: &mut Speaking, output: Output) {
        // A program that only tells of its own retries is not at work.
        if output.events.iter().any(|event| !matches!(event, AgentEvent::Notice(_))) {
            speaking.last_word = Instant::now();
        }
        self.absorb(speaking, output);
    }

    fn told(&mut self, speaking: &mut Speaking, told: Told) {
        let mut output = Output::default();
        match told {
            Told::Answer { request, answer } => {
                if self.telling.answered(&request, &answer) {
                    speaking.adapter.answer(&request, &answer, &mut output);
                    speaking.last_word = Instant::now();
                }
            }
            Told::Say { number, text } => {
                if self.said.add(number, text)
                    && matches!(speaking.stage, Stage::Working)
                    && !self.say(speaking, &mut output)
                {
                    self.telling.said_later();
                }
            }
        }
        self.absorb(speaking, output);
    }

    /// Says what waits; says whether that was possible.
    fn say(&mut self, speaking: &mut Speaking, output: &mut Output) -> bool {
        let Some((number, text)) = self.said.waiting() else { return false };
        match speaking.adapter.say(&text, output) {
            Hearing::Now => {
                self.said.take();
                self.telling.spoken(number, &text);
                speaking.last_word = Instant::now();
                true
            }
            Hearing::AfterTheTurn => false,
        }
    }

    /// Carries out what came of a step.
    fn absorb(&mut self, speaking: &mut Speaking, output: Output) {
        let mut outputs = vec![output];
        while let Some(Output { events, stdin, close_stdin }) = outputs.pop() {
            self.send(speaking, stdin, close_stdin);
            for event in events {
                if matches!(event, AgentEvent::Session { .. }) {
                    speaking.has_session = true;
                    self.in_session();
                }
                self.allow_for_more(speaking, &event);
                let step = Step::of(&event);
                if let Some((refused, why)) = self.telling.refuses(&event) {
                    let mut output = Output::default();
                    let answer = ApprovalAnswer::Deny { reason: why.to_owned() };
                    speaking.adapter.answer(&refused, &answer, &mut output);
                    outputs.push(output);
                } else if let Some(turn) = self.telling.take(event) {
                    outputs.extend(self.turn_ended(speaking, turn));
                }
                self.share.take(step, self.telling.used(), self.telling.model());
            }
        }
        self.telling.tell();
    }

    /// What was said at the very end of a turn may begin another one, which is waited for.
    fn allow_for_more(&self, speaking: &mut Speaking, event: &AgentEvent) {
        let works = matches!(
            event,
            AgentEvent::ToolCall { .. }
                | AgentEvent::Thinking(_)
                | AgentEvent::Message(_)
                | AgentEvent::Asks(_)
        );
        if let Stage::Ending { deadline, .. } = &mut speaking.stage
            && works
        {
            let silence = match self.spec.silent_seconds {
                0 => UNWATCHED,
                seconds => Duration::from_secs(seconds.into()),
            };
            *deadline = Instant::now() + silence.max(FAREWELL);
        }
    }

    fn send(&mut self, speaking: &mut Speaking, stdin: Vec<u8>, close_stdin: bool) {
        self.telling.sent(&stdin);
        speaking.program.write(stdin);
        if close_stdin {
            speaking.program.close_stdin();
        }
    }

    /// Says what waits, or lets the program end.
    fn turn_ended(&mut self, speaking: &mut Speaking, turn: TurnEnd) -> Option<Output> {
        if let Stage::Ending { turn: last, deadline } = &mut speaking.stage {
            last.failure = last.failure.take().or(turn.failure);
            *deadline = Instant::now() + FAREWELL;
            return None;
        }
        let mut output = Output::default();
        let goes_on = turn.failure.is_none() && self.say(speaking, &mut output);
        if !goes_on {
            speaking.adapter.finish(&mut output);
            speaking.stage = Stage::Ending { turn, deadline: Instant::now() + FAREWELL };
        }
        Some(output)
    }

    /// Ends what is left of the process, and hears its last words.
    async fn end(&mut self, speaking: &mut Speaking, ending: &Ending) -> Option<Failed> {
        let reach = match ending {
            Ending::Itself(_) => Reach::leftovers(&self.order.sheet, self.order.orphans),
            _ => Reach::everything(&self.order.sheet),
        };
        let Speaking { adapter, late, program, stage, has_session, .. } = speaking;
        let telling = &mut self.telling;
        let mut last_words = |telling: &mut Telling, output: Output| {
            for event in output.events {
                *has_session |= matches!(event, AgentEvent::Session { .. });
                if let Some(turn) = telling.take(event) {
                    stage.end_for_good(turn);
                }
            }
        };
        // Word by word: a program may print without end until it is killed.
        let hear = |stream, bytes: &[u8]| {
            let mut output = Output::default();
            read(telling, adapter.as_mut(), stream, bytes, &mut output);
            last_words(telling, output);
        };
        let left = program.end(&reach, hear).await;
        let exit = match ending {
            Ending::Itself(exit) => *exit,
            _ => Exit { code: None, signal: None },
        };
        let mut output = Output::default();
        let mut word = adapter.ended(exit, &mut output);
        last_words(telling, output);
        while let Some(Ok(output)) = late.as_mut().map(Late::try_recv) {
            last_words(telling, output);
        }
        telling.process_gone();
        if !left.is_empty() {
            let message = format!("the system did not end its processes {left:?}");
            word = word.or_else(|| Some(Failed::new(FailureCause::AgentFailed, message)));
        }
        word
    }

    fn verdict(&self, speaking: &Speaking, ending: Ending, word: Option<Failed>, opening: &Opening) -> After {
        let exit = match ending {
            Ending::Stopped(stop) => return After::Stopped(stop),
            Ending::Silent => {
                let seconds = self.spec.silent_seconds;
                let message = format!("no word came from it for {seconds} s");
                return After::Failed(Failed::new(FailureCause::Silent, message));
            }
            // Unless its very last word was that it is done.
            Ending::UsedUp(why) if !speaking.stage.ended_well() => return After::Failed(why),
            _ if opening.session.is_some() && speaking.adapter.lost_session() => return After::Lost,
            Ending::Itself(exit) => Some(exit),
            Ending::Overdue | Ending::Astray | Ending::UsedUp(_) => None,
        };
        let failure = match (&speaking.stage, word) {
            (Stage::Ending { turn: TurnEnd { failure: Some(failure), .. }, .. }, _) => Some(failure.clone()),
            // What we ended ourselves says nothing about its work.
            (Stage::Ending { .. }, _) if exit.is_none() => None,
            (_, Some(failed)) => Some(failed),
            (Stage::Ending { .. }, None) => None,
            (Stage::Working, None) => Some(Failed::new(
                FailureCause::Crashed,
                "its program ended without a word on how the work went",
            )),
        };
        let Some(failure) = failure else { return After::Finished };
        let killed = exit.is_some_and(|exit| exit.signal.is_some());
        let unheard = !speaking.has_session && !killed && !failure.cause.is_the_programs();
        if opening.session.is_some() && unheard {
            return After::Lost;
        }
        After::Failed(failure)
    }
}

/// The way to speak to a program, and what comes of it late.
fn adapter_for(protocol: &AgentProtocol, start: Start) -> Result<(Box<dyn Adapter>, Option<Late>), Failed> {
    if let AgentProtocol::Mcp { tools } = protocol {
        let (adapter, late) = mcp::client(tools, start);
        return Ok((adapter, Some(late)));
    }
    let adapter = adapter(protocol, start).ok_or_else(|| {
        Failed::new(FailureCause::NotStarted, "this version of miyabi cannot speak to this program")
    })?;
    Ok((adapter, None))
}

/// What an adapter says by itself; waits for ever when it has said all.
async fn next_late(late: &mut Option<Late>) -> Output {
    if let Some(receiver) = late {
        if let Some(output) = receiver.recv().await {
            return output;
        }
        *late = None;
    }
    std::future::pending().await
}

/// Keeps what was printed, and gives it to the adapter.
fn read(telling: &mut Telling, adapter: &mut dyn Adapter, stream: Stream, bytes: &[u8], output: &mut Output) {
    telling.printed(stream, bytes);
    match stream {
        Stream::Out => adapter.stdout(bytes, clock::now(), output),
        Stream::Err => adapter.stderr(bytes, output),
    }
}

pub(super) fn not_started(launch: &Launch, error: &StartError) -> Failed {
    if !error.is_missing() {
        return Failed::new(FailureCause::NotStarted, error.to_string());
    }
    let program = launch.argv.first().map_or("", String::as_str);
    let cause = FailureCause::NotInstalled;
    Failed::new(cause, format!("`{program}` is not installed on this host. {}", cause.remedy()))
}
