// The desktop shell: the one place that speaks to Tauri.
//
// A command's name is the method's name in snake_case. Logs come as raw bytes over an ipc channel:
// the first 8 bytes of a message are the offset in the file (u64, big-endian), the rest is the log.

import { Channel, invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';

import type { BackendState, InitialTarget, LogStream, Platform, Unsubscribe } from './platform';
import type { DoctorLine, Event, PlanView, RunSnapshot, RunSummary, Started } from './types';

const OFFSET_BYTES = 8;

/** Splits one message of the log channel into its offset and its bytes. */
export function splitLogMessage(message: ArrayBuffer): { offset: number; bytes: Uint8Array } {
  const offset = Number(new DataView(message).getBigUint64(0, false));
  return { offset, bytes: new Uint8Array(message, OFFSET_BYTES) };
}

/** Listeners that are not in place yet; a run is opened only after them, or its first events were lost. */
const arriving = new Set<Promise<unknown>>();

function subscribe<T>(name: string, callback: (payload: T) => void): Unsubscribe {
  let stopped = false;
  let stop: Unsubscribe | null = null;
  const listening = listen<T>(name, (message) => {
    if (!stopped) callback(message.payload);
  }).then((unlisten) => {
    arriving.delete(listening);
    if (stopped) unlisten();
    else stop = unlisten;
    return undefined;
  });
  arriving.add(listening);
  return () => {
    stopped = true;
    stop?.();
  };
}

async function openRun(stateDir: string): Promise<RunSnapshot> {
  await Promise.all(arriving);
  return invoke<RunSnapshot>('open_run', { stateDir });
}

async function followLog(
  agent: string | null,
  offset: number,
  onBytes: (bytes: Uint8Array, offset: number) => void,
): Promise<LogStream> {
  const channel = new Channel<ArrayBuffer>((message) => {
    const chunk = splitLogMessage(message);
    onBytes(chunk.bytes, chunk.offset);
  });
  const stream = await invoke<number>('follow_log', { agent, offset, channel });
  return {
    addCredit: (bytes) => void invoke('log_credit', { stream, bytes }).catch(() => undefined),
    close: () => void invoke('drop_log', { stream }).catch(() => undefined),
  };
}

export function tauriPlatform(): Platform {
  return {
    inspectPlan: (path, choice, rehearse, stateDir) =>
      invoke<PlanView>('inspect_plan', { path, choice, rehearse, stateDir }),
    startRun: (options) => invoke<Started>('start_run', { options }),
    listRuns: () => invoke<RunSummary[]>('list_runs'),
    openRun,
    closeRun: () => invoke('close_run'),
    onRunEvent: (callback) => subscribe<Event>('run-event', callback),
    onBackendState: (callback) => subscribe<BackendState>('backend-state', callback),
    pause: () => invoke('pause'),
    resume: () => invoke('resume'),
    cancelRun: () => invoke('cancel_run'),
    stopAll: () => invoke('stop_all'),
    cancelTask: (task) => invoke('cancel_task', { task }),
    retryTask: (task) => invoke('retry_task', { task }),
    reassign: (task, agent, stopRunning) => invoke('reassign', { task, agent, stopRunning }),
    followLog,
    doctor: () => invoke<DoctorLine[]>('doctor'),
    exportReport: (format) => invoke<string | null>('export_report', { format }),
    choosePlan: () => invoke<string | null>('choose_plan'),
    setNotifications: (enabled) => invoke('set_notifications', { enabled }),
    setLanguage: (language) => invoke('set_language', { language }),
    initialTarget: () => invoke<InitialTarget>('initial_target'),
    onFocusTask: (callback) => subscribe<string>('focus-task', callback),
  };
}
