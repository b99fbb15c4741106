// A platform without a program behind it: for a plain browser, for tests and for designing.

import { HOST_SCENES, HostPlay, testHost } from './hosts';
import type { HostScene } from './hosts';
import { asRealRun } from './inbox';
import { level6 } from './level6';
import { Recorder } from './recorder';
import { diffOf, handOverOf, keptTrees, onGit, playWork, verifiedAgain, WORK_SCENES } from './work';
import type { WorkScene } from './work';
import { planView, pastRuns, doctorLines } from './plans';
import { Simulation } from './simulation';
import { synthetic } from './synthetic';
import { echoTerminal } from './terminal';
import type { LogStream, Platform } from '../platform';
import type { ApiError, BackendState, ErrorCode, Event, InitialTarget, RunSnapshot, TaskView } from '../types';

export type MemoryOptions = {
  target: InitialTarget;
  speed: number;
  /** Play so many seconds before the first look. */
  skipSeconds: number;
  stumbles: string | null;
  fails: string | null;
  /** How many tasks; the Level 6 plan when null. */
  tasks: number | null;
  /** Whether the plan is full of mistakes. */
  broken: boolean;
  /** Whether the run looks like one of agents with a model behind them. */
  real: boolean;
  /** What happens to the hosts; null leaves them ready. */
  hosts: HostScene | null;
  /** What happens to the work on git; null for a run without git. */
  work: WorkScene | null;
  /** How often the clock moves by itself, in milliseconds; 0 leaves it to the caller. */
  tickMillis: number;
};

export type MemoryPlatform = Platform & {
  /** Moves the run on by so many milliseconds and tells everybody. */
  advance: (millis: number) => void;
  simulation: () => Simulation | null;
  hosts: () => HostPlay | null;
  emit: (event: Event) => void;
  setBackend: (state: BackendState) => void;
};

export const MEMORY_DEFAULTS: MemoryOptions = {
  target: { plan: null, stateDir: null, rehearse: null },
  speed: 60,
  skipSeconds: 0,
  stumbles: 'Task-7',
  fails: null,
  tasks: null,
  broken: false,
  real: false,
  hosts: null,
  work: null,
  tickMillis: 250,
};

/** Reads `?memory&plan=…&state=…&rehearse=60&at=45&tasks=1000&fails=Task-7&broken&real&hosts=lost&work=review`. */
export function memoryOptionsFrom(query: URLSearchParams): MemoryOptions {
  const number = (name: string): number | null => (query.has(name) ? Number(query.get(name)) : null);
  const fails = query.get('fails');
  return {
    ...MEMORY_DEFAULTS,
    target: { plan: query.get('plan'), stateDir: query.get('state'), rehearse: number('rehearse') },
    skipSeconds: number('at') ?? 0,
    speed: number('speed') ?? MEMORY_DEFAULTS.speed,
    tasks: number('tasks'),
    fails,
    stumbles: fails === null ? MEMORY_DEFAULTS.stumbles : null,
    broken: query.has('broken'),
    real: query.has('real'),
    work: WORK_SCENES.find((scene) => scene === (query.get('work') || 'play') && query.has('work')) ?? null,
    hosts: HOST_SCENES.find((scene) => scene === (query.get('hosts') || 'play') && query.has('hosts')) ?? null,
  };
}

function refuse(code: ErrorCode, message: string, hints: string[] = []): Promise<never> {
  const error: ApiError = { code, message, hints, findings: [] };
  return Promise.reject(Object.assign(new Error(message), error));
}

class LogBook {
  readonly #texts = new Map<string, string>();
  readonly #followers = new Map<string, Set<(bytes: Uint8Array, offset: number) => void>>();

