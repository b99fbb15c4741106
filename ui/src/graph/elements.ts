// Nodes and edges as React Flow wants them. Made anew only when the graph's shape changes.

import { Position } from '@xyflow/react';
import type { Edge, Node, NodeHandle, ReactFlowState } from '@xyflow/react';

import { corner, graphScale, NODE_HEIGHT, NODE_WIDTH } from '../model/layout';
import type { TaskId, TaskView } from '../platform/types';

export type TaskFlowNode = Node<{ flow: 'right' | 'down' }, 'task'>;

/** The size is fixed, so that no node ever has to be measured before it, or an edge of it, is drawn. */
const SIZE = { width: NODE_WIDTH, height: NODE_HEIGHT };
const DOT = { width: 1, height: 1 };

/** Where edges end and begin, known beforehand as the size is. */
const HANDLES: Record<'right' | 'down', NodeHandle[]> = {
  right: [
    { ...DOT, type: 'target', position: Position.Left, x: -0.5, y: NODE_HEIGHT / 2 - 0.5 },
    { ...DOT, type: 'source', position: Position.Right, x: NODE_WIDTH - 0.5, y: NODE_HEIGHT / 2 - 0.5 },
  ],
  down: [
    { ...DOT, type: 'target', position: Position.Top, x: NODE_WIDTH / 2 - 0.5, y: -0.5 },
    { ...DOT, type: 'source', position: Position.Bottom, x: NODE_WIDTH / 2 - 0.5, y: NODE_HEIGHT - 0.5 },
  ],
};

/** From so many tasks on, only those in sight are in the page: a smaller graph is drawn whole, always. */
const DRAWN_WHOLE = 150;

export function drawsOnlyWhatIsInSight(tasks: number): boolean {
  return tasks > DRAWN_WHOLE;
}

export function graphNodes(tasks: readonly TaskView[]): TaskFlowNode[] {
  const scale = graphScale(tasks);
  return tasks.map((task) => ({
    id: task.id,
    type: 'task',
    position: corner(task.position, scale),
    data: { flow: scale.flow },
    ...SIZE,
    measured: SIZE,
    handles: HANDLES[scale.flow],
    focusable: false,
    // React Flow takes the pointer away from nodes that it may neither move nor select itself.
    style: { pointerEvents: 'all' },
  }));
}

/** Below this zoom nobody can read a card: a task is a coloured field, which costs little. */
const READABLE_ZOOM = 0.32;
/** So many edges may be drawn at any zoom. */
const FEW_EDGES = 400;

/** Whether the graph is near enough for its words. */
export function isReadable(state: Pick<ReactFlowState, 'transform'>): boolean {
  return state.transform[2] >= READABLE_ZOOM;
}

/** From afar only the edges that say something: the critical path and those of the selection. */
export function edgesWorthDrawing(edges: readonly Edge[], readable: boolean): Edge[] {
  if (readable || edges.length <= FEW_EDGES) return [...edges];
  return edges.filter((edge) => (edge.zIndex ?? 0) > 0);
}

/** The edges; those of the selected task stand out, the others step back. */
export function graphEdges(tasks: readonly TaskView[], selected: TaskId | null): Edge[] {
  const critical = new Set(tasks.filter((task) => task.critical).map((task) => task.id));
  const anything = selected !== null && tasks.some((task) => task.id === selected);
  return tasks.flatMap((task) =>
    task.needs.map((need) => {
      const linked = anything && (need === selected || task.id === selected);
      const onPath = critical.has(need) && critical.has(task.id);
      const classes = [onPath ? 'critical' : '', linked ? 'linked' : '', anything && !linked ? 'faded' : ''];
      return {
        id: `${need}>${task.id}`,
        source: need,
        target: task.id,
        className: classes.join(' '),
        focusable: false,
        selectable: false,
        // Nothing happens at an edge, so there is no broad invisible line around it to be painted.
        interactionWidth: 0,
        zIndex: linked ? 2 : Number(onPath),
      };
    }),
  );
}
