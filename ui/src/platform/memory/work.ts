// Work on git, played in memory: trees, differences, a review, a conflict, an overlap, a verification.

import type { AttemptView, CheckResult, CommittedWork, FileChange, FilePatch, HandOver, InboxItem, KeptTree, KeptTrees, RunSnapshot, TaskDiff, TaskView, TestResult } from '../types';
import { permission } from './inbox';
import type { Simulation } from './simulation';

export type WorkScene = 'play' | 'review' | 'conflict' | 'verification' | 'passed' | 'overlap';
export const WORK_SCENES: readonly WorkScene[] = ['play', 'review', 'conflict', 'verification', 'passed', 'overlap'];

const RUN = '20261122-1534-level6';
const BASE = '5d2c9a04e1b7f3a86c0d2e4f6a8b0c1d3e5f7a90';

export const branchOf = (task: string, attempt: number): string => `miyabi/${RUN}/${task}/${attempt}`;

const ROUTING = `diff --git a/webapp_framework/routing/router.py b/webapp_framework/routing/router.py
index 3c1d9e0..8f2b4aa 100644
--- a/webapp_framework/routing/router.py
+++ b/webapp_framework/routing/router.py
@@ -1,14 +1,16 @@
 """Routes: which handler answers which path."""
 
 from __future__ import annotations
 
-import re
+import re
+from collections.abc import Callable
 from dataclasses import dataclass
 
 
 @dataclass(frozen=True)
 class Route:
-    """One path and its handler."""
+    """One path, its method and its handler."""
     path: str
+    method: str
     handler: Callable[..., object]
 
@@ -31,12 +33,15 @@ class Router:
         self._routes: list[Route] = []
 
-    def add(self, path: str, handler: Callable[..., object]) -> None:
-        self._routes.append(Route(path, handler))
+    def add(self, path: str, handler: Callable[..., object], method: str = "GET") -> None:
+        if any(route.path == path and route.method == method for route in self._routes):
+            raise ValueError(f"{method} {path} has a handler already")
+        self._routes.append(Route(path, method, handler))
 
-    def match(self, path: str) -> Route | None:
+    def match(self, path: str, method: str = "GET") -> Route | None:
         for route in self._routes:
-            if re.fullmatch(route.path, path):
+            if route.method == method and re.fullmatch(route.path, path):
                 return route
         return None
 
`;

const added = (path: string, lines: readonly string[]): string =>
  [`diff --git a/${path} b/${path}`, 'new file mode 100644', 'index 0000000..4b1c2d3', '--- /dev/null', `+++ b/${path}`, `@@ -0,0 +1,${lines.length} @@`, ...lines.map((line) => `+${line}`), ''].join('\n');

const TESTS = ['"""Routes are found by path and method."""', '', 'import pytest', '', 'from webapp_framework.routing.router import Router', '', '', 'def test_the_method_counts() -> None:', '    router = Router()', '    router.add("/users", lambda: "list")', '    assert router.match("/users", "POST") is None', '', '', 'def test_no_route_twice() -> None:', '    router = Router()', '    router.add("/users", lambda: "list")', '    with pytest.raises(ValueError):', '        router.add("/users", lambda: "again")'];
const LONG = Array.from({ length: 1200 }, (_, index) => `    ("route-${index}", "/parts/${index}/<name>", ${index % 7}),`);

const change = (path: string, kind: FileChange['kind'], plus: number, minus: number, rest: Partial<FileChange> = {}): FileChange => ({ path, from: null, kind, added: plus, removed: minus, binary: false, ...rest });

const FILES: FileChange[] = [
  change('docs/routing.md', 'renamed', 0, 0, { from: 'docs/routes.md' }),
  change('docs/routing.png', 'added', 0, 0, { binary: true }),
  change('tests/routing/test_router.py', 'added', TESTS.length, 0),
  change('webapp_framework/routing/compat.py', 'removed', 0, 3),
  change('webapp_framework/routing/router.py', 'modified', 12, 7),
  change('webapp_framework/routing/table.py', 'added', LONG.length, 0),
  change('webapp_framework/static/bundle.js', 'added', 48_210, 0),
];

