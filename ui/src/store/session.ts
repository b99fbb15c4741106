// One window: which screen it shows, and the run that it is connected to.

import { createStore } from 'zustand/vanilla';
import type { StoreApi } from 'zustand/vanilla';

import { millisOf } from '../model/time';
import { asApiError } from '../platform/platform';
import type { Platform } from '../platform/platform';
import type { ApiError, Event, StartOptions } from '../platform/types';
import { showNotice, showToast } from './dialogs';
import { applyPatch, fromSnapshot, mergeNotices } from './merge';
import { createRunStore } from './run';
import type { RunStore } from './run';
import { openInspector, resetView, selectTask, useView } from './view';

export type Screen =
  | { at: 'starting' }
  | { at: 'welcome' }
  | { at: 'review'; path: string; stateDir: string | null; rehearse: number | null }
  | { at: 'opening'; stateDir: string }
  | { at: 'run'; stateDir: string; store: RunStore }
  | { at: 'failed'; stateDir: string; error: ApiError };

export type Session = {
  platform: Platform;
  screen: StoreApi<Screen>;
  /** Shows what the program was started with. */
  boot: () => Promise<void>;
  welcome: () => void;
  review: (path: string) => void;
  open: (stateDir: string) => Promise<void>;
  /** Starts a run and opens it; rejects with an ApiError when it cannot be started. */
  start: (options: StartOptions) => Promise<void>;
  /** Stops listening. */
  end: () => void;
};

export const PLAIN_START: StartOptions = {
  plan: null,
  state_dir: null,
  rehearse: null,
  external: false,
  on_hosts: false,
  choice: { follow_waves: false, drop_conflicting_edges: false },
  new_run: false,
  resume: false,
  trust: false,
  stash: false,
};

/** Feeds a store with events, and fetches the whole run again when a patch was missed. */
class Feed {
  readonly #platform: Platform;
  readonly #store: RunStore;
  readonly #stateDir: string;
  #waiting: Event[] | null = null;

  constructor(platform: Platform, store: RunStore, stateDir: string) {
    this.#platform = platform;
    this.#store = store;
    this.#stateDir = stateDir;
  }

  take(event: Event): void {
    if (this.#waiting !== null) {
      this.#waiting.push(event);
      return;
    }
    const { data } = this.#store.getState();
    if (event.event === 'notice') {
      this.#store.setState({ data: { ...data, notices: mergeNotices(data.notices, [event.value]) } });
      if (useView.getState().overlay !== 'inbox') showNotice(event.value);
      return;
    }
    const merged = applyPatch(data, event.value);
    if (merged === 'gap') void this.fetch();
    else if (merged !== data) {
      this.#store.setState({ data: merged, clockOffset: millisOf(merged.run.now) - Date.now() });
    }
  }

  async fetch(): Promise<void> {
    if (this.#waiting !== null) return;
    this.#waiting = [];
    try {
      const snapshot = await this.#platform.openRun(this.#stateDir);
      const { topology } = this.#store.getState().data;
      this.#store.setState({
        data: fromSnapshot(snapshot, topology + 1),
        clockOffset: millisOf(snapshot.run.now) - Date.now(),
        backend: 'connected',
      });
    } catch (thrown) {
      this.#store.setState({ backend: 'lost' });
      showToast({ kind: 'error', error: asApiError(thrown) });
    }
    const missed = this.#waiting;
    this.#waiting = null;
    const { revision } = this.#store.getState().data;
    for (const event of missed) if (event.event === 'notice' || event.value.revision > revision) this.take(event);
  }
}

export function createSession(platform: Platform): Session {
  const screen = createStore<Screen>(() => ({ at: 'starting' }));
  let feed: Feed | null = null;

  /** Puts one screen in the place of another, whatever it held. */
  function show(next: Screen): void {
    screen.setState(next, true);
  }

  function leaveRun(): void {
    if (feed !== null) void platform.closeRun().catch(() => undefined);
    feed = null;
    resetView();
  }

  async function open(stateDir: string): Promise<void> {
    leaveRun();
    show({ at: 'opening', stateDir });
    try {
      const store = createRunStore(await platform.openRun(stateDir));
      feed = new Feed(platform, store, stateDir);
      show({ at: 'run', stateDir, store });
    } catch (thrown) {
      show({ at: 'failed', stateDir, error: asApiError(thrown) });
    }
  }

  async function start(options: StartOptions): Promise<void> {
    const started = await platform.startRun(options);
    await open(started.state_dir);
  }

  async function boot(): Promise<void> {
    const target = await platform.initialTarget();
    if (target.plan === null) {
      if (target.stateDir === null) show({ at: 'welcome' });
      else await open(target.stateDir);
      return;
    }
    const { plan, stateDir, rehearse } = target;
    const review: Screen = { at: 'review', path: plan, stateDir, rehearse };
    if (rehearse === null) {
      show(review);
      return;
    }
    try {
      await start({ ...PLAIN_START, plan, state_dir: stateDir, rehearse });
    } catch {
      // The review shows what stands in the way, in full.
      show(review);
    }
  }

  const stops = [
    platform.onRunEvent((event) => feed?.take(event)),
    platform.onBackendState((backend) => {
      const now = screen.getState();
      if (now.at !== 'run') return;
      if (backend === 'lost') now.store.setState({ backend });
      else void feed?.fetch();
    }),
    platform.onFocusTask((task) => {
      const now = screen.getState();
      if (now.at !== 'run') return;
      selectTask(task, now.store.getState().data.tasks[task]?.agent ?? null);
      openInspector(true);
    }),
  ];

  return {
    platform,
    screen,
    boot,
    welcome: () => {
      leaveRun();
      show({ at: 'welcome' });
    },
    review: (path) => {
      leaveRun();
      show({ at: 'review', path, stateDir: null, rehearse: null });
    },
    open,
    start,
    end: () => stops.forEach((stop) => stop()),
  };
}
