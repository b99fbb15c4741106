// Moments of a run that are looked at again: which ones there are, and the one that is shown.

import { create } from 'zustand';

import { asApiError } from '../platform/platform';
import type { Platform } from '../platform/platform';
import type { Moment } from '../platform/types';
import { showToast } from './dialogs';
import { createRunStore } from './run';
import type { RunStore } from './run';

type Past = {
  open: boolean;
  moments: Moment[];
  /** The place in `moments` that the slider stands at. */
  at: number;
  /** The run as it stood then; none while it is being fetched for the first time. */
  shown: RunStore | null;
};

const CLOSED: Past = { open: false, moments: [], at: 0, shown: null };
/** A hand on the slider passes many moments; only where it rests is fetched. */
const REST_MILLIS = 120;
const MOST_KEPT = 48;

export const usePast = create<Past>(() => CLOSED);

const kept = new Map<number, RunStore>();
let resting: ReturnType<typeof setTimeout> | undefined;

/** Whether a moment of the past is being looked at, so that nothing may be told to the run. */
export function looksBack(): boolean {
  return usePast.getState().open;
}

async function fetchMoment(platform: Platform, seq: number): Promise<RunStore> {
  const known = kept.get(seq);
  if (known !== undefined) return known;
  const store = createRunStore(await platform.snapshotAt(seq), true);
  const [oldest] = kept.keys();
  if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest);
  kept.set(seq, store);
  return store;
}

async function show(platform: Platform): Promise<void> {
  const { moments, at } = usePast.getState();
  const moment = moments[at];
  if (moment === undefined) return;
  try {
    const shown = await fetchMoment(platform, moment.seq);
    const now = usePast.getState();
    // Another place may have been chosen in the meantime.
    if (now.open && now.moments[now.at]?.seq === moment.seq) usePast.setState({ shown });
  } catch (thrown) {
    showToast({ kind: 'error', error: asApiError(thrown) });
  }
}

export async function openPast(platform: Platform): Promise<void> {
  kept.clear();
  try {
    const moments = await platform.history();
    usePast.setState({ open: moments.length > 0, moments, at: Math.max(0, moments.length - 1), shown: null });
    await show(platform);
  } catch (thrown) {
    showToast({ kind: 'error', error: asApiError(thrown) });
  }
}

export function moveTo(platform: Platform, at: number): void {
  const { moments } = usePast.getState();
  usePast.setState({ at: Math.min(moments.length - 1, Math.max(0, at)) });
  clearTimeout(resting);
  resting = setTimeout(() => void show(platform), REST_MILLIS);
}

export function closePast(): void {
  clearTimeout(resting);
  kept.clear();
  usePast.setState(CLOSED);
}
