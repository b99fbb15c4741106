// Questions that must be answered before a command goes on, and short messages in the corner.

import { create } from 'zustand';

import type { TextKey, TextValues } from '../i18n';
import type { ApiError, Notice } from '../platform/types';

export type Question = {
  title: TextKey;
  body: TextKey;
  values: TextValues;
  /** What the program said, in its own words. */
  detail: string;
  /** What it is about, line by line, as the commands that would be started. */
  lines?: readonly string[];
  confirm: TextKey;
  tone: 'plain' | 'danger';
};

export type Toast =
  | { id: number; kind: 'error'; error: ApiError }
  | { id: number; kind: 'notice'; notice: Notice; more: number }
  | { id: number; kind: 'done'; text: TextKey; values: TextValues };

type NewToast =
  | { kind: 'error'; error: ApiError }
  | { kind: 'done'; text: TextKey; values: TextValues };

type Dialogs = {
  question: Question | null;
  answer: ((agreed: boolean) => void) | null;
  toasts: Toast[];
};

const MOST_TOASTS = 4;
let nextToast = 0;

export const useDialogs = create<Dialogs>(() => ({ question: null, answer: null, toasts: [] }));

/** Resolves to whether the person agreed. A question that is still open counts as refused. */
export function ask(question: Question): Promise<boolean> {
  useDialogs.getState().answer?.(false);
  return new Promise((resolve) => useDialogs.setState({ question, answer: resolve }));
}

export function answerQuestion(agreed: boolean): void {
  const { answer } = useDialogs.getState();
  useDialogs.setState({ question: null, answer: null });
  answer?.(agreed);
}

function newId(): number {
  nextToast += 1;
  return nextToast;
}

export function showToast(toast: NewToast): void {
  useDialogs.setState((state) => ({ toasts: [...state.toasts, { ...toast, id: newId() }].slice(-MOST_TOASTS) }));
}

/** The newest notice alone; those before it are counted, as all of them lie in the inbox. */
export function showNotice(notice: Notice): void {
  useDialogs.setState(({ toasts }) => {
    const before = toasts.find((toast) => toast.kind === 'notice');
    const more = before === undefined ? 0 : before.more + 1;
    const others = toasts.filter((toast) => toast !== before);
    return { toasts: [...others, { kind: 'notice' as const, notice, more, id: newId() }].slice(-MOST_TOASTS) };
  });
}

/** The inbox is open, and shows them all. */
export function dropNotices(): void {
  useDialogs.setState((state) => ({ toasts: state.toasts.filter((toast) => toast.kind !== 'notice') }));
}

export function dropToast(id: number): void {
  useDialogs.setState((state) => ({ toasts: state.toasts.filter((toast) => toast.id !== id) }));
}
