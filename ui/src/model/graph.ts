// Who depends on whom, and how a selection walks over the graph.

import type { TaskId, TaskView } from '../platform/types';

/** For each task, those that need it. */
export function dependentsOf(tasks: readonly TaskView[]): Record<TaskId, TaskId[]> {
  const dependents: Record<TaskId, TaskId[]> = {};
  for (const task of tasks) dependents[task.id] ??= [];
  for (const task of tasks) {
    for (const need of task.needs) (dependents[need] ??= []).push(task.id);
  }
  return dependents;
}

/** How many tasks cannot start before this one has ended well, near and far. */
export function countBehind(task: TaskId, dependents: Readonly<Record<TaskId, readonly TaskId[]>>): number {
  const seen = new Set<TaskId>();
  const open = [task];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const dependent of dependents[next] ?? []) {
      if (!seen.has(dependent)) {
        seen.add(dependent);
        open.push(dependent);
      }
    }
  }
  return seen.size;
}

/** The neighbour in a list; from nothing, the first or the last. */
export function stepIn(ids: readonly TaskId[], from: TaskId | null, by: 1 | -1): TaskId | null {
  if (ids.length === 0) return null;
  const at = from === null ? -1 : ids.indexOf(from);
  if (at === -1) return (by === 1 ? ids[0] : ids.at(-1)) ?? null;
  return ids[Math.min(ids.length - 1, Math.max(0, at + by))] ?? null;
}

/** Whether two sets of tasks have the same needs and places, so that a graph need not be laid out again. */
export function sameTopology(a: readonly TaskView[], b: readonly TaskView[]): boolean {
  return (
    a.length === b.length &&
    a.every((task, index) => {
      const other = b[index];
      return (
        other !== undefined &&
        task.id === other.id &&
        task.position.x === other.position.x &&
        task.position.y === other.position.y &&
        task.critical === other.critical &&
        task.needs.join(' ') === other.needs.join(' ')
      );
    })
  );
}
