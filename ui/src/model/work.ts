// What is said of work on git: counts, sizes, and which tests a table shows.

import type { CheckResult, CommittedWork, KeptTrees, TaskView, TestResult } from '../platform/types';

export type TestCounts = { passed: number; failed: number; skipped: number; total: number };

export function countTests(tests: readonly TestResult[]): TestCounts {
  const of = (outcome: TestResult['outcome']): number => tests.filter((test) => test.outcome === outcome).length;
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped'), total: tests.length };
}

/** Failed ones first, otherwise as they were told. */
export function orderTests(tests: readonly TestResult[]): TestResult[] {
  return tests.toSorted((a, b) => Number(b.outcome === 'failed') - Number(a.outcome === 'failed'));
}

/** What was found, beside what was expected. */
export function foundText(check: CheckResult): string {
  if (check.tests !== undefined && check.tests.length > 0) {
    const { passed, total } = countTests(check.tests);
    return `${passed} / ${total}`;
  }
  return typeof check.number === 'number' ? check.number.toLocaleString('en') : check.ended;
}

export function addedAndRemoved(work: CommittedWork): { added: number; removed: number } {
  return {
    added: work.files.reduce((sum, file) => sum + file.added, 0),
    removed: work.files.reduce((sum, file) => sum + file.removed, 0),
  };
}

export function kibText(kib: number): string {
  if (kib < 1024) return `${kib} KiB`;
  const mib = kib / 1024;
  return mib < 1024 ? `${mib.toFixed(1)} MiB` : `${(mib / 1024).toFixed(1)} GiB`;
}

/** The branches that may be removed: nothing is lost with them. */
export function removable(kept: KeptTrees): string[] {
  return kept.places.flatMap((place) => place.trees.filter((tree) => tree.unmerged === null && tree.branch !== '').map((tree) => tree.branch));
}

/** The last attempt that has something to look at; none where there is none. */
export function reviewedAttempt(task: TaskView): number | null {
  return task.attempts.findLast((attempt) => attempt.tree?.commit != null || attempt.evidence?.work != null)?.number ?? null;
}

/** Whether its work may be sent back; the program has the last word. */
export function maySendBack(task: TaskView): boolean {
  return task.phase === 'review' || task.phase === 'completed';
}

const q = (text: string): string => (/^[\w@%+=:,./~-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`);

/** What a person types to resolve a conflict, each word safe for a shell. */
export function conflictCommands(repository: string, ours: string, theirs: string, branch: string): string[] {
  return [`cd ${q(repository)}`, `git worktree add --detach ../${q(branch)} ${q(ours)}`, `cd ../${q(branch)}`, `git merge ${q(theirs)}`, 'git commit', 'git rev-parse HEAD'];
}
