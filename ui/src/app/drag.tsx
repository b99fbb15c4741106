// Dragging a task onto an agent, by pointer events on the window alone. What a patch draws anew or
// takes away while the hand moves does not matter: where the hand lets go, the page itself is asked.

import { useLayoutEffect, useRef } from 'react';
import type { PointerEvent as ReactPointerEvent, ReactNode } from 'react';
import { create } from 'zustand';

import { StateIcon } from '../design/StateIcon';
import { useText } from '../i18n';
import { crossesKinds, targetRefusal } from '../model/reassign';
import { useCommands } from '../store/context';
import { useRun, useRunStore, useTask } from '../store/run';
import type { AgentId, TaskId } from '../platform/types';

/** So far a hand moves, in pixels, before a press counts as a drag. */
const SLACK = 6;
const GHOST_OFFSET = 14;
const EDGE = 28;
const SCROLL_STEP = 10;

type Point = { x: number; y: number };
type Drag = { task: TaskId | null; over: AgentId | null; drop: ((task: TaskId, agent: AgentId) => void) | null };

export const useDrag = create<Drag>(() => ({ task: null, over: null, drop: null }));

/** Where the hand is; kept out of the store, as nothing but the ghost follows every step. */
let hand: Point = { x: 0, y: 0 };
let moveGhost: (() => void) | null = null;

function agentAt({ x, y }: Point): AgentId | null {
  const place = document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-drop]');
  return place?.dataset['agentId'] ?? null;
}

/** Rows beyond the edge of a list come nearer while the hand rests there. */
function scrollAt({ x, y }: Point): void {
  const list = document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-drag-scroll]');
  if (list === null || list === undefined) return;
  const { top, bottom } = list.getBoundingClientRect();
  if (y < top + EDGE) list.scrollBy(0, -SCROLL_STEP);
  else if (y > bottom - EDGE) list.scrollBy(0, SCROLL_STEP);
}

function swallow(event: MouseEvent): void {
  event.stopPropagation();
  event.preventDefault();
}

/** The click that follows a drop was not meant as one. */
function swallowClick(): void {
  addEventListener('click', swallow, { capture: true, once: true });
  setTimeout(() => removeEventListener('click', swallow, { capture: true }), 0);
}

function isDragging(): boolean {
  return useDrag.getState().task !== null;
}

function follow(task: TaskId, start: Point, pointer: number): void {
  const stop = new AbortController();
  const options = { capture: true, signal: stop.signal };
  let scrolling: ReturnType<typeof setInterval> | undefined;
  const end = (): void => {
    stop.abort();
    clearInterval(scrolling);
    useDrag.setState({ task: null, over: null });
  };
  const at = (event: PointerEvent): void => {
    hand = { x: event.clientX, y: event.clientY };
    if (!isDragging()) {
      if (Math.hypot(hand.x - start.x, hand.y - start.y) < SLACK) return;
      useDrag.setState({ task });
      scrolling = setInterval(() => scrollAt(hand), 40);
    }
    moveGhost?.();
    const over = agentAt(hand);
    if (useDrag.getState().over !== over) useDrag.setState({ over });
  };
  addEventListener('pointermove', (event) => (event.pointerId === pointer ? at(event) : undefined), options);
  addEventListener(
    'pointerup',
    (event) => {
      if (event.pointerId !== pointer) return;
      // A hand that was quicker than the page may come without a single move before.
      at(event);
      const { over, drop } = useDrag.getState();
      const dropped = isDragging();
      end();
      if (!dropped) return;
      swallowClick();
      if (over !== null) drop?.(task, over);
    },
    options,
  );
  addEventListener('pointercancel', end, options);
  addEventListener('blur', end, { signal: stop.signal });
  addEventListener(
    'keydown',
    (event) => {
      if (event.key !== 'Escape' || !isDragging()) return;
      event.stopPropagation();
      end();
    },
    options,
  );
}

/** Makes an element something that a task is dragged by. */
export function onTaskPress(task: TaskId): (event: ReactPointerEvent) => void {
  return (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    follow(task, { x: event.clientX, y: event.clientY }, event.pointerId);
  };
}

function Ghost() {
  const t = useText();
  const task = useTask(useDrag((drag) => drag.task));
  const frame = useRef<HTMLDivElement>(null);
  const shown = task !== undefined;
  useLayoutEffect(() => {
    if (!shown) return undefined;
    // Beside the pointer, so that it never hides what it would be dropped on.
    moveGhost = () => {
      if (frame.current === null) return;
      frame.current.style.transform = `translate(${hand.x + GHOST_OFFSET}px, ${hand.y + GHOST_OFFSET}px)`;
    };
    moveGhost();
    document.documentElement.dataset['dragging'] = '';
    return () => {
      moveGhost = null;
      delete document.documentElement.dataset['dragging'];
    };
  }, [shown]);
  if (task === undefined) return null;
  return (
    <div
      ref={frame}
      data-testid="drag-ghost"
      data-task-id={task.id}
      className="pointer-events-none fixed top-0 left-0 z-60 flex w-max items-center gap-1.5 rounded-md border border-accent bg-raised px-2 py-1 shadow-float"
    >
      <StateIcon phase={task.phase} />
      <span className="text-xs font-semibold tabular">{task.id}</span>
      <span className="text-2xs text-ink-3">{t('drag.hint', { kind: task.kind })}</span>
    </div>
  );
}

export type DropState = 'idle' | 'allowed' | 'crossing' | 'over' | 'refused';

/** Makes an agent a place to drop a task on. */
export function useAgentDrop(agent: AgentId): { place: { 'data-drop': DropState }; state: DropState } {
  const dragged = useDrag((drag) => drag.task);
  const over = useDrag((drag) => drag.over === agent);
  const state = useRun((data): DropState => {
    if (dragged === null) return 'idle';
    const task = data.tasks[dragged];
    const target = data.agents[agent];
    if (task === undefined || target === undefined || targetRefusal(task, target) !== null) return 'refused';
    if (over) return 'over';
    return crossesKinds(task, target) ? 'crossing' : 'allowed';
  });
  return { place: { 'data-drop': state }, state };
}

export const DROP_LOOK: Record<DropState, string> = {
  idle: '',
  allowed: 'bg-accent-soft/60',
  crossing: 'opacity-75',
  over: 'bg-accent-soft ring-2 ring-inset ring-accent',
  refused: 'opacity-40',
};

export function DragScope({ children }: { children: ReactNode }) {
  const store = useRunStore();
  const commands = useCommands();
  useLayoutEffect(() => {
    const drop = (id: TaskId, to: AgentId): void => {
      const { data } = store.getState();
      const task = data.tasks[id];
      const agent = data.agents[to];
      if (task !== undefined && agent !== undefined && targetRefusal(task, agent) === null) void commands.reassign(task, agent);
    };
    useDrag.setState({ drop });
    return () => useDrag.setState({ task: null, over: null, drop: null });
  }, [store, commands]);
  return (
    <>
      {children}
      <Ghost />
    </>
  );
}
