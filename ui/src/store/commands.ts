// What a person can tell a run to do. Asks first where something would be lost, and shows what the
// program refuses.

import { asApiError } from '../platform/platform';
import type { Platform } from '../platform/platform';
import type { AgentId, ApprovalAnswer, ApprovalScope, HostAnswer, HostId, ReportFormat, TaskId } from '../platform/types';
import { ask, showToast } from './dialogs';

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
  reassign: (task: TaskId, agent: AgentId) => Promise<void>;
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

async function reassign(platform: Platform, task: TaskId, agent: AgentId): Promise<void> {
  try {
    await platform.reassign(task, agent, false);
  } catch (thrown) {
    const error = asApiError(thrown);
    if (error.code !== 'needs_confirmation') throw thrown;
    const agreed = await ask({
      title: 'confirm.reassign.title',
      body: 'confirm.reassign.body',
      values: { task, agent },
      detail: error.message,
      confirm: 'confirm.reassign.yes',
      tone: 'danger',
    });
    if (!agreed) return;
    await platform.reassign(task, agent, true);
  }
  showToast({ kind: 'done', text: 'toast.reassigned', values: { task, agent } });
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

/** `leave` is called when the run has been stopped and there is nothing left to look at. */
export function createCommands(platform: Platform, leave: () => void): Commands {
  return {
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
