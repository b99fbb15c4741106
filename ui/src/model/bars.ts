// Which bars the timeline draws in which agent's row. Kept apart from time: a bar that is still
// open is drawn up to the now line by its row.

import { millisOf, wallSeconds } from './time';
import type { AgentId, AttemptView, RunView, TaskPhase, TaskView } from '../platform/types';

export type BarKind = 'planned' | 'ghost' | 'past' | 'current';

export type Bar = {
  key: string;
  kind: BarKind;
  task: TaskView;
  /** Seconds on the wall since the run began. */
  start: number;
  /** Null while it grows with time. */
  end: number | null;
  /** The state whose colour it has. */
  phase: TaskPhase;
};

/** What bars need of a run. */
export type RunTimes = Pick<RunView, 'started_at' | 'rehearsal_speed'>;

export type Row = { agent: AgentId; bars: Bar[] };

function plannedBar(task: TaskView, kind: BarKind, speed: number | null): Bar {
  return {
    key: `${task.id}:${kind}`,
    kind,
    task,
    start: wallSeconds(task.planned_start_seconds, speed),
    end: wallSeconds(task.planned_end_seconds, speed),
    phase: task.phase,
  };
}

/** The state whose look a try has; one that was broken off, or whose end nobody saw, did not fail. */
export function attemptPhase(attempt: AttemptView, task: TaskPhase): TaskPhase {
  switch (attempt.cause) {
    case null:
      return attempt.ended_at === null ? task : 'completed';
    case 'cancelled':
    case 'reassigned':
    case 'stopped':
    case 'sent_back':
      return 'cancelled';
    case 'host_lost':
      return 'unverified';
    default:
      return 'failed';
  }
}

function attemptBars(task: TaskView, startedMillis: number): [AgentId, Bar][] {
  const last = task.attempts.length - 1;
  return task.attempts.map((attempt, index) => {
    const start = (millisOf(attempt.started_at ?? attempt.assigned_at) - startedMillis) / 1000;
    const end = attempt.ended_at === null ? null : (millisOf(attempt.ended_at) - startedMillis) / 1000;
    const phase = attemptPhase(attempt, task.phase);
    const bar: Bar = {
      key: `${task.id}:${attempt.number}`,
      kind: index === last ? 'current' : 'past',
      task,
      start,
      end,
      phase,
    };
    return [attempt.agent, bar];
  });
}

/** The bars of one task, each with the row that it belongs to. */
function barsOf(task: TaskView, run: RunTimes, startedMillis: number): [AgentId, Bar][] {
  const speed = run.rehearsal_speed;
  const planned: [AgentId, Bar] = [task.planned_agent, plannedBar(task, 'ghost', speed)];
  const tried = attemptBars(task, startedMillis);
  if (tried.length > 0) {
    const movedOn = tried.at(-1)?.[0] !== task.agent && task.phase !== 'completed';
    const waiting: [AgentId, Bar][] = movedOn ? [[task.agent, plannedBar(task, 'planned', speed)]] : [];
    return [planned, ...tried, ...waiting];
  }
  const waiting: [AgentId, Bar] = [task.agent, plannedBar(task, 'planned', speed)];
  return task.agent === task.planned_agent ? [waiting] : [planned, waiting];
}

/** Until when a bar keeps its agent, as far as one can tell. */
function busyUntil(bar: Bar, speed: number | null): number {
  return bar.end ?? bar.start + wallSeconds(bar.task.estimated_seconds, speed);
}

/**
 * An agent does one thing at a time: a waiting task that came to an agent by hand, or whose turn comes
 * later than planned, stands behind what the agent does before it.
 */
function inTurn(bars: readonly Bar[], speed: number | null): Bar[] {
  const waiting = bars.filter((bar) => bar.kind === 'planned').toSorted((a, b) => a.start - b.start);
  const others = bars.filter((bar) => bar.kind !== 'planned');
  let free = Math.max(0, ...others.filter((bar) => bar.kind !== 'ghost').map((bar) => busyUntil(bar, speed)));
  const queued = waiting.map((bar) => {
    const late = Math.max(0, free - bar.start);
    const moved = late === 0 ? bar : { ...bar, start: bar.start + late, end: busyUntil(bar, speed) + late };
    free = busyUntil(moved, speed);
    return moved;
  });
  return [...others, ...queued];
}

/** A row an agent, in the given order. */
export function timelineRows(agents: readonly AgentId[], tasks: readonly TaskView[], run: RunTimes): Row[] {
  const rows = new Map<AgentId, Bar[]>(agents.map((agent) => [agent, []]));
  const startedMillis = run.started_at === null ? 0 : millisOf(run.started_at);
  for (const task of tasks) {
    for (const [agent, bar] of barsOf(task, run, startedMillis)) rows.get(agent)?.push(bar);
  }
  return agents.map((agent) => ({ agent, bars: inTurn(rows.get(agent) ?? [], run.rehearsal_speed) }));
}

function sameBars(a: readonly Bar[], b: readonly Bar[]): boolean {
  return (
    a.length === b.length &&
    a.every((bar, index) => {
      const other = b[index];
      return other !== undefined && bar.key === other.key && bar.task === other.task && bar.start === other.start;
    })
  );
}

/** Remembers the rows that it gave out last, and gives those that did not change again. */
export function createRowCache(): (now: readonly Row[]) => Row[] {
  let before: Row[] = [];
  return (now) => {
    before = reuseRows(before, now);
    return before;
  };
}

/** The new rows, with every row that did not change taken from before, so that it is not drawn again. */
export function reuseRows(before: readonly Row[], now: readonly Row[]): Row[] {
  const old = new Map(before.map((row) => [row.agent, row]));
  return now.map((row) => {
    const earlier = old.get(row.agent);
    return earlier !== undefined && sameBars(earlier.bars, row.bars) ? earlier : row;
  });
}

export type WaveMark = { wave: number; start: number };

/** Where each wave is planned to begin; none for a plan without waves. */
export function waveMarks(tasks: readonly TaskView[], speed: number | null): WaveMark[] {
  const starts = new Map<number, number>();
  for (const task of tasks) {
    if (task.wave === null) continue;
    const start = wallSeconds(task.planned_start_seconds, speed);
    starts.set(task.wave, Math.min(starts.get(task.wave) ?? Infinity, start));
  }
  return [...starts].map(([wave, start]) => ({ wave, start })).toSorted((a, b) => a.wave - b.wave);
}
