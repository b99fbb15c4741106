// One run, or a plan drawn as one: the store that graph, timeline, logs and inspector read.

import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import { useShallow } from 'zustand/shallow';
import { createStore } from 'zustand/vanilla';
import type { StoreApi } from 'zustand/vanilla';

import type { RunMoment } from '../model/phases';
import { millisOf } from '../model/time';
import { fromSnapshot } from './merge';
import type { RunData } from './merge';
import type { AgentView, BackendState, HostView, RunSnapshot, TaskId, TaskView } from '../platform/types';

export type RunState = {
  data: RunData;
  /** Milliseconds to add to this machine's clock to get the backend's. */
  clockOffset: number;
  backend: BackendState;
  /** A moment that is over: it can be looked at, and nothing more. */
  past: boolean;
};

export type RunStore = StoreApi<RunState>;

export function createRunStore(snapshot: RunSnapshot, past = false): RunStore {
  return createStore<RunState>(() => ({
    data: fromSnapshot(snapshot),
    clockOffset: millisOf(snapshot.run.now) - Date.now(),
    backend: 'connected',
    past,
  }));
}

const RunContext = createContext<RunStore | null>(null);
export const RunScope = RunContext.Provider;

export function useRunStore(): RunStore {
  const store = useContext(RunContext);
  if (store === null) throw new Error('a view of a run stands outside of a RunScope');
  return store;
}

/** Part of the run; the component is drawn again only when this part is another one. */
export function useRun<T>(select: (data: RunData) => T): T {
  return useStore(useRunStore(), (state) => select(state.data));
}

/** The same for arrays and objects made anew by `select`, compared entry by entry. */
export function useRunShallow<T>(select: (data: RunData) => T): T {
  return useStore(
    useRunStore(),
    useShallow((state: RunState) => select(state.data)),
  );
}

/** Where the run stands, as far as commands go: nothing can be told to the past. */
export function useRunMoment(): RunMoment {
  return useStore(useRunStore(), (state) => (state.past ? 'past' : state.data.run.phase));
}

export function useTask(id: TaskId | null): TaskView | undefined {
  return useRun((data) => (id === null ? undefined : data.tasks[id]));
}

/** All tasks in the plan's order. */
export function useTasks(): TaskView[] {
  return useRunShallow((data) => data.taskIds.flatMap((id) => data.tasks[id] ?? []));
}

/** All hosts in the plan's order. */
export function useHosts(): HostView[] {
  return useRunShallow((data) => data.hostIds.flatMap((id) => data.hosts[id] ?? []));
}

/** All agents in the plan's order. */
export function useAgents(): AgentView[] {
  return useRunShallow((data) => data.agentIds.flatMap((id) => data.agents[id] ?? []));
}
