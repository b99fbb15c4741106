// Finding tasks by words and by phase.

import type { TaskPhase, TaskView } from '../platform/types';

/** Every word must stand in the task's id, title, module, agent or host, in any order. */
export function matchesText(task: TaskView, query: string): boolean {
  const text = `${task.id} ${task.title} ${task.module} ${task.agent} ${task.host ?? ''}`.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** An empty filter lets everything through. */
export function passesPhases(phase: TaskPhase, wanted: readonly TaskPhase[]): boolean {
  return wanted.length === 0 || wanted.includes(phase);
}
