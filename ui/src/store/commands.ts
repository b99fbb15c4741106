// What a person can tell a run to do. Asks first where something would be lost, and shows what the
// program refuses.

import { translate } from '../i18n';
import type { TextKey, TextValues } from '../i18n';
import { crossesKinds } from '../model/reassign';
import { asApiError } from '../platform/platform';
import type { Platform } from '../platform/platform';
import type { AgentId, AgentView, ApprovalAnswer, ApprovalScope, HostAnswer, HostId, KeptTrees, NewPullRequest, PullRequest, ReportFormat, ReviewComment, TaskId, TaskView } from '../platform/types';
import { ask, showToast } from './dialogs';
import { askHandOver } from './handOver';
import { looksBack } from './past';

const CHANGES: ReadonlySet<keyof Platform> = new Set([
  'pause',
  'resume',
  'cancelRun',
  'stopAll',
  'cancelTask',
  'retryTask',
  'reassign',
  'handOver',
  'answer',
  'raiseBudget',
  'say',
  'answerHost',
  'giveUpHost',
  'accept',
  'sendBack',
  'takeCommit',
  'verifyAgain',
  'removeTrees',
  'openPullRequest',
]);

/** What giving up a host would cost: a sentence, and the tasks line by line. */
export type Cost = { detail: string; lines: readonly string[] };

export type Commands = {
  pause: () => Promise<void>;
  resume: () => Promise<void>;
  cancelRun: () => Promise<void>;
  stopAll: () => Promise<void>;
  cancelTask: (task: TaskId) => Promise<void>;
  retryTask: (task: TaskId) => Promise<void>;
  retryTasks: (tasks: readonly TaskId[]) => Promise<void>;
  /** Shows what goes along with a task that was begun, and asks before it takes an agent of another kind. */
  reassign: (task: TaskView, agent: AgentView) => Promise<void>;
  /** Resolves to whether it was taken. */
  accept: (task: TaskId) => Promise<boolean>;
  /** Resolves to whether it was taken. */
  sendBack: (task: TaskId, comments: readonly ReviewComment[]) => Promise<boolean>;
  /** Resolves to whether it was taken. */
  takeCommit: (task: TaskId, revision: string) => Promise<boolean>;
  verifyAgain: () => Promise<void>;
  /** Asks first; resolves to what is left, or to null when nothing was removed. */
  removeTrees: (branches: readonly string[]) => Promise<KeptTrees | null>;
  /** Rejects with the refusal, which is shown where the request was typed. */
  openPullRequest: (request: NewPullRequest) => Promise<PullRequest>;
  answer: (number: number, answer: ApprovalAnswer, scope: ApprovalScope) => Promise<void>;
  raiseBudget: (number: number, limitUsd: number) => Promise<void>;
  /** Resolves to whether it was taken. */
  say: (agent: AgentId, text: string) => Promise<boolean>;
  /** Answers what a host asks, or has it tried now. */
  answerHost: (host: HostId, answer: HostAnswer) => Promise<void>;
  /** Asks first; `cost` says what would be done anew. */
  giveUpHost: (host: HostId, cost: Cost) => Promise<void>;
  exportReport: (format: ReportFormat) => Promise<void>;
};

/** Shows a refusal instead of throwing it. */
export async function showingErrors(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (thrown) {
    showToast({ kind: 'error', error: asApiError(thrown) });
  }
}

/** What goes along with a task; null when the person leaves it where it is. */
async function packetFor(platform: Platform, task: TaskView, agent: AgentView, crosses: boolean): Promise<{ text: string | null } | null> {
  // A task that was begun takes a packet along, which the person sees first; another one moves at once.
  if (task.attempts.length > 0) {
    const text = await askHandOver(await platform.handOver(task.id, agent.id), agent.id, crosses ? task.kind : null);
    return text === null ? null : { text };
  }
  if (!crosses) return { text: null };
  const agreed = await ask({
    title: 'confirm.across.title',
    body: 'hand_over.across',
    values: { task: task.id, agent: agent.id, planned: task.kind, kind: agent.kind },
    detail: '',
    confirm: 'confirm.across.yes',
    tone: 'plain',
  });
  return agreed ? { text: null } : null;
}

async function reassign(platform: Platform, task: TaskView, agent: AgentView): Promise<void> {
  const crosses = crossesKinds(task, agent);
  const packet = await packetFor(platform, task, agent, crosses);
  if (packet === null) return;
  const move = (stopRunning: boolean): Promise<void> => platform.reassign(task.id, agent.id, stopRunning, crosses, packet.text);
  const values = { task: task.id, agent: agent.id };
  try {
    await move(task.attempts.length > 0);
  } catch (thrown) {
    const error = asApiError(thrown);
    if (error.code !== 'needs_confirmation') throw thrown;
    const agreed = await ask({
      title: 'confirm.reassign.title',
      body: 'confirm.reassign.body',
      values,
      detail: error.message,
      confirm: 'confirm.reassign.yes',
      tone: 'danger',
    });
    if (!agreed) return;
    await move(true);
  }
  showToast({ kind: 'done', text: 'toast.reassigned', values });
}

/** Asks, as folders and branches are gone for good; answers what is left, or null when nothing was done. */
async function removeTrees(platform: Platform, branches: readonly string[]): Promise<KeptTrees | null> {
  const agreed = await ask({
    title: 'confirm.remove_trees.title',
    body: 'confirm.remove_trees.body',
    values: { count: branches.length },
    detail: '',
    lines: branches,
    confirm: 'confirm.remove_trees.yes',
    tone: 'danger',
  });
  return agreed ? platform.removeTrees([...branches]) : null;
}

