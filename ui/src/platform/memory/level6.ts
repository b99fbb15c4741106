// The Level 6 plan as a run that has not begun, for the window without a program behind it.

import type { AgentView, Choice, Forecast, HostView, RunSnapshot, TaskView, UsageView } from '../types';

export const NOTHING_USED: UsageView = { input_tokens: 0, cached_tokens: 0, output_tokens: 0, cost_usd: null };

type TaskLine = readonly [
  number: number,
  title: string,
  agent: string,
  host: string,
  needs: readonly number[],
  seconds: number,
  module: string,
  outputs: readonly string[],
  wave: number,
  y: number,
];

const TASKS: readonly TaskLine[] = [
  [1, 'Write the implementation plan', 'CCG-1', 'MUGEN', [], 600, 'planning', ['IMPLEMENTATION_PLAN.md'], 1, 0],
  [2, 'Application core', 'CG-1', 'MUGEN', [1], 900, 'core', ['webapp_framework/core/*.py'], 2, -2.1],
  [3, 'HTTP request and response', 'CG-2', 'MUGEN', [1], 900, 'http', ['webapp_framework/http/*.py'], 2, -0.7],
  [4, 'URL routing', 'CG-3', 'MUGEN', [1], 900, 'routing', ['webapp_framework/routing/*.py'], 2, 0.7],
  [5, 'Shared utilities', 'CG-4', 'MUGEN', [1], 900, 'utils', ['webapp_framework/utils/*.py'], 2, 2.1],
  [6, 'Template engine', 'CG-5', 'MAJIN', [2, 3], 1200, 'templating', ['webapp_framework/templating/*.py'], 3, -1.4],
  [7, 'Database layer', 'CG-6', 'MAJIN', [4, 5], 1200, 'database', ['webapp_framework/database/*.py'], 3, 1.4],
  [8, 'Authentication', 'CG-7', 'MAJIN', [6], 1200, 'auth', ['webapp_framework/auth/*.py'], 3, -1.4],
  [9, 'Validation', 'CG-8', 'MAJIN', [7], 1200, 'validation', ['webapp_framework/validation/*.py'], 3, 1.4],
  [10, 'Test client and command line', 'CG-9', 'MAJIN', [8, 9], 600, 'testing', ['webapp_framework/testing/*.py'], 4, 0],
  [11, 'Test suite', 'CCG-2', 'MAJIN', [10], 1200, 'tests', ['tests/test_*.py'], 5, -1.4],
  [12, 'Documentation', 'CCG-3', 'MAJIN', [10], 1200, 'docs', ['docs/*.md'], 5, 0],
  [13, 'Packaging and configuration', 'CCG-4', 'MAJIN', [10], 1200, 'config', ['pyproject.toml', 'config/*'], 5, 1.4],
  [14, 'Review everything', 'CCG-5', 'MAJIN', [11, 12, 13], 450, 'review', ['REVIEW.md'], 6, 0],
  [15, 'Verify the result', 'CCG-6', 'MAJIN', [14], 450, 'verify', ['TEST_RESULTS.md'], 6, 0],
];

const TITLES: Record<string, string> = {
  'CCG-1': 'Plan',
  'CCG-2': 'Tests',
  'CCG-3': 'Docs',
  'CCG-4': 'Config',
  'CCG-5': 'Review',
  'CCG-6': 'Verify',
  'CG-1': 'Core',
  'CG-2': 'HTTP',
  'CG-3': 'Routing',
  'CG-4': 'Utils',
  'CG-5': 'Templates',
  'CG-6': 'Database',
  'CG-7': 'Auth',
  'CG-8': 'Validation',
  'CG-9': 'Testing',
};

/** The longest chain of this plan, as the forecast finds it. */
const CRITICAL = new Set([1, 2, 6, 8, 10, 11, 14, 15]);

const idOf = (number: number): string => `Task-${number}`;
const kindOf = (agent: string): string => agent.split('-')[0] ?? agent;