  append(agent: string | null, line: string): void {
    const key = agent ?? '';
    const text = `${line}\r\n`;
    const before = this.#texts.get(key) ?? '';
    this.#texts.set(key, before + text);
    for (const follower of this.#followers.get(key) ?? []) follower(new TextEncoder().encode(text), before.length);
  }

  follow(agent: string | null, onBytes: (bytes: Uint8Array, offset: number) => void): LogStream {
    const key = agent ?? '';
    const followers = this.#followers.get(key) ?? new Set();
    this.#followers.set(key, followers.add(onBytes));
    const text = this.#texts.get(key) ?? '';
    if (text !== '') onBytes(new TextEncoder().encode(text), 0);
    return { addCredit: () => undefined, close: () => void followers.delete(onBytes) };
  }
}

export function memoryPlatform(options: Partial<MemoryOptions> = {}): MemoryPlatform {
  const settings = { ...MEMORY_DEFAULTS, ...options };
  const runListeners = new Set<(event: Event) => void>();
  const backendListeners = new Set<(state: BackendState) => void>();
  const logs = new LogBook();
  let recorder = new Recorder();
  let kept = keptTrees();
  let simulation: Simulation | null = null;
  let hosts: HostPlay | null = null;
  let timer: ReturnType<typeof setInterval> | null = null;
  let clock = Date.now();

  const plan = (): RunSnapshot => (settings.tasks === null ? level6(clock) : synthetic(settings.tasks, clock));
  const emit = (event: Event): void => runListeners.forEach((listener) => listener(event));

  function tell(): void {
    if (simulation === null) return;
    for (const line of simulation.takeLines()) logs.append(line.agent, line.text);
    if (settings.work !== null) onGit(simulation.snapshot);
    const patch = simulation.patch();
    recorder.note(simulation.snapshot);
    if (patch === null) return;
    emit({ event: 'changed', value: patch });
    for (const notice of patch.notices) emit({ event: 'notice', value: notice });
  }

  function advance(millis: number): void {
    clock += millis;
    simulation?.advance(clock);
    hosts?.advance(clock);
    tell();
  }

  function begin(speed: number): Simulation {
    clock = Date.now() - settings.skipSeconds * 1000;
    const { stumbles, fails } = settings;
    simulation = new Simulation(plan(), { speed, stumbles, fails }, clock);
    simulation.start('20261122-1534-level6');
    recorder = new Recorder();
    recorder.note(simulation.snapshot);
    for (const end = Date.now(); clock < end; ) {
      clock = Math.min(end, clock + 1000);
      simulation.advance(clock);
      simulation.snapshot.run.now = new Date(clock).toISOString();
      recorder.note(simulation.snapshot);
    }
    clock = Date.now();
    tell();
    if (settings.real) asRealRun(simulation.snapshot);
    if (settings.work !== null) playWork(simulation, settings.work);
    hosts = settings.hosts === null ? null : new HostPlay(simulation, settings.hosts, clock);
    tell();
    if (timer === null && settings.tickMillis > 0) {
      timer = setInterval(() => advance(Date.now() - clock), settings.tickMillis);
    }
    return simulation;
  }

  function onTask(id: string, act: (task: TaskView, played: Simulation) => Promise<void> | undefined): Promise<void> {
    const task = simulation?.task(id);
    if (simulation === null || task === undefined) return refuse('bad_input', `there is no task ${id}`);
    const answer = act(task, simulation) ?? Promise.resolve();
    tell();
    return answer;
  }

  function onRun(phase: 'running' | 'paused' | 'cancelled'): Promise<void> {
    if (simulation === null) return refuse('no_run', 'no run is open');
    simulation.setPhase(phase);
    tell();
    return Promise.resolve();
  }

  function onInbox(number: number): Promise<void> {
    if (simulation === null) return refuse('no_run', 'no run is open');
    const { inbox } = simulation.snapshot;
    if (!inbox.some((item) => item.number === number)) return refuse('bad_input', `nothing with the number ${number} waits`);
    simulation.snapshot.inbox = inbox.filter((item) => item.number !== number);
    tell();
    return Promise.resolve();
  }

  function onHost(id: string, act: (played: HostPlay) => void): Promise<void> {
    if (hosts === null || simulation?.snapshot.hosts.every((host) => host.id !== id)) return refuse('bad_input', `there is no lost host ${id}`);
    act(hosts);
    tell();
    return Promise.resolve();
  }

  return {
    advance,
    emit,
    simulation: () => simulation,
    hosts: () => hosts,
    setBackend: (state) => backendListeners.forEach((listener) => listener(state)),

    inspectPlan: (path, choice, rehearse) => Promise.resolve(planView(path, choice, rehearse, plan(), settings.broken)),
    startRun: (start) => {
      begin(start.rehearse ?? settings.speed);
      const run = simulation?.snapshot.run;
      return Promise.resolve({ run_id: run?.run_id ?? '', state_dir: run?.state_dir ?? '', session: run?.session ?? '' });
    },
    listRuns: () => Promise.resolve(pastRuns(Date.now())),
    openRun: () => Promise.resolve(structuredClone((simulation ?? begin(settings.speed)).snapshot)),
    closeRun: () => Promise.resolve(),
    onRunEvent: (callback) => {
      runListeners.add(callback);
      return () => runListeners.delete(callback);
    },
    onBackendState: (callback) => {
      backendListeners.add(callback);
      return () => backendListeners.delete(callback);
    },

    pause: () => onRun('paused'),
    resume: () => onRun('running'),
    cancelRun: () => onRun('cancelled'),
    stopAll: () => {
      if (timer !== null) clearInterval(timer);
      timer = null;
      return Promise.resolve();
    },
    cancelTask: (id) => onTask(id, (task, played) => void played.cancelTask(task)),
    retryTask: (id) => onTask(id, (task, played) => void played.retryTask(task)),
    reassign: (id, agentId, stopRunning, acrossKinds) =>
      onTask(id, (task, played) => {
        const agent = played.agent(agentId);
        if (agent === undefined) return refuse('bad_input', `there is no agent ${agentId}`);
        if (agent.kind !== task.kind && !acrossKinds) return refuse('bad_input', `${id} is planned for an agent of kind ${task.kind}; ${agentId} is of kind ${agent.kind}`);
        if (!stopRunning && ['offered', 'running', 'checking'].includes(task.phase)) {
          return refuse('needs_confirmation', `${id} is running on ${task.agent}; its attempt would be stopped`);
        }
        played.reassign(task, agent);
        return undefined;
      }),

    handOver: (id) => {
      const task = simulation?.task(id);
      return task === undefined ? refuse('bad_input', `there is no task ${id}`) : Promise.resolve(handOverOf(task, task.attempts.at(-1)?.host ?? null));
    },
    taskDiff: (id, attempt, file) => {
      const task = simulation?.task(id);
      return task === undefined ? refuse('bad_input', `there is no task ${id}`) : Promise.resolve(diffOf(id, attempt ?? task.attempts.length, file));
    },
    accept: (id) =>
      onTask(id, (task, played) => {
        if (task.phase !== 'review') return refuse('conflict', `${id} does not wait for a person`);
        played.snapshot.inbox = played.snapshot.inbox.filter((item) => item.task !== id);
        played.accept(task);
        return undefined;
      }),
    sendBack: (id, comments) =>
      onTask(id, (task, played) => {
        if (played.snapshot.tasks.some((one) => one.needs.includes(id) && one.attempts.length > 0)) {
          return refuse('conflict', `${id} cannot be sent back: tasks that need it have begun`, ['retry those tasks first']);
        }
        played.snapshot.inbox = played.snapshot.inbox.filter((item) => item.task !== id);
        played.sendBack(task, comments);
        return undefined;
      }),
    takeCommit: (id, revision) =>
      onTask(id, (task, played) => {
        if (task.conflict === null) return refuse('bad_input', `${id} is no merge task`);
        if (revision === 'nothing') return refuse('bad_input', `there is no commit ${revision} in the repository`);
        played.snapshot.inbox = played.snapshot.inbox.filter((item) => item.task !== id);
        played.accept(task);
        return undefined;
      }),
    verifyAgain: () => {
      if (simulation === null) return refuse('no_run', 'no run is open');
      verifiedAgain(simulation);
      tell();
      return Promise.resolve();
    },
    history: () => Promise.resolve(recorder.moments()),
    snapshotAt: (seq) => {
      const snapshot = recorder.at(seq);
      return snapshot === undefined ? refuse('bad_input', `there is no moment ${seq}`) : Promise.resolve(snapshot);
    },
    keptTrees: () => Promise.resolve(structuredClone(kept)),
    removeTrees: (branches) => {
      kept = { places: kept.places.map((place) => ({ ...place, trees: place.trees.filter((tree) => !branches.includes(tree.branch)) })) };
      return Promise.resolve(structuredClone(kept));
    },
    openPullRequest: () => Promise.resolve({ number: 17, url: 'https://github.com/miyabi/webapp_framework/pull/17' }),

    answer: (number) => onInbox(number),
    raiseBudget: (number) => onInbox(number),
    say: (agent, text) => {
      logs.append(agent, `\u001b[33m> ${text}\u001b[0m`);
      return Promise.resolve();
    },
    answerHost: (id, answer) => onHost(id, (played) => played.answer(id, answer, clock)),
    giveUpHost: (id) => onHost(id, (played) => played.giveUp(id, clock)),
    sshNames: () => Promise.resolve(['bastion', 'build-arm', 'github.com', 'majin', 'mugen', 'mugen-jp']),
    testHost: (test) => Promise.resolve(testHost(test)),
    addHost: (path) => Promise.resolve(`${path}/agent_config.json`),
    promptPlan: () => Promise.resolve('examples/level6'),
    goalPlan: () => Promise.resolve('examples/level6'),

    followLog: (agent, _offset, onBytes) => Promise.resolve(logs.follow(agent, onBytes)),
    openTerminal: (agent, _size, listener) => Promise.resolve(echoTerminal(agent, simulation?.agent(agent)?.host ?? '', listener)),
    doctor: () => Promise.resolve(doctorLines()),
    exportReport: (format) => Promise.resolve(`~/level6-report.${format === 'markdown' ? 'md' : format}`),
    chooseFolder: () => Promise.resolve('~/webapp_framework'),
    choosePlan: () => Promise.resolve('examples/level6'),
    setNotifications: () => Promise.resolve(),
    setLanguage: () => Promise.resolve(),
    initialTarget: () => Promise.resolve(settings.target),
    onFocusTask: () => () => undefined,
  };
}
