// A rehearsal played in memory: a small stand-in for the backend, moved on by a clock that the
// caller owns. It knows needs, agents, capacity, one kind of failure and back-off, and no more.

import type { AgentView, AttemptView, Notice, NoticeKind, ReviewComment, RunPatch, RunSnapshot, TaskView, WaitReason } from '../types';
import { NOTHING_USED } from './level6';

export type Script = {
  speed: number;
  /** The first attempt of this task fails; it succeeds at the second. */
  stumbles: string | null;
  /** This task fails for good. */
  fails: string | null;
};

const CHECK_MILLIS = 900;
const BACK_OFF_MILLIS = 5000;
const FAIL_AT = 0.62;

const iso = (millis: number): string => new Date(millis).toISOString();
const AT_WORK = new Set(['preparing', 'offered', 'running', 'unverified', 'checking']);

export type LogLine = { agent: string | null; text: string };

export class Simulation {
  readonly snapshot: RunSnapshot;
  readonly #script: Script;
  readonly #changedTasks = new Set<string>();
  readonly #changedAgents = new Set<string>();
  readonly #started = new Map<string, number>();
  readonly #retryAt = new Map<string, number>();
  readonly #away = new Set<string>();
  readonly #tasks: Map<string, TaskView>;
  readonly #agents: ReadonlyMap<string, AgentView>;
  #fresh: Notice[] = [];
  #lines: LogLine[] = [];
  #now: number;

  constructor(snapshot: RunSnapshot, script: Script, nowMillis: number) {
    this.snapshot = snapshot;
    this.#script = script;
    this.#now = nowMillis;
    this.#tasks = new Map(snapshot.tasks.map((task) => [task.id, task]));
    this.#agents = new Map(snapshot.agents.map((agent) => [agent.id, agent]));
  }

