import { describe, expect, it } from 'vitest';

import { level6 } from '../platform/memory/level6';
import type { AgentView, HostView, TaskView } from '../platform/types';
import { attemptPhase } from './bars';
import { clockApart, contactOf, fingerprintPieces, giveUpCost, hostKeyFile, lookOf, mayGiveUp, mayTryNow, meters, meterTone, roundTripText, secondsToNextTry, sizeText } from './hosts';
import { waitText } from './waiting';

const NOW = Date.parse('2026-11-22T15:34:00Z');
const plan = level6(NOW);
const byId = <T extends { id: string }>(items: readonly T[]): Record<string, T> => Object.fromEntries(items.map((item) => [item.id, item]));
const agents: Record<string, AgentView> = byId(plan.agents);

function host(change: Partial<HostView>): HostView {
  const [mugen] = plan.hosts;
  if (mugen === undefined) throw new Error('the fixture lost MUGEN');
  return { ...mugen, ...change };
}

function unverified(id: string, startedAgo: number, cost: number | null): TaskView {
  const task = byId(plan.tasks)[id];
  if (task === undefined) throw new Error(`the fixture lost ${id}`);
  const at = new Date(NOW - startedAgo * 1000).toISOString();
  const attempt = {
    number: 1, agent: task.agent, host: 'MUGEN', assigned_at: at, started_at: at, ended_at: null, cause: null, error: null,
    output_files: [], evidence: null, session: null, model: null, tree: null, comments: [], usage: { ...task.usage, cost_usd: cost },
  };
  return { ...task, phase: 'unverified', attempts: [attempt] };
}

describe('a host', () => {
  it('of a backend that does not tell stands as its helper answers', () => {
    expect(contactOf({ contact: 'unknown', connected: true })).toBe('ready');
    expect(contactOf({ contact: 'unknown', connected: false })).toBe('unknown');
    expect(contactOf({ contact: 'gone', connected: false })).toBe('gone');
  });

  it('that asks something is not shown as one that turned us away', () => {
    const question = { question: 'password', prompt: '' } as const;
    expect(lookOf(host({ contact: 'refused', question }))).toBe('asks');
    expect(lookOf(host({ contact: 'refused' }))).toBe('refused');
    expect(mayTryNow(host({ contact: 'refused', question }))).toBe(false);
  });

  it('can be given up while it is lost, and only then', () => {
    expect(mayGiveUp(host({ contact: 'reconnecting', connected: false }))).toBe(true);
    expect(mayGiveUp(host({ contact: 'probing' }))).toBe(false);
    expect(mayGiveUp(host({ contact: 'ready' }))).toBe(false);
    expect(mayGiveUp(host({ contact: 'gone', connected: false }))).toBe(false);
    expect(mayTryNow(host({ contact: 'gone', connected: false }))).toBe(true);
    expect(mayGiveUp(host({ contact: 'reconnecting', transport: 'local' }))).toBe(false);
  });

  it('counts down to its next try and not below', () => {
    const at = (seconds: number): HostView => host({ next_try_at: new Date(NOW + seconds * 1000).toISOString() });
    expect(secondsToNextTry(at(7.2), NOW)).toBe(8);
    expect(secondsToNextTry(at(-3), NOW)).toBe(0);
    expect(secondsToNextTry(host({ next_try_at: null }), NOW)).toBeNull();
  });

  it('has its clock mentioned only where it is far off', () => {
    expect(clockApart({ clock_ahead_seconds: null })).toBeNull();
    expect(clockApart({ clock_ahead_seconds: -2 })).toBeNull();
    expect(clockApart({ clock_ahead_seconds: 600 })).toEqual({ key: 'host.clock_ahead', seconds: 600 });
    expect(clockApart({ clock_ahead_seconds: -2.5 })).toEqual({ key: 'host.clock_behind', seconds: 2.5 });
  });

  it('is measured by what it has left, and what is not known counts as plenty', () => {
    const load = { load_1m: 24, cpus: 16, memory_total_mib: 1000, memory_free_mib: 150, disk_free_mib: 0 };
    expect(meters(load).map((meter) => meter.pressure)).toEqual([1, 0.85, 0]);
    expect(meters({ ...load, memory_total_mib: 0, disk_free_mib: 16 * 1024 }).map((meter) => meter.pressure)).toEqual([1, 0, 0.75]);
    expect([0.5, 0.85, 0.99].map(meterTone)).toEqual(['calm', 'high', 'full']);
  });

  it('says its figures in few digits', () => {
    expect([850, 3200, 39_800, 1_500_000].map(sizeText)).toEqual(['850 MiB', '3.1 GiB', '39 GiB', '1.4 TiB']);
    expect([0.42, 11.6, 1240].map(roundTripText)).toEqual(['0.4 ms', '12 ms', '1.2 s']);
  });

  it('costs what its open attempts took, and money only where somebody counts it', () => {
    const tasks = [unverified('Task-2', 60, 1.25), unverified('Task-3', 30, null), unverified('Task-7', 500, 9)];
    expect(giveUpCost('MUGEN', tasks, agents, NOW)).toMatchObject({ seconds: 90, usd: 1.25 });
    expect(giveUpCost('MUGEN', tasks, agents, NOW).tasks.map((task) => task.id)).toEqual(['Task-2', 'Task-3']);
    expect(giveUpCost('MUGEN', [unverified('Task-3', 30, null)], agents, NOW).usd).toBeNull();
    expect(giveUpCost('local', tasks, agents, NOW)).toEqual({ tasks: [], seconds: 0, usd: null });
  });

  it('that was given up leaves an attempt that did not fail', () => {
    const attempt = unverified('Task-2', 60, null).attempts[0];
    if (attempt === undefined) throw new Error('the fixture lost its attempt');
    const ended = { ...attempt, ended_at: new Date(NOW).toISOString() };
    expect(attemptPhase({ ...ended, cause: 'host_lost' }, 'running')).toBe('unverified');
    expect(attemptPhase({ ...ended, cause: 'crashed' }, 'running')).toBe('failed');
  });

  it('with too little room is a reason to wait, with both figures', () => {
    const reason = { reason: 'room', host: 'MUGEN', of: 'memory', free_mib: 212, wanted_mib: 1024 } as const;
    expect(waitText(reason, NOW)).toEqual({ key: 'wait.room_memory', values: { host: 'MUGEN', free: '212 MiB', wanted: '1.0 GiB' }, tasks: [] });
  });
});

describe('a fingerprint', () => {
  it('is cut for the eye and loses nothing', () => {
    const whole = 'SHA256:uNiVztksCsDhcc0u9e8BrYHXNPNI2RIYGCI+sg5FJkM';
    const { head, pieces } = fingerprintPieces(whole);
    expect(head + pieces.join('')).toBe(whole);
    expect(pieces.slice(0, 2)).toEqual(['uNiVztks', 'CsDhcc0u']);
    expect(fingerprintPieces('abc')).toEqual({ head: '', pieces: ['abc'] });
  });

  it('is compared with the file of its own type, whatever the host calls the type', () => {
    expect(hostKeyFile('ssh-ed25519')).toBe('/etc/ssh/ssh_host_ed25519_key.pub');
    expect(hostKeyFile('rsa-sha2-512')).toBe('/etc/ssh/ssh_host_rsa_key.pub');
    expect(hostKeyFile('; rm -rf /')).toBe('/etc/ssh/ssh_host_*_key.pub');
  });
});
