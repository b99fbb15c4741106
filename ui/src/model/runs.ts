// The order of the list of runs.

import { millisOf } from './time';
import type { RunSummary } from '../platform/types';

/** Those whose backend is at work first, then the newest. */
export function orderRuns(runs: readonly RunSummary[]): RunSummary[] {
  return runs.toSorted((a, b) => Number(b.alive) - Number(a.alive) || millisOf(b.created_at) - millisOf(a.created_at));
}