  start(runId: string): void {
    const { run } = this.snapshot;
    Object.assign(run, { run_id: runId, phase: 'running', started_at: iso(this.#now), now: iso(this.#now) });
    run.rehearsal_speed = this.#script.speed;
    this.#say(null, `run ${runId} begins, ${run.total} tasks, ${this.snapshot.agents.length} agents`);
  }

  /** Moves the clock on and plays what happens until then. */
  advance(toMillis: number): void {
    while (this.#now < toMillis) {
      this.#now = Math.min(toMillis, this.#now + 250);
      this.#step();
    }
  }

  /** What changed since the last call; null when nothing did. */
  patch(): RunPatch | null {
    const run = { ...this.#summarise() };
    const tasks = this.snapshot.tasks.filter((task) => this.#changedTasks.has(task.id));
    const agents = this.snapshot.agents.filter((agent) => this.#changedAgents.has(agent.id));
    if (tasks.length + agents.length + this.#fresh.length === 0 && run.phase !== 'running') return null;
    this.snapshot.revision += 1;
    const patch = { revision: this.snapshot.revision, run, tasks, agents, hosts: this.snapshot.hosts, inbox: this.snapshot.inbox, notices: this.#fresh };
    this.#changedTasks.clear();
    this.#changedAgents.clear();
    this.#fresh = [];
    return structuredClone(patch);
  }

  takeLines(): LogLine[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  /** A task that was not in the plan. */
  add(task: TaskView): void {
    this.snapshot.tasks.push(task);
    this.#tasks.set(task.id, task);
    this.#changedTasks.add(task.id);
    this.snapshot.run.total = this.snapshot.tasks.length;
  }

  touch(task: TaskView): void {
    this.#changedTasks.add(task.id);
  }

  /** A person accepts its work. */
  accept(task: TaskView): void {
    this.#complete(task);
    this.#step();
  }

  sendBack(task: TaskView, comments: ReviewComment[]): void {
    this.#endAttempt(task, 'sent_back');
    const attempt = task.attempts.at(-1);
    if (attempt !== undefined) Object.assign(attempt, { cause: 'sent_back', comments });
    Object.assign(task, { phase: 'ready', status: 'READY', progress: 0, completed_at: null });
    this.#say(null, `${task.id} is sent back with ${comments.length} comments`);
    this.#step();
  }

  task(id: string): TaskView | undefined {
    return this.#tasks.get(id);
  }

  agent(id: string): AgentView | undefined {
    return this.#agents.get(id);
  }

  setPhase(phase: 'running' | 'paused' | 'cancelled'): void {
    this.snapshot.run.phase = phase;
    if (phase === 'cancelled') {
      this.snapshot.run.ended_at = iso(this.#now);
      for (const task of this.snapshot.tasks) if (task.phase !== 'completed') this.#take(task, 'cancelled');
    }
    for (const task of this.snapshot.tasks) this.#changedTasks.add(task.id);
    this.#explain();
  }

  cancelTask(task: TaskView): void {
    this.#take(task, 'cancelled');
    this.#explain();
  }

  retryTask(task: TaskView): void {
    Object.assign(task, { phase: 'ready', status: 'PENDING', error: null, progress: 0, completed_at: null });
    this.#changedTasks.add(task.id);
    if (this.snapshot.run.phase !== 'paused') this.snapshot.run.phase = 'running';
    this.snapshot.run.ended_at = null;
    this.#step();
  }

  reassign(task: TaskView, agent: AgentView): void {
    if (AT_WORK.has(task.phase)) {
      this.#endAttempt(task, 'reassigned');
      task.phase = 'ready';
      task.status = 'READY';
      task.progress = 0;
    }
    this.#say(null, `${task.id} moves from ${task.agent} to ${agent.id} by hand`);
    task.agent = agent.id;
    this.#changedTasks.add(task.id);
    this.#step();
  }

  /** Contact with a host is lost: nobody knows what its agents do. Answers how many tasks that are. */
  hold(host: string): number {
    const held = this.#atWorkOn(host).filter((task) => task.phase !== 'offered');
    for (const task of held) {
      task.phase = 'unverified';
      this.#changedTasks.add(task.id);
    }
    this.#away.add(host);
    this.#explain();
    return held.length;
  }

  /** The host is back: its agents went on in the meantime. */
  release(host: string): void {
    this.#away.delete(host);
    for (const task of this.#atWorkOn(host)) {
      task.phase = 'running';
      this.#changedTasks.add(task.id);
    }
    this.#step();
  }

  /** The host is given up: its tasks begin anew, elsewhere. Answers how many. */
  abandon(host: string): number {
    const lost = this.#atWorkOn(host);
    const left = this.snapshot.tasks.filter((task) => this.agent(task.agent)?.host === host && task.phase !== 'completed');
    for (const task of lost) {
      this.#endAttempt(task, 'host_lost');
      Object.assign(task, { phase: 'ready', status: 'READY', progress: 0 });
    }
    for (const task of left) {
      const others = this.snapshot.agents.filter((agent) => agent.kind === task.kind && agent.host !== host);
      task.agent = (others.find((agent) => agent.task === null) ?? others[0])?.id ?? task.agent;
      this.#changedTasks.add(task.id);
      this.#maybeStart(task);
    }
    this.#explain();
    return lost.length;
  }

  #atWorkOn(host: string): TaskView[] {
    return this.snapshot.tasks.filter((task) => AT_WORK.has(task.phase) && this.agent(task.agent)?.host === host);
  }

  notify(kind: NoticeKind, task: TaskView | null, detail: string, blocks: number): void {
    const id = this.snapshot.notices.length + 1;
    const notice = { id, at: iso(this.#now), kind, task: task?.id ?? null, agent: task?.agent ?? null, detail, blocks };
    this.snapshot.notices.push(notice);
    this.#fresh.push(notice);
  }

  #say(agent: string | null, text: string): void {
    this.#lines.push({ agent, text: `\u001b[2m${iso(this.#now).slice(11, 19)}\u001b[0m \u001b[35m[rehearsal]\u001b[0m ${text}` });
  }

  #step(): void {
    if (this.snapshot.run.phase !== 'running' && this.snapshot.run.phase !== 'paused') return;
    for (const task of this.snapshot.tasks) this.#moveTask(task);
    if (this.snapshot.run.phase === 'running') for (const task of this.snapshot.tasks) this.#maybeStart(task);
    this.#explain();
    this.#maybeEnd();
  }

  #moveTask(task: TaskView): void {
    if (task.phase === 'running') {
      const millis = this.#now - (this.#started.get(task.id) ?? this.#now);
      const before = task.progress;
      task.progress = Math.min(1, millis / ((task.estimated_seconds * 1000) / this.#script.speed));
      this.#work(task, before);
    } else if (task.phase === 'checking' && this.#now >= (this.#retryAt.get(task.id) ?? 0)) {
      this.#complete(task);
    } else if (task.phase === 'back_off' && this.#now >= (this.#retryAt.get(task.id) ?? 0)) {
      task.phase = 'ready';
      task.status = 'READY';
      this.#changedTasks.add(task.id);
    }
  }

  #work(task: TaskView, before: number): void {
    const agent = this.agent(task.agent);
    if (agent !== undefined) Object.assign(agent, { progress: task.progress, updated_at: iso(this.#now) });
    this.#changedTasks.add(task.id);
    this.#changedAgents.add(task.agent);
    if (Math.floor(before * 24) !== Math.floor(task.progress * 24)) {
      const percent = String(Math.round(task.progress * 100)).padStart(3);
      this.#say(task.agent, `${percent}% ${task.module}: would write ${task.outputs.join(', ')}`);
    }
    const stumbles = this.#script.stumbles === task.id && task.attempts.length === 1;
    if ((stumbles || this.#script.fails === task.id) && task.progress >= FAIL_AT) this.#fail(task);
    else if (task.progress >= 1) {
      task.phase = 'checking';
      this.#retryAt.set(task.id, this.#now + CHECK_MILLIS);
      this.#say(task.agent, `\u001b[36mclaims ${task.id} done\u001b[0m, looking for its evidence`);
    }
  }

  #maybeStart(task: TaskView): void {
    if (task.phase !== 'pending' && task.phase !== 'ready') return;
    if (task.needs.some((need) => this.task(need)?.phase !== 'completed')) return;
    if (task.phase === 'pending') {
      task.phase = 'ready';
      task.status = 'READY';
      this.#changedTasks.add(task.id);
    }
    const agent = this.agent(task.agent);
    const host = this.snapshot.hosts.find((one) => one.id === agent?.host);
    if (agent === undefined || agent.task !== null || host === undefined || host.running >= host.capacity) return;
    if (this.#away.has(host.id)) return;
    const attempt: AttemptView = {
      number: task.attempts.length + 1,
      agent: agent.id,
      host: host.id,
      assigned_at: iso(this.#now),
      started_at: iso(this.#now),
      ended_at: null,
      cause: null,
      error: null,
      output_files: [],
      evidence: null,
      session: null,
      model: null,
      usage: NOTHING_USED,
      tree: null,
      comments: [],
    };
    task.attempts.push(attempt);
    Object.assign(task, { phase: 'running', status: 'IN_PROGRESS', progress: 0, started_at: task.started_at ?? iso(this.#now) });
    Object.assign(agent, { task: task.id, status: 'IN_PROGRESS', progress: 0, updated_at: iso(this.#now) });
    host.running += 1;
    this.#started.set(task.id, this.#now);
    this.#changedAgents.add(agent.id);
    this.#changedTasks.add(task.id);
    this.#say(agent.id, `\u001b[1m${task.id}\u001b[0m ${task.title}, attempt ${attempt.number}, estimate ${task.estimated_seconds} s`);
    this.#say(null, `${task.id} -> ${agent.id}, attempt ${attempt.number}`);
  }

  #endAttempt(task: TaskView, cause: AttemptView['cause']): void {
    const attempt = task.attempts.at(-1);
    if (attempt !== undefined && attempt.ended_at === null) Object.assign(attempt, { ended_at: iso(this.#now), cause });
    const agent = this.agent(task.agent);
    const host = this.snapshot.hosts.find((one) => one.id === agent?.host);
    if (agent?.task === task.id) {
      Object.assign(agent, { task: null, status: 'IDLE', progress: 0 });
      if (host !== undefined) host.running -= 1;
    }
    this.#changedAgents.add(task.agent);
    this.#changedTasks.add(task.id);
  }

  #complete(task: TaskView): void {
    this.#endAttempt(task, null);
    Object.assign(task, { phase: 'completed', status: 'COMPLETED', progress: 1, completed_at: iso(this.#now) });
    this.#say(task.agent, `\u001b[32m${task.id} completed\u001b[0m (nothing was written: this is a rehearsal)`);
    this.#say(null, `${task.id} completed`);
  }

  #fail(task: TaskView): void {
    this.#endAttempt(task, 'acceptance_failed');
    const attempt = task.attempts.at(-1);
    const error = `acceptance command failed: python3 -m pytest -q tests/${task.module} (exit code 1)`;
    if (attempt !== undefined) {
      attempt.error = error;
      attempt.output_files = task.outputs;
      attempt.evidence = {
        missing: [],
        unchanged: [],
        changed: task.outputs,
        checks: [
          {
            run: ['python3', '-m', 'pytest', '-q', `tests/${task.module}`],
            passed: false,
            ended: 'exit code 1',
            millis: 2140,
            tail: `FAILED tests/${task.module}/test_rules.py::test_rejects_empty - AssertionError\n1 failed, 11 passed in 1.92s`,
          },
        ],
        problem: null,
      };
    }
    this.#say(task.agent, `\u001b[31m${error}\u001b[0m`);
    if (this.#script.fails === task.id) {
      this.#take(task, 'failed');
      task.error = error;
      this.notify('task_failed', task, error, 6);
      return;
    }
    Object.assign(task, { phase: 'back_off', status: 'PENDING', progress: 0 });
    this.#retryAt.set(task.id, this.#now + BACK_OFF_MILLIS);
    this.notify('attempt_failed', task, error, 6);
  }

  #take(task: TaskView, phase: 'failed' | 'cancelled'): void {
    if (AT_WORK.has(task.phase)) this.#endAttempt(task, 'cancelled');
    Object.assign(task, { phase, status: 'FAILED', completed_at: iso(this.#now), waiting: [] });
    this.#changedTasks.add(task.id);
  }

  #explain(): void {
    for (const task of this.snapshot.tasks) {
      const waiting = this.#reasons(task);
      if (JSON.stringify(waiting) !== JSON.stringify(task.waiting)) {
        task.waiting = waiting;
        this.#changedTasks.add(task.id);
      }
    }
  }

  #reasons(task: TaskView): WaitReason[] {
    if (task.phase === 'back_off') {
      const until = (this.#retryAt.get(task.id) ?? this.#now) / 1000;
      return [{ reason: 'back_off', until_seconds: until, attempt: task.attempts.length + 1 }];
    }
    if (task.phase !== 'pending' && task.phase !== 'ready') return [];
    const tasks = task.needs.filter((need) => this.task(need)?.phase !== 'completed');
    if (tasks.length > 0) return [{ reason: 'need', tasks }];
    if (this.snapshot.run.phase === 'paused') return [{ reason: 'pause' }];
    const agent = this.agent(task.agent);
    if (agent !== undefined && this.#away.has(agent.host)) return [{ reason: 'host', host: agent.host }];
    if (agent?.task !== null) return [{ reason: 'agent', agent: task.agent, task: agent?.task ?? null }];
    const host = this.snapshot.hosts.find((one) => one.id === agent.host);
    return [{ reason: 'capacity', host: agent.host, limit: host?.capacity ?? 0 }];
  }

  #maybeEnd(): void {
    const { run, tasks } = this.snapshot;
    if (tasks.every((task) => task.phase === 'completed')) {
      Object.assign(run, { phase: 'completed', ended_at: iso(this.#now) });
      this.notify('run_completed', null, '', 0);
      this.#say(null, 'run completed');
    } else if (tasks.some((task) => task.phase === 'failed') && !tasks.some((task) => this.#canGoOn(task))) {
      Object.assign(run, { phase: 'failed', ended_at: iso(this.#now) });
      this.notify('run_failed', null, '', 0);
    }
  }

  #canGoOn(task: TaskView): boolean {
    if (AT_WORK.has(task.phase) || task.phase === 'back_off') return true;
    return (task.phase === 'pending' || task.phase === 'ready') && task.needs.every((need) => this.task(need)?.phase === 'completed');
  }

  #summarise(): RunSnapshot['run'] {
    const { run, tasks } = this.snapshot;
    const total = tasks.reduce((sum, task) => sum + task.estimated_seconds, 0);
    const done = tasks.reduce((sum, task) => sum + task.estimated_seconds * task.progress, 0);
    return Object.assign(run, {
      now: iso(this.#now),
      progress: total === 0 ? 0 : done / total,
      completed: tasks.filter((task) => task.phase === 'completed').length,
      failed: tasks.filter((task) => task.phase === 'failed').length,
      running: tasks.filter((task) => AT_WORK.has(task.phase)).length,
    });
  }
}
