// What the phases of tasks and runs mean for what a person may do.

import type { RunPhase, TaskId, TaskPhase, TaskView } from '../platform/types';

/** In the order in which a person looks for them. */
export const TASK_PHASES: readonly TaskPhase[] = [
  'running',
  'unverified',
  'checking',
  'review',
  'preparing',
  'offered',
  'ready',
  'back_off',
  'pending',
  'completed',
  'failed',
  'cancelled',
];

const AT_WORK: ReadonlySet<TaskPhase> = new Set(['preparing', 'offered', 'running', 'unverified', 'checking']);
const OVER: ReadonlySet<TaskPhase> = new Set(['completed', 'failed', 'cancelled']);
const ENDED: ReadonlySet<RunPhase> = new Set(['completed', 'failed', 'stuck', 'cancelled']);

/** An agent has it at this moment, as far as one knows. */
export function isAtWork(phase: TaskPhase): boolean {
  return AT_WORK.has(phase);
}

/** Nothing will happen to it by itself. */
export function isOver(phase: TaskPhase): boolean {
  return OVER.has(phase);
}

/** Nothing will happen any more unless a person acts. */
export function hasEnded(phase: RunPhase): boolean {
  return ENDED.has(phase);
}

/** Work goes on that could be held back. */
export function mayPauseRun(phase: RunPhase): boolean {
  return phase === 'running';
}

/** Something is left to be given up. */
export function mayCancelRun(phase: RunPhase): boolean {
  return phase === 'running' || phase === 'paused' || phase === 'stuck';
}

/** The failed tasks of a run in which they can be tried again. */
export function retryableTasks(tasks: readonly TaskView[], run: RunPhase): TaskId[] {
  return tasks.filter((task) => task.phase === 'failed' && retryBlocker(task, run) === null).map((task) => task.id);
}

/** How many tasks stand in each phase; phases without one are left out. */
export function countPhases(tasks: readonly TaskView[]): Map<TaskPhase, number> {
  const counts = new Map<TaskPhase, number>();
  for (const task of tasks) counts.set(task.phase, (counts.get(task.phase) ?? 0) + 1);
  return counts;
}

/** Where a run stands, or that a moment of its past is being looked at. */
export type RunMoment = RunPhase | 'past';

export type Blocker =
  | 'blocker.past'
  | 'blocker.planned'
  | 'blocker.completed'
  | 'blocker.cancelled'
  | 'blocker.not_ended'
  | 'blocker.run_ended'
  | 'blocker.run_cancelled';

/** Why a task cannot be tried again; null when it can. */
export function retryBlocker(task: TaskView, run: RunMoment): Blocker | null {
  if (run === 'past') return 'blocker.past';
  if (run === 'planned') return 'blocker.planned';
  if (run === 'cancelled') return 'blocker.run_cancelled';
  if (task.phase === 'completed') return 'blocker.completed';
  return task.phase === 'failed' || task.phase === 'cancelled' ? null : 'blocker.not_ended';
}

/** Why a task cannot be cancelled; null when it can. */
export function cancelBlocker(task: TaskView, run: RunMoment): Blocker | null {
  if (run === 'past') return 'blocker.past';
  if (run === 'planned') return 'blocker.planned';
  if (task.phase === 'completed') return 'blocker.completed';
  if (task.phase === 'cancelled') return 'blocker.cancelled';
  return run === 'completed' || run === 'cancelled' ? 'blocker.run_ended' : null;
}

/** Why a task cannot be given to another agent at all; null when it can. */
export function reassignBlocker(task: TaskView, run: RunMoment): Blocker | null {
  if (run === 'past') return 'blocker.past';
  if (run === 'planned') return 'blocker.planned';
  if (run === 'completed' || run === 'cancelled') return 'blocker.run_ended';
  if (task.phase === 'completed') return 'blocker.completed';
  return task.phase === 'cancelled' ? 'blocker.cancelled' : null;
}