const patchOf = (file: FileChange, text: string, leftOut: number | null = null): FilePatch => ({ path: file.path, kind: file.kind, text, left_out_bytes: leftOut });

const TEXTS: Record<string, string> = {
  'docs/routing.md': 'diff --git a/docs/routes.md b/docs/routing.md\nsimilarity index 100%\nrename from docs/routes.md\nrename to docs/routing.md\n',
  'tests/routing/test_router.py': added('tests/routing/test_router.py', TESTS),
  'webapp_framework/routing/compat.py':
    'diff --git a/webapp_framework/routing/compat.py b/webapp_framework/routing/compat.py\ndeleted file mode 100644\nindex 1a2b3c4..0000000\n--- a/webapp_framework/routing/compat.py\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-"""Names of before."""\n-\n-from .router import Router as URLMap\n',
  'webapp_framework/routing/router.py': ROUTING,
  'webapp_framework/routing/table.py': added('webapp_framework/routing/table.py', LONG),
};
const BUNDLE = 'webapp_framework/static/bundle.js';

export function workOf(task: string, attempt: number): CommittedWork {
  return { branch: branchOf(task, attempt), base: BASE, commit: '9e41f7c2d0a8b6e4f2c0a1b3d5e7f9081a2b3c4d', files: FILES };
}

export function diffOf(task: string, attempt: number, file: string | null): TaskDiff {
  const patches = FILES.map((one) => {
    if (one.path !== BUNDLE) return patchOf(one, TEXTS[one.path] ?? '');
    return file === BUNDLE ? patchOf(one, added(BUNDLE, ['export const app = 1;', 'export default app;'])) : patchOf(one, '', 1_840_220);
  });
  return { task, attempt, work: workOf(task, attempt), patches: file === null ? patches : patches.filter((patch) => patch.path === file) };
}

function tests(failing: number): TestResult[] {
  return Array.from({ length: 42 }, (_, index) => ({
    suite: `tests/${['routing', 'models', 'auth', 'views'][index % 4]}/test_rules.py`,
    name: `test_rule_${index + 1}`,
    outcome: index < failing ? ('failed' as const) : ('passed' as const),
    seconds: 0.004 + (index % 5) * 0.011,
    message: index < failing ? 'AssertionError: assert 201 == 200' : '',
  }));
}

const check = (name: string, run: string[], rest: Partial<CheckResult>): CheckResult => ({ name, run, passed: true, ended: 'exit code 0', millis: 840, tail: '', ...rest });

function checks(failing: number): CheckResult[] {
  return [
    check('Files', ['miyabi-count', 'files'], { number: 55, expected: '55' }),
    check('Lines', ['miyabi-count', 'lines'], { number: 2174, expected: '2,000 to 2,300' }),
    check('Type hints', ['python3', '-m', 'mypy', '--strict', 'webapp_framework'], { millis: 6120, tail: 'Success: no issues found in 41 source files' }),
    check('Tests', ['python3', '-m', 'pytest', '-q', '--junitxml=report.xml'], {
      passed: failing === 0,
      ended: failing === 0 ? 'exit code 0' : 'exit code 1',
      expected: '42 passed',
      millis: 9410,
      tail: failing === 0 ? '42 passed in 9.12s' : `FAILED tests/routing/test_rules.py::test_rule_1 - assert 201 == 200\n${failing} failed, ${42 - failing} passed in 9.12s`,
      tests: tests(failing),
    }),
  ];
}

const item = (kind: InboxItem['kind'], task: TaskView | null, what: string, at: string): InboxItem => ({ ...permission, id: `${kind}-${task?.id ?? 'run'}`, number: null, kind, at, agent: task?.agent ?? null, task: task?.id ?? null, tool: '', what, detail: '', blocks: 4, answers_at: null });

