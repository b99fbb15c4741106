// From the graph's places (middles of nodes, in node heights) to pixels.

import type { Point, TaskView } from '../platform/types';

export const NODE_WIDTH = 144;
export const NODE_HEIGHT = 88;
const COLUMN_GAP = 30;
const ROW_GAP = 14;

export type Scale = { x: number; y: number; flow: 'right' | 'down' };

type Placed = Pick<TaskView, 'id' | 'needs' | 'position'>;

function smallestGap(values: Iterable<number>): number {
  const sorted = [...new Set(values)].toSorted((a, b) => a - b);
  let gap = Infinity;
  for (let index = 1; index < sorted.length; index += 1) {
    const step = (sorted[index] ?? 0) - (sorted[index - 1] ?? 0);
    if (step > 0.01) gap = Math.min(gap, step);
  }
  return gap;
}

/** The smallest gap between neighbours that share a column (`across` equal). */
function smallestGapWithin(tasks: readonly Placed[], across: 'x' | 'y', along: 'x' | 'y'): number {
  const lanes = new Map<number, number[]>();
  for (const { position } of tasks) {
    const lane = Math.round(position[across] * 100);
    lanes.set(lane, [...(lanes.get(lane) ?? []), position[along]]);
  }
  return Math.min(Infinity, ...[...lanes.values()].map(smallestGap));
}

function flowOf(tasks: readonly Placed[]): 'right' | 'down' {
  const places = new Map(tasks.map((task) => [task.id, task.position]));
  let right = 0;
  let down = 0;
  for (const task of tasks) {
    for (const need of task.needs) {
      const from = places.get(need);
      if (from === undefined) continue;
      right += Math.abs(task.position.x - from.x);
      down += Math.abs(task.position.y - from.y);
    }
  }
  return down > right ? 'down' : 'right';
}

/** Pixels a unit: a node height, or more where nodes would otherwise overlap. */
export function graphScale(tasks: readonly Placed[]): Scale {
  const flow = flowOf(tasks);
  const columnGap = flow === 'right' ? smallestGap(tasks.map((task) => task.position.x)) : smallestGapWithin(tasks, 'y', 'x');
  const rowGap = flow === 'right' ? smallestGapWithin(tasks, 'x', 'y') : smallestGap(tasks.map((task) => task.position.y));
  const width = NODE_WIDTH + (flow === 'right' ? COLUMN_GAP : ROW_GAP);
  const height = NODE_HEIGHT + (flow === 'right' ? ROW_GAP : COLUMN_GAP);
  return {
    x: Number.isFinite(columnGap) ? width / columnGap : NODE_HEIGHT,
    y: Number.isFinite(rowGap) ? height / rowGap : NODE_HEIGHT,
    flow,
  };
}

/** The top left corner of a node, in pixels. */
export function corner(position: Point, scale: Scale): Point {
  return { x: position.x * scale.x - NODE_WIDTH / 2, y: position.y * scale.y - NODE_HEIGHT / 2 };
}