async function cancelRun(platform: Platform): Promise<void> {
  const agreed = await ask({
    title: 'confirm.cancel_run.title',
    body: 'confirm.cancel_run.body',
    values: {},
    detail: '',
    confirm: 'confirm.cancel_run.yes',
    tone: 'danger',
  });
  if (agreed) await platform.cancelRun();
}

async function stopAll(platform: Platform, leave: () => void): Promise<void> {
  const agreed = await ask({
    title: 'confirm.stop_all.title',
    body: 'confirm.stop_all.body',
    values: {},
    detail: '',
    confirm: 'confirm.stop_all.yes',
    tone: 'danger',
  });
  if (!agreed) return;
  await platform.stopAll();
  leave();
}

async function cancelTask(platform: Platform, task: TaskId): Promise<void> {
  const agreed = await ask({
    title: 'confirm.cancel_task.title',
    body: 'confirm.cancel_task.body',
    values: { task },
    detail: '',
    confirm: 'confirm.cancel_task.yes',
    tone: 'danger',
  });
  if (agreed) await platform.cancelTask(task);
}

async function answerHost(platform: Platform, host: HostId, answer: HostAnswer): Promise<void> {
  await platform.answerHost(host, answer);
  if (answer.answer === 'try_again') showToast({ kind: 'done', text: 'toast.trying', values: { host } });
}

async function giveUpHost(platform: Platform, host: HostId, { detail, lines }: Cost): Promise<void> {
  const agreed = await ask({
    title: 'confirm.give_up.title',
    body: 'confirm.give_up.body',
    values: { host },
    detail,
    ...(lines.length === 0 ? {} : { lines }),
    confirm: 'confirm.give_up.yes',
    tone: 'danger',
  });
  if (!agreed) return;
  await platform.giveUpHost(host);
  showToast({ kind: 'done', text: 'toast.given_up', values: { host } });
}

async function exportReport(platform: Platform, format: ReportFormat): Promise<void> {
  const path = await platform.exportReport(format);
  if (path !== null) showToast({ kind: 'done', text: 'toast.exported', values: { path } });
}

async function say(platform: Platform, agent: AgentId, text: string): Promise<boolean> {
  try {
    await platform.say(agent, text);
    return true;
  } catch (thrown) {
    showToast({ kind: 'error', error: asApiError(thrown) });
    return false;
  }
}

/** Shows a refusal, and answers null then. */
async function orRefusal<T>(act: () => Promise<T>): Promise<T | null> {
  try {
    return await act();
  } catch (thrown) {
    showToast({ kind: 'error', error: asApiError(thrown) });
    return null;
  }
}

async function taken(act: () => Promise<void>, text: TextKey, values: TextValues): Promise<boolean> {
  const answer = await orRefusal(async () => {
    await act();
    return true;
  });
  if (answer === null) return false;
  showToast({ kind: 'done', text, values });
  return true;
}

/** `leave` is called when the run has been stopped and there is nothing left to look at. */
export function createCommands(live: Platform, leave: () => void): Commands {
  // Nothing can be told to the past: whatever was pressed is answered by that.
  const platform = new Proxy(live, {
    get: (target, name: keyof Platform) => {
      const command = target[name];
      if (!CHANGES.has(name)) return command;
      return (...values: unknown[]) => (looksBack() ? Promise.reject(new Error(translate('history.read_only'))) : (command as (...all: unknown[]) => Promise<unknown>)(...values));
    },
  });
  return {
    accept: (task) => taken(() => platform.accept(task), 'toast.accepted', { task }),
    sendBack: (task, comments) => taken(() => platform.sendBack(task, [...comments]), 'toast.sent_back', { task }),
    takeCommit: (task, revision) => taken(() => platform.takeCommit(task, revision), 'toast.commit_taken', { task, revision }),
    verifyAgain: () => showingErrors(() => platform.verifyAgain()),
    removeTrees: (branches) => orRefusal(() => removeTrees(platform, branches)),
    openPullRequest: (request) => platform.openPullRequest(request),
    pause: () => showingErrors(() => platform.pause()),
    resume: () => showingErrors(() => platform.resume()),
    cancelRun: () => showingErrors(() => cancelRun(platform)),
    stopAll: () => showingErrors(() => stopAll(platform, leave)),
    cancelTask: (task) => showingErrors(() => cancelTask(platform, task)),
    retryTask: (task) => showingErrors(() => platform.retryTask(task)),
    retryTasks: (tasks) => showingErrors(async () => void (await Promise.all(tasks.map((task) => platform.retryTask(task))))),
    reassign: (task, agent) => showingErrors(() => reassign(platform, task, agent)),
    answer: (number, answer, scope) => showingErrors(() => platform.answer(number, answer, scope)),
    raiseBudget: (number, limitUsd) => showingErrors(() => platform.raiseBudget(number, limitUsd)),
    say: (agent, text) => say(platform, agent, text),
    answerHost: (host, answer) => showingErrors(() => answerHost(platform, host, answer)),
    giveUpHost: (host, cost) => showingErrors(() => giveUpHost(platform, host, cost)),
    exportReport: (format) => showingErrors(() => exportReport(platform, format)),
  };
}
