// Comments that a person has written and not sent yet. They live as long as the window.

import { create } from 'zustand';

import type { ReviewComment, TaskId } from '../platform/types';

export type Draft = ReviewComment & { id: number };

const NONE: Draft[] = [];
let next = 0;

const useStore = create<{ drafts: Record<TaskId, Draft[]> }>(() => ({ drafts: {} }));

export function useDrafts(task: TaskId): Draft[] {
  return useStore((state) => state.drafts[task] ?? NONE);
}

function change(task: TaskId, drafts: (before: Draft[]) => Draft[]): void {
  useStore.setState((state) => ({ drafts: { ...state.drafts, [task]: drafts(state.drafts[task] ?? []) } }));
}

export function addDraft(task: TaskId, comment: ReviewComment): void {
  next += 1;
  const draft = { ...comment, id: next };
  change(task, (before) => [...before, draft]);
}

export function dropDraft(task: TaskId, id: number): void {
  change(task, (before) => before.filter((draft) => draft.id !== id));
}

export function dropDrafts(task: TaskId): void {
  change(task, () => []);
}