/** Each attempt gets its place on git, and what ended its commit. */
export function onGit(snapshot: RunSnapshot): void {
  const { run } = snapshot;
  run.git ??= {
    repository: '~/webapp_framework',
    base: BASE,
    base_branch: 'main',
    stashed: null,
    remote: 'https://github.com/miyabi/webapp_framework.git',
    api: null,
    result_branch: `miyabi/${RUN}/_result`,
    result: null,
    merges: [],
  };
  for (const task of snapshot.tasks) for (const attempt of task.attempts) giveTree(task, attempt);
}

function giveTree(task: TaskView, attempt: AttemptView): void {
  const ended = attempt.ended_at !== null;
  attempt.tree = { branch: branchOf(task.id, attempt.number), base: BASE, folder: `~/.local/state/miyabi/trees/${RUN}/${task.id}-${attempt.number}`, commit: ended ? workOf(task.id, attempt.number).commit : null };
  if (!ended) return;
  const plain = { missing: [], unchanged: [], changed: [], checks: [], problem: null };
  attempt.evidence = { ...(attempt.evidence ?? plain), work: workOf(task.id, attempt.number) };
}

function toReview(sim: Simulation): void {
  const { snapshot } = sim;
  const task = snapshot.tasks.find((one) => one.phase === 'running') ?? snapshot.tasks[0];
  const attempt = task?.attempts.at(-1);
  if (task === undefined || attempt === undefined) return;
  attempt.ended_at = snapshot.run.now;
  attempt.evidence = { missing: [], unchanged: [], changed: task.outputs, checks: [check('', ['python3', '-m', 'pytest', '-q', `tests/${task.module}`], { tail: '12 passed in 1.92s', millis: 2140, expected: '12 passed', tests: tests(0).slice(0, 12) })], problem: null };
  Object.assign(task, { phase: 'review', needs_approval: true, progress: 1, waiting: [] });
  giveTree(task, attempt);
  const agent = sim.agent(task.agent);
  if (agent !== undefined) Object.assign(agent, { task: null, status: 'IDLE', progress: 0 });
  snapshot.inbox.push(item('review', task, 'Its evidence holds: 12 of 12 tests, 7 files changed.', snapshot.run.now));
  sim.touch(task);
}

function withConflict(sim: Simulation): void {
  const { snapshot } = sim;
  const waits = snapshot.tasks.find((task) => task.needs.length > 1 && (task.phase === 'pending' || task.phase === 'ready'));
  if (waits === undefined) return;
  const [first = '', second = ''] = waits.needs;
  const merge: TaskView = {
    ...structuredClone(waits),
    id: `Merge-${waits.id}`,
    title: `Resolve what ${first} and ${second} contradict each other in`,
    kind: 'CCG',
    agent: 'CCG-2',
    planned_agent: 'CCG-2',
    needs: [first, second],
    phase: 'ready',
    status: 'READY',
    attempts: [],
    critical: false,
    waiting: [{ reason: 'approval' }],
    estimated_seconds: 600,
    position: { x: waits.position.x - 1.4, y: waits.position.y + 1.6 },
    conflict: { waits: waits.id, ours: branchOf(first, 1), theirs: branchOf(second, 1), files: ['webapp_framework/config.py', 'pyproject.toml'], by_person: true },
  };
  waits.needs = [...waits.needs.filter((need) => need !== first && need !== second), merge.id];
  waits.waiting = [{ reason: 'need', tasks: [merge.id] }];
  sim.touch(waits);
  sim.add(merge);
  snapshot.inbox.push(item('conflict', merge, `${first} and ${second} changed the same lines of webapp_framework/config.py and 1 more file`, snapshot.run.now));
  sim.notify('merge_conflict', merge, 'webapp_framework/config.py, pyproject.toml', 4);
}

