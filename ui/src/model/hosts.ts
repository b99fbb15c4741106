// What is known of a host, as keys and figures, so that each language can say it in its own order.

import { millisOf } from './time';
import type { AgentId, AgentView, HostContact, HostId, HostView, Load, TaskView } from '../platform/types';

/** From so many seconds on, a clock that goes differently is worth a word. */
const CLOCK_APART_SECONDS = 2;
/** With less disk than this free, its meter begins to fill. */
const DISK_AMPLE_MIB = 64 * 1024;

export type HostFigures = Pick<HostView, 'contact' | 'connected'>;

/** How contact stands. A backend that does not tell says at least whether the helper answers. */
export function contactOf(host: HostFigures): HostContact {
  return host.contact === 'unknown' && host.connected ? 'ready' : host.contact;
}

/** As a person sees it: a host that waits for an answer did not turn anybody away. */
export type ContactLook = HostContact | 'asks';

export function lookOf(host: Pick<HostView, 'contact' | 'connected' | 'question'>): ContactLook {
  const contact = contactOf(host);
  return host.question !== null && contact !== 'ready' ? 'asks' : contact;
}

/** What is done there is not known at this moment. */
export function isOutOfReach(contact: HostContact): boolean {
  return contact === 'reconnecting' || contact === 'refused' || contact === 'gone';
}

/** Contact was there and is not any more: what runs there can be given up. */
export function mayGiveUp(host: HostView): boolean {
  return host.transport !== 'local' && contactOf(host) !== 'gone' && isOutOfReach(contactOf(host));
}

/** Somebody may want to have it tried at once; not while it waits for an answer. */
export function mayTryNow(host: HostView): boolean {
  return isOutOfReach(contactOf(host)) && host.question === null;
}

/** Whole seconds to the next try; null when none is planned. */
export function secondsToNextTry(host: Pick<HostView, 'next_try_at'>, nowMillis: number): number | null {
  return host.next_try_at === null ? null : Math.max(0, Math.ceil((millisOf(host.next_try_at) - nowMillis) / 1000));
}

/** Whether the text about a host changes as time goes by. */
export function hostCountsDown(host: HostView): boolean {
  return host.next_try_at !== null;
}

export type MeterName = 'load' | 'memory' | 'disk';
export type Meter = { name: MeterName; /** From 0, all is free, to 1, nothing is. */ pressure: number };

function within(share: number): number {
  return Math.min(1, Math.max(0, share));
}

/** How near a host is to having nothing left, three ways. A figure of 0 means that it is not known. */
export function meters(load: Load): Meter[] {
  const memory = load.memory_total_mib === 0 ? 0 : 1 - load.memory_free_mib / load.memory_total_mib;
  const disk = load.disk_free_mib === 0 ? 0 : 1 - load.disk_free_mib / DISK_AMPLE_MIB;
  return [
    { name: 'load', pressure: within(load.load_1m / Math.max(1, load.cpus)) },
    { name: 'memory', pressure: within(memory) },
    { name: 'disk', pressure: within(disk) },
  ];
}

export type MeterTone = 'calm' | 'high' | 'full';

export function meterTone(pressure: number): MeterTone {
  if (pressure >= 0.95) return 'full';
  return pressure >= 0.8 ? 'high' : 'calm';
}

/** `850 MiB`, `12 GiB`, `1.4 TiB`. */
export function sizeText(mib: number): string {
  if (mib < 1024) return `${Math.round(mib)} MiB`;
  const gib = mib / 1024;
  if (gib >= 1024) return `${(gib / 1024).toFixed(1)} TiB`;
  return `${gib < 10 ? gib.toFixed(1) : Math.round(gib)} GiB`;
}

/** `0.4 ms`, `12 ms`, `1.2 s`. */
export function roundTripText(millis: number): string {
  if (millis >= 1000) return `${(millis / 1000).toFixed(1)} s`;
  return millis < 10 ? `${millis.toFixed(1)} ms` : `${Math.round(millis)} ms`;
}

export type ClockApart = { key: 'host.clock_ahead' | 'host.clock_behind'; seconds: number };

/** How a host's clock goes, where it goes so differently that it should be known. */
export function clockApart(host: Pick<HostView, 'clock_ahead_seconds'>): ClockApart | null {
  const ahead = host.clock_ahead_seconds;
  if (ahead === null || Math.abs(ahead) <= CLOCK_APART_SECONDS) return null;
  return { key: ahead > 0 ? 'host.clock_ahead' : 'host.clock_behind', seconds: Math.abs(ahead) };
}

/** The tasks whose agent is on the host, in the given order. */
export function tasksOn(host: HostId, tasks: readonly TaskView[], agents: Readonly<Record<AgentId, AgentView>>): TaskView[] {
  return tasks.filter((task) => agents[task.agent]?.host === host);
}

export type GiveUpCost = {
  /** The tasks that would begin anew. */
  tasks: TaskView[];
  /** The work that would be done twice, in seconds on the wall. */
  seconds: number;
  /** What that work cost; null where nobody says so. */
  usd: number | null;
};

/** What giving a host up would cost: the attempts there, up to this moment. */
export function giveUpCost(
  host: HostId,
  tasks: readonly TaskView[],
  agents: Readonly<Record<AgentId, AgentView>>,
  nowMillis: number,
): GiveUpCost {
  const lost = tasksOn(host, tasks, agents).filter((task) => task.phase === 'unverified');
  let seconds = 0;
  let usd: number | null = null;
  for (const task of lost) {
    const attempt = task.attempts.at(-1);
    if (attempt === undefined) continue;
    seconds += Math.max(0, (nowMillis - millisOf(attempt.started_at ?? attempt.assigned_at)) / 1000);
    if (attempt.usage.cost_usd !== null) usd = (usd ?? 0) + attempt.usage.cost_usd;
  }
  return { tasks: lost, seconds, usd };
}

/** Where the host itself keeps the public half of a key of this type, as the makers of `sshd` have it. */
export function hostKeyFile(type: string): string {
  const algorithm = /ed25519/.test(type) ? 'ed25519' : /ecdsa/.test(type) ? 'ecdsa' : /rsa/.test(type) ? 'rsa' : '*';
  return `/etc/ssh/ssh_host_${algorithm}_key.pub`;
}

/** A fingerprint in pieces that an eye can compare: `SHA256:` and then eight characters each. */
export function fingerprintPieces(fingerprint: string): { head: string; pieces: string[] } {
  const colon = fingerprint.indexOf(':');
  const head = colon < 0 ? '' : fingerprint.slice(0, colon + 1);
  return { head, pieces: fingerprint.slice(head.length).match(/.{1,8}/g) ?? [] };
}
