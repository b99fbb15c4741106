// The keys that work anywhere in a run.

import { useEffect } from 'react';

import { stepIn } from '../model/graph';
import { reassignBlocker } from '../model/phases';
import { reviewedAttempt } from '../model/work';
import { useCommands } from '../store/context';
import type { Commands } from '../store/commands';
import { looksBack } from '../store/past';
import { useRunStore } from '../store/run';
import type { RunStore } from '../store/run';
import { openInspector, openReassignMenu, openReview, selectHost, selectTask, showOverlay, toggleMaximised, typeInto, useView } from '../store/view';

function select(store: RunStore, task: string | null | undefined): void {
  if (task === null || task === undefined) return;
  selectTask(task, store.getState().data.tasks[task]?.agent ?? null);
}

function step(store: RunStore, by: 1 | -1): void {
  select(store, stepIn(store.getState().data.taskIds, useView.getState().selectedTask, by));
}

function along(store: RunStore, direction: 'needs' | 'dependents'): void {
  const { data } = store.getState();
  const from = useView.getState().selectedTask;
  if (from === null) return;
  select(store, direction === 'needs' ? data.tasks[from]?.needs[0] : data.dependents[from]?.[0]);
}

/** From host to host, and after the last one back to none. */
function nextHost(store: RunStore): void {
  const { hostIds } = store.getState().data;
  const at = useView.getState().selectedHost;
  selectHost(hostIds[at === null ? 0 : hostIds.indexOf(at) + 1] ?? null);
}

function openTerminal(): void {
  if (useView.getState().selectedAgent !== null) typeInto(true);
}

function openReassign(store: RunStore): void {
  const { data } = store.getState();
  const task = data.tasks[useView.getState().selectedTask ?? ''];
  if (task !== undefined && reassignBlocker(task, looksBack() ? 'past' : data.run.phase) === null) openReassignMenu(true);
}

function review(store: RunStore): void {
  const task = store.getState().data.tasks[useView.getState().selectedTask ?? ''];
  if (task !== undefined && reviewedAttempt(task) !== null) openReview(null);
}

function togglePause(store: RunStore, commands: Commands): void {
  const { phase } = store.getState().data.run;
  if (phase === 'paused') void commands.resume();
  else if (phase === 'running') void commands.pause();
}

/** What a key does; whether it did anything. */
function act(key: string, store: RunStore, commands: Commands): boolean {
  switch (key) {
    case 'j':
    case 'ArrowDown':
      step(store, 1);
      return true;
    case 'k':
    case 'ArrowUp':
      step(store, -1);
      return true;
    case 'ArrowLeft':
      along(store, 'needs');
      return true;
    case 'ArrowRight':
      along(store, 'dependents');
      return true;
    case 'Enter':
      openInspector(true);
      return true;
    case 'Escape':
      selectTask(null);
      return true;
    case 'h':
      nextHost(store);
      return true;
    case 't':
      openTerminal();
      return true;
    case 'r':
      openReassign(store);
      return true;
    case 'p':
      togglePause(store, commands);
      return true;
    case 'f':
      document.querySelector<HTMLElement>('[data-graph-fit]')?.click();
      return true;
    case '1':
      toggleMaximised('graph');
      return true;
    case '2':
      toggleMaximised('timeline');
      return true;
    case '3':
      toggleMaximised('logs');
      return true;
    case 'i':
      showOverlay('inbox');
      return true;
    case 'e':
      showOverlay('export');
      return true;
    case 'v':
      review(store);
      return true;
    case '?':
      showOverlay('keys');
      return true;
    default:
      return false;
  }
}

const FIELDS = 'input, textarea, select, [contenteditable], [role="menu"], [role="dialog"], [role="alertdialog"]';
/** Where Enter and arrows have a meaning of their own. */
const HOLDERS = 'button, a, [role="separator"]';

function isTaken(event: KeyboardEvent): boolean {
  const target = event.target instanceof Element ? event.target : null;
  if (target === null) return false;
  if (target.closest(FIELDS) !== null) return true;
  if (event.key === 'Enter') return target.closest(HOLDERS) !== null && target.closest('[data-task-id]') === null;
  return event.key.startsWith('Arrow') && target.closest('[role="separator"], [role="radiogroup"], [role="group"] [role="radio"]') !== null;
}

export function useKeys(): void {
  const store = useRunStore();
  const commands = useCommands();
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      // A terminal that is typed into has every key, Ctrl-K too.
      if (event.target instanceof Element && event.target.closest('[data-live-terminal]') !== null) return;
      if (event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        showOverlay(useView.getState().overlay === 'palette' ? null : 'palette');
        return;
      }
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTaken(event)) return;
      if (act(event.key, store, commands)) event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [store, commands]);
}