function taskView(line: TaskLine, earlier: ReadonlyMap<string, TaskView>): TaskView {
  const [number, title, agent, , needs, seconds, module, outputs, wave, y] = line;
  const before = needs.map((need) => earlier.get(idOf(need))).filter((task) => task !== undefined);
  const start = Math.max(0, ...before.map((task) => task.planned_end_seconds));
  const level = Math.max(0, ...before.map((task) => task.level + 1));
  const open = needs.length > 0;
  return {
    id: idOf(number),
    title,
    prompt: `Implement the part “${module}” of webapp_framework as IMPLEMENTATION_PLAN.md describes it.\nWrite ${outputs.join(', ')}. Keep every function typed and tested; add no dependency.`,
    module,
    kind: kindOf(agent),
    agent,
    planned_agent: agent,
    host: null,
    needs: needs.map(idOf),
    priority: wave,
    estimated_seconds: seconds,
    wave,
    level,
    critical: CRITICAL.has(number),
    outputs: [...outputs],
    acceptance: number === 1 ? [] : [['python3', '-m', 'pytest', '-q', `tests/${module}`]],
    retries: 2,
    time_limit_seconds: seconds * 2,
    status: open ? 'PENDING' : 'READY',
    phase: open ? 'pending' : 'ready',
    progress: 0,
    waiting: open ? [{ reason: 'need', tasks: needs.map(idOf) }] : [],
    started_at: null,
    completed_at: null,
    error: null,
    usage: NOTHING_USED,
    stood_in: false,
    attempts: [],
    planned_start_seconds: start,
    planned_end_seconds: start + seconds,
    position: { x: level * 3, y },
    needs_approval: false,
    conflict: null,
    overlaps: [],
  };
}

function tasks(): TaskView[] {
  const made = new Map<string, TaskView>();
  for (const line of TASKS) made.set(idOf(line[0]), taskView(line, made));
  return [...made.values()];
}

function agents(): AgentView[] {
  const hosts = new Map(TASKS.map((line) => [line[2], line[3]]));
  return Object.entries(TITLES)
    .toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([id, title], index) => ({
      id,
      kind: kindOf(id),
      title,
      host: hosts.get(id) ?? 'MUGEN',
      runner: 'rehearsal',
      status: 'IDLE',
      task: null,
      progress: 0,
      updated_at: null,
      window: `${id}-${title}`,
      pid: 41200 + index * 7,
      draining: false,
      problem: null,
      account: '',
      activity: '',
      listens: false,
      rests_until: null,
      usage: NOTHING_USED,
    }));
}

/** A host with so many processors; `away` makes it one that is reached over a link. */
function host(id: string, title: string, capacity: number, cpus: number, away: Partial<HostView> = {}): HostView {
  return {
    id,
    title,
    transport: 'local',
    capacity,
    running: 0,
    connected: true,
    load: { load_1m: cpus / 7, cpus, memory_total_mib: 65536, memory_free_mib: 39800, disk_free_mib: 210000 },
    problem: null,
    address: '',
    labels: [],
    contact: 'ready',
    contact_since: null,
    next_try_at: null,
    question: null,
    unverified: 0,
    clock_ahead_seconds: null,
    round_trip_ms: null,
    ...away,
  };
}

const choice: Choice = { follow_waves: false, drop_conflicting_edges: false };

function forecast(views: readonly TaskView[], hosts: ReadonlyMap<string, string>): Forecast {
  return {
    choice,
    levels: 8,
    critical_path: views.filter((task) => task.critical).map((task) => task.id),
    critical_path_seconds: 6600,
    lower_bound_seconds: 6600,
    expected_seconds: 6600,
    one_agent_seconds: 14100,
    dropped_edges: [],
    slots: views.map((task) => ({
      task: task.id,
      agent: task.agent,
      host: hosts.get(task.agent) ?? 'MUGEN',
      start_seconds: task.planned_start_seconds,
      end_seconds: task.planned_end_seconds,
      level: task.level,
      critical: task.critical,
    })),
  };
}

/** The plan, drawn as a run that has not begun. */
export function level6(nowMillis: number): RunSnapshot {
  const views = tasks();
  const people = agents();
  return {
    revision: 1,
    run: {
      run_id: '',
      name: 'level6',
      title: 'Level 6: a web framework by 15 agents',
      phase: 'planned',
      rehearsal_speed: null,
      label: null,
      choice,
      state_dir: '/tmp/miyabi-level6',
      session: 'miyabi-level6-orchestra',
      work_folder: '~/webapp_framework',
      started_at: null,
      ended_at: null,
      now: new Date(nowMillis).toISOString(),
      progress: 0,
      completed: 0,
      failed: 0,
      running: 0,
      total: views.length,
      forecast: forecast(views, new Map(people.map((agent) => [agent.id, agent.host]))),
      expected_seconds: 6600,
      stuck: [],
      usage: NOTHING_USED,
      budget_usd: null,
      stand_ins: [],
      git: null,
      verification: null,
    },
    tasks: views,
    agents: people,
    hosts: [
      host('MUGEN', 'EC2, strong in CPU', 6, 32, { transport: 'ssh', address: 'mugen', labels: ['cpu'], round_trip_ms: 11.6, clock_ahead_seconds: 0.04 }),
      host('MAJIN', 'EC2, parallel work', 8, 48, { transport: 'ssh', address: 'majin', labels: ['parallel', 'gpu'], round_trip_ms: 14.2, clock_ahead_seconds: 0.1 }),
      host('local', 'MacBook, the fallback', 2, 10),
    ],
    inbox: [],
    notices: [],
  };
}
