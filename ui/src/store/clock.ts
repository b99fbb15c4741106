// The backend's clock as the window knows it. One timer serves everything that moves with time.

import { useSyncExternalStore } from 'react';
import { useStore } from 'zustand';

import { hasEnded } from '../model/phases';
import { millisOf } from '../model/time';
import { useRunStore } from './run';

const TICK_MILLIS = 250;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | null = null;
let moment = Date.now();

function tick(): void {
  moment = Date.now();
  for (const listener of listeners) listener();
}

function onTick(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, TICK_MILLIS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  };
}

const never = (): (() => void) => () => undefined;

/** Milliseconds since 1970 by the backend's clock; stands still when the run has ended or `moving` is false. */
export function useNow(moving = true): number {
  const store = useRunStore();
  const offset = useStore(store, (state) => state.clockOffset);
  const run = useStore(store, (state) => state.data.run);
  const past = useStore(store, (state) => state.past);
  const live = moving && !past && run.phase !== 'planned' && !hasEnded(run.phase);
  const local = useSyncExternalStore(live ? onTick : never, () => moment);
  return live ? Math.max(local + offset, millisOf(run.now)) : millisOf(run.ended_at ?? run.now);
}
