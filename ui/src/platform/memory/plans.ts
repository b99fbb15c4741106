// What the in-memory platform says of plans, past runs and the machine.

import type { Choice, ChoiceView, DoctorLine, Finding, PlanView, RunSnapshot, RunSummary } from '../types';

const CHOICES: readonly ChoiceView[] = [
  {
    choice: { follow_waves: false, drop_conflicting_edges: false },
    levels: 8,
    expected_seconds: 6600,
    lower_bound_seconds: 6600,
    dropped_edges: 0,
  },
  {
    choice: { follow_waves: true, drop_conflicting_edges: false },
    levels: 8,
    expected_seconds: 6600,
    lower_bound_seconds: 6600,
    dropped_edges: 0,
  },
  {
    choice: { follow_waves: true, drop_conflicting_edges: true },
    levels: 6,
    expected_seconds: 5400,
    lower_bound_seconds: 5400,
    dropped_edges: 2,
  },
];

function conflict(task: number, need: number, line: number): Finding {
  return {
    severity: 'warning',
    code: 'wave-conflict',
    place: { file: 'task_dag.json', path: `tasks[${task - 1}].needs[0]`, line },
    message: `Task-${task} is written into wave 3 beside Task-${need}, which it needs.`,
    remedy: 'Choose below how waves and needs are read, or move the task to a later wave.',
  };
}

const MISTAKES: readonly Finding[] = [
  {
    severity: 'error',
    code: 'cycle',
    place: { file: 'task_dag.json', path: 'tasks[5].needs[1]', line: 88 },
    message: 'Task-6 needs Task-8, Task-8 needs Task-6: nobody can begin.',
    remedy: 'Take one of these needs out.',
  },
  {
    severity: 'error',
    code: 'unknown-agent',
    place: { file: 'task_dag.json', path: 'tasks[9].agent', line: 142 },
    message: 'The agent CG-90 does not exist.',
    remedy: 'Did you mean CG-9?',
  },
];

export function planView(path: string, choice: Choice, rehearse: number | null, plan: RunSnapshot, broken: boolean): PlanView {
  const warnings = [conflict(8, 6, 121), conflict(9, 7, 134)];
  const chosen = CHOICES.find(
    (one) =>
      one.choice.follow_waves === choice.follow_waves &&
      one.choice.drop_conflicting_edges === choice.drop_conflicting_edges,
  );
  const forecast = { ...plan.run.forecast, choice, expected_seconds: chosen?.expected_seconds ?? 6600, levels: chosen?.levels ?? 8 };
  return {
    path,
    findings: broken ? [...MISTAKES, ...warnings] : warnings,
    hash: '7c1f0b9f6d5a4f6c3f2f1f7f4a2d8c7b6e5d4c3b2a190817263544f3e2d1c0b9',
    holds_commands: true,
    trusted: false,
    obstacles: ['The runner claude of CCG-1 to CCG-6 is not installed here.', 'The runner codex of CG-1 to CG-9 is not installed here.'],
    choices: [...CHOICES],
    preview: broken ? null : { ...plan, run: { ...plan.run, choice, forecast, rehearsal_speed: rehearse } },
    unfinished: null,
  };
}

export function pastRuns(nowMillis: number): RunSummary[] {
  const ago = (minutes: number): string => new Date(nowMillis - minutes * 60_000).toISOString();
  const run = (id: string, minutes: number, rest: Partial<RunSummary>): RunSummary => ({
    run_id: id,
    title: 'Level 6: a web framework by 15 agents',
    state_dir: `/tmp/miyabi-level6-${id}`,
    created_at: ago(minutes),
    phase: 'completed',
    completed: 15,
    total: 15,
    rehearsal_speed: 60,
    label: null,
    alive: false,
    ...rest,
  });
  return [
    run('a1', 190, { title: 'Commands, checked', completed: 6, total: 6, rehearsal_speed: null }),
    run('b2', 2, { phase: 'running', completed: 7, alive: true }),
    run('c3', 1500, { phase: 'paused', completed: 4 }),
    run('d4', 4000, { phase: 'failed', completed: 9, rehearsal_speed: null }),
  ];
}

export function doctorLines(): DoctorLine[] {
  return [
    { name: 'tmux', ok: true, required: true, for_agents: false, found: 'tmux 3.3a', remedy: '' },
    { name: 'git', ok: true, required: true, for_agents: false, found: 'git 2.39.5', remedy: '' },
    { name: 'state folder', ok: true, required: true, for_agents: false, found: '/tmp/miyabi-level6, 210 GB free', remedy: '' },
    { name: 'claude', ok: false, required: false, for_agents: true, found: '', remedy: 'npm install -g @anthropic-ai/claude-code' },
    { name: 'codex', ok: false, required: false, for_agents: true, found: '', remedy: 'npm install -g @openai/codex' },
  ];
}