function withOverlap(sim: Simulation): void {
  const [one, two] = sim.snapshot.tasks.filter((task) => task.phase === 'running');
  if (one === undefined || two === undefined) return;
  const files = ['pyproject.toml', 'webapp_framework/config.py'];
  one.overlaps = [{ task: two.id, files }];
  two.overlaps = [{ task: one.id, files }];
  sim.touch(one);
  sim.touch(two);
  sim.notify('overlap', one, `${two.id}: ${files.join(', ')}`, 0);
}

function withVerification(sim: Simulation, failing: number): void {
  const { snapshot } = sim;
  const { run } = snapshot;
  for (const task of snapshot.tasks) {
    Object.assign(task, { phase: 'completed', status: 'COMPLETED', progress: 1, waiting: [], completed_at: task.completed_at ?? run.now });
    for (const attempt of task.attempts) attempt.ended_at ??= run.now;
    sim.touch(task);
  }
  for (const agent of snapshot.agents) Object.assign(agent, { task: null, status: 'IDLE' });
  onGit(snapshot);
  if (run.git !== null) run.git.result = '0c8e2f41b6d94a7e35c1d0f2a4b6c8e0f1a3b5c7';
  Object.assign(run, { phase: failing === 0 ? 'completed' : 'failed', ended_at: run.now });
  run.verification = { state: failing === 0 ? 'passed' : 'failed', planned: ['Files', 'Lines', 'Type hints', 'Tests'], checks: checks(failing), problem: null, at: run.now };
  if (failing === 0) return;
  snapshot.inbox.push(item('verification', null, 'Tests: 40 of 42', run.now));
  sim.notify('verification_failed', null, 'Tests: 40 of 42', 0);
}

export function playWork(sim: Simulation, scene: WorkScene): void {
  onGit(sim.snapshot);
  sim.snapshot.run.verification ??= { state: 'waiting', planned: ['Files', 'Lines', 'Type hints', 'Tests'], checks: [], problem: null, at: null };
  if (scene === 'review') toReview(sim);
  if (scene === 'conflict') withConflict(sim);
  if (scene === 'overlap') withOverlap(sim);
  if (scene === 'verification') withVerification(sim, 2);
  if (scene === 'passed') withVerification(sim, 0);
}

export function verifiedAgain(sim: Simulation): void {
  sim.snapshot.inbox = sim.snapshot.inbox.filter((one) => one.kind !== 'verification');
  withVerification(sim, 0);
}

export function handOverOf(task: TaskView, host: string | null): HandOver {
  return {
    task: task.id,
    branch: branchOf(task.id, task.attempts.length),
    host,
    planned_kind: null,
    files: ['tests/routing/test_router.py', 'webapp_framework/routing/router.py'],
    text: `A person moves this task from ${task.agent} to another agent.\n\nWhat was said so far:\n  Keep the old names in compat.py for one release.\n\nThe last lines of the log:\n  58% ${task.module}: the router matches by method\n  running python3 -m pytest -q tests/${task.module}\n  1 failed, 11 passed in 1.92s`,
  };
}

const tree = (task: string, attempt: number, size: number, unmerged: string | null): KeptTree => ({ run_id: RUN, task, branch: branchOf(task, attempt), folder: `~/.local/state/miyabi/trees/${RUN}/${task}-${attempt}`, size_kib: size, unmerged, at: '2026-11-22T15:34:00Z' });

export function keptTrees(): KeptTrees {
  return {
    places: [
      { host: null, trees: [tree('Task-1', 1, 4_210, null), tree('Task-4', 1, 18_930, null)], problem: null },
      { host: 'MUGEN', trees: [tree('Task-2', 1, 220_140, null), tree('Task-7', 1, 96_020, '2 files are not committed')], problem: null },
      { host: 'MAJIN', trees: [], problem: 'MAJIN cannot be reached; its work trees are listed when it is back.' },
    ],
  };
}
