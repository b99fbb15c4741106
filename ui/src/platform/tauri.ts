// The desktop shell: the one place that speaks to Tauri.
//
// Logs come as raw bytes over an ipc channel: the first 8 bytes of a message are the offset in the
// file (u64, big-endian), the rest is the log. Terminals come the same way: a 0 and what it draws, or
// a 1 and why it is over.

import { Channel } from '@tauri-apps/api/core';

import { commands, events } from './bindings';
import type { LogStream, Platform, TerminalListener, TerminalStream, Unsubscribe } from './platform';
import type { AgentId, RunSnapshot, TerminalSize } from './types';

const OFFSET_BYTES = 8;

/** Splits one message of the log channel into its offset and its bytes. */
export function splitLogMessage(message: ArrayBuffer): { offset: number; bytes: Uint8Array } {
  const offset = Number(new DataView(message).getBigUint64(0, false));
  return { offset, bytes: new Uint8Array(message, OFFSET_BYTES) };
}

const ENDED = 1;

/** Splits one message of a terminal's channel: what it draws, or why it is over. */
export function splitTerminalMessage(message: ArrayBuffer): { bytes: Uint8Array } | { why: string } {
  const [kind] = new Uint8Array(message, 0, 1);
  const rest = new Uint8Array(message, 1);
  return kind === ENDED ? { why: new TextDecoder().decode(rest) } : { bytes: rest };
}

/** Listeners that are not in place yet; a run is opened only after them, or its first events were lost. */
const arriving = new Set<Promise<unknown>>();

type Listen<T> = (callback: (message: { payload: T }) => void) => Promise<Unsubscribe>;

function subscribe<T>(listen: Listen<T>, callback: (payload: T) => void): Unsubscribe {
  let stopped = false;
  let stop: Unsubscribe | null = null;
  const listening = listen((message) => {
    if (!stopped) callback(message.payload);
  }).then((unlisten) => {
    arriving.delete(listening);
    if (stopped) unlisten();
    else stop = unlisten;
    return undefined;
  });
  arriving.add(listening);
  return () => {
    stopped = true;
    stop?.();
  };
}

async function openRun(stateDir: string): Promise<RunSnapshot> {
  await Promise.all(arriving);
  return commands.openRun(stateDir);
}

async function followLog(
  agent: string | null,
  offset: number,
  onBytes: (bytes: Uint8Array, offset: number) => void,
): Promise<LogStream> {
  const channel = new Channel<ArrayBuffer>((message) => {
    const chunk = splitLogMessage(message);
    onBytes(chunk.bytes, chunk.offset);
  });
  const stream = await commands.followLog(agent, offset, channel);
  return {
    addCredit: (bytes) => void commands.logCredit(stream, bytes).catch(() => undefined),
    close: () => void commands.dropLog(stream).catch(() => undefined),
  };
}

async function openTerminal(agent: AgentId, size: TerminalSize, listener: TerminalListener): Promise<TerminalStream> {
  const channel = new Channel<ArrayBuffer>((message) => {
    const said = splitTerminalMessage(message);
    if ('why' in said) listener.onEnd(said.why);
    else listener.onBytes(said.bytes);
  });
  const stream = await commands.openTerminal(agent, size, channel);
  // What is typed keeps its order: each piece waits until the one before it has arrived.
  let typed: Promise<unknown> = Promise.resolve();
  return {
    type: (text) => {
      typed = typed.then(() => commands.typeInTerminal(stream, text)).catch(() => undefined);
    },
    resize: (newSize) => void commands.resizeTerminal(stream, newSize).catch(() => undefined),
    addCredit: (bytes) => void commands.terminalCredit(stream, bytes).catch(() => undefined),
    close: () => void commands.closeTerminal(stream).catch(() => undefined),
  };
}

/** A command that answers nothing. */
async function done(command: Promise<null>): Promise<void> {
  await command;
}

export function tauriPlatform(): Platform {
  return {
    inspectPlan: commands.inspectPlan,
    startRun: commands.startRun,
    listRuns: commands.listRuns,
    openRun,
    closeRun: () => done(commands.closeRun()),
    onRunEvent: (callback) => subscribe((heard) => events.runEvent.listen(heard), callback),
    onBackendState: (callback) => subscribe((heard) => events.backendState.listen(heard), callback),
    pause: () => done(commands.pause()),
    resume: () => done(commands.resume()),
    cancelRun: () => done(commands.cancelRun()),
    stopAll: () => done(commands.stopAll()),
    cancelTask: (task) => done(commands.cancelTask(task)),
    retryTask: (task) => done(commands.retryTask(task)),
    reassign: (task, agent, stopRunning, acrossKinds, packet) => done(commands.reassign(task, agent, stopRunning, acrossKinds, packet)),
    handOver: commands.handOver,
    taskDiff: commands.taskDiff,
    accept: (task) => done(commands.accept(task)),
    sendBack: (task, comments) => done(commands.sendBack(task, comments)),
    takeCommit: (task, revision) => done(commands.takeCommit(task, revision)),
    verifyAgain: () => done(commands.verifyAgain()),
    history: commands.history,
    snapshotAt: commands.snapshotAt,
    keptTrees: commands.keptTrees,
    removeTrees: commands.removeTrees,
    openPullRequest: commands.openPullRequest,
    answer: (number, answer, scope) => done(commands.answer(number, answer, scope)),
    raiseBudget: (number, limitUsd) => done(commands.raiseBudget(number, limitUsd)),
    say: (agent, text) => done(commands.say(agent, text)),
    answerHost: (host, answer) => done(commands.answerHost(host, answer)),
    giveUpHost: (host) => done(commands.giveUpHost(host)),
    sshNames: commands.sshNames,
    testHost: commands.testHost,
    addHost: commands.addHost,
    promptPlan: commands.promptPlan,
    goalPlan: commands.goalPlan,
    followLog,
    openTerminal,
    doctor: commands.doctor,
    exportReport: commands.exportReport,
    choosePlan: commands.choosePlan,
    chooseFolder: commands.chooseFolder,
    setNotifications: (enabled) => done(commands.setNotifications(enabled)),
    setLanguage: (language) => done(commands.setLanguage(language)),
    initialTarget: commands.initialTarget,
    onFocusTask: (callback) => subscribe((heard) => events.focusTask.listen(heard), callback),
  };
}
