// A run of real agents in the midst of its work, for designing and for pictures: permissions, a
// budget, a program that cannot work, and what all of it cost.

import type { InboxItem, RunSnapshot, UsageView } from '../types';

export const permission: InboxItem = {
  id: 'ask-3',
  number: 3,
  kind: 'approval',
  at: '2026-11-22T15:32:10Z',
  agent: 'CCG-2',
  task: 'Task-11',
  host: null,
  tool: 'Bash',
  what: 'python3 -m pip install pytest-cov',
  detail: '{\n  "command": "python3 -m pip install pytest-cov",\n  "description": "Install the coverage plugin"\n}',
  blocks: 3,
  answers_at: '2026-11-22T16:02:10Z',
  spent_usd: null,
  limit_usd: null,
};

const budget: InboxItem = {
  ...permission,
  id: 'budget-4',
  number: 4,
  kind: 'run_budget',
  agent: null,
  task: null,
  tool: '',
  what: '',
  detail: '',
  blocks: 5,
  answers_at: null,
  spent_usd: 19.42,
  limit_usd: 20,
};

const failed: InboxItem = {
  ...permission,
  id: 'failed-Task-7',
  number: null,
  kind: 'task_failed',
  agent: 'CG-6',
  task: 'Task-7',
  tool: '',
  what: 'claimed to be done, but webapp_framework/database/migrations.py is missing',
  detail: 'Look whether the declared outputs are right, then retry; the next attempt is told what was missing.',
  blocks: 6,
  answers_at: null,
};

function used(tokens: number, cost: number): UsageView {
  return { input_tokens: tokens, cached_tokens: Math.round(tokens * 0.8), output_tokens: Math.round(tokens / 18), cost_usd: cost };
}

/** Makes a rehearsal look like a run of agents with a model behind them. */
export function asRealRun(snapshot: RunSnapshot): void {
  const { run } = snapshot;
  run.rehearsal_speed = null;
  run.label = 'scripted model';
  run.usage = used(4_812_000, 19.42);
  run.budget_usd = 20;
  run.expected_seconds = 7200;
  run.stand_ins = [{ runner: 'codex', why: 'the provider does not answer: connection refused', since: run.now, recheck_at: new Date(Date.parse(run.now) + 250_000).toISOString() }];
  const ago = (seconds: number): string => new Date(Date.parse(run.now) - seconds * 1000).toISOString();
  snapshot.inbox = [
    { ...failed, at: ago(640) },
    { ...permission, at: ago(252), answers_at: ago(-1548) },
    { ...budget, at: ago(31) },
  ];
  for (const agent of snapshot.agents) {
    const claude = agent.kind === 'CCG';
    Object.assign(agent, { runner: claude ? 'claude' : 'codex', account: claude ? 'claude' : 'codex' });
    if (agent.task === null) continue;
    Object.assign(agent, { listens: true, activity: claude ? 'Bash  python3 -m pytest -q tests/core' : 'Edit  webapp_framework/core/app.py', usage: used(310_000, 1.31) });
  }
  for (const task of snapshot.tasks) {
    if (task.attempts.length === 0) continue;
    task.usage = used(310_000, 1.31);
    for (const attempt of task.attempts) Object.assign(attempt, { session: '5f0c2d8e-6a31-4b7e-9a54-1f2d3c4b5a69', model: 'sonnet', usage: used(310_000, 1.31) });
  }
}
