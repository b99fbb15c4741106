// Why a task waits, as a key and its values, so that each language can say it in its own order.

import { sizeText } from './hosts';
import type { TaskView, WaitReason } from '../platform/types';

export type WaitKey =
  | 'wait.need'
  | 'wait.agent'
  | 'wait.agent_busy'
  | 'wait.kind'
  | 'wait.host'
  | 'wait.capacity'
  | 'wait.capacity_run'
  | 'wait.room_memory'
  | 'wait.room_disk'
  | 'wait.budget'
  | 'wait.approval'
  | 'wait.account'
  | 'wait.back_off'
  | 'wait.wave'
  | 'wait.merge'
  | 'wait.hand_over'
  | 'wait.pause'
  | 'wait.ended';

export type WaitText = { key: WaitKey; values: Record<string, string | number>; tasks: string[] };

/** The reason as text, with the tasks that it leads to. */
export function waitText(reason: WaitReason, nowMillis: number): WaitText {
  switch (reason.reason) {
    case 'need':
      return { key: 'wait.need', values: { tasks: reason.tasks.join(', ') }, tasks: reason.tasks };
    case 'agent':
      return reason.task === null
        ? { key: 'wait.agent', values: { agent: reason.agent }, tasks: [] }
        : { key: 'wait.agent_busy', values: { agent: reason.agent, task: reason.task }, tasks: [reason.task] };
    case 'kind':
      return { key: 'wait.kind', values: { kind: reason.kind }, tasks: [] };
    case 'host':
      return { key: 'wait.host', values: { host: reason.host }, tasks: [] };
    case 'capacity':
      return reason.host === null
        ? { key: 'wait.capacity_run', values: { limit: reason.limit }, tasks: [] }
        : { key: 'wait.capacity', values: { host: reason.host, limit: reason.limit }, tasks: [] };
    case 'room': {
      const values = { host: reason.host, free: sizeText(reason.free_mib), wanted: sizeText(reason.wanted_mib) };
      return { key: `wait.room_${reason.of}`, values, tasks: [] };
    }
    case 'back_off': {
      const seconds = Math.max(0, Math.ceil(reason.until_seconds - nowMillis / 1000));
      return { key: 'wait.back_off', values: { seconds, attempt: reason.attempt }, tasks: [] };
    }
    case 'account': {
      const seconds = Math.max(0, Math.ceil(reason.until_seconds - nowMillis / 1000));
      return { key: 'wait.account', values: { seconds, account: reason.account }, tasks: [] };
    }
    case 'merge':
      return { key: 'wait.merge', values: { tasks: reason.tasks.join(', ') }, tasks: reason.tasks };
    case 'hand_over':
      return { key: 'wait.hand_over', values: { host: reason.host }, tasks: [] };
    case 'wave':
      return { key: 'wait.wave', values: { wave: reason.wave }, tasks: [] };
    default:
      return { key: `wait.${reason.reason}`, values: {}, tasks: [] };
  }
}

/** Whether the text of some reason changes as time goes by. */
export function countsDown(task: TaskView): boolean {
  return task.waiting.some((reason) => reason.reason === 'back_off' || reason.reason === 'account');
}
