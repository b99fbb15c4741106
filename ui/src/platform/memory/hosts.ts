// Hosts played in memory: one is lost and comes back, one asks something, one is given up.

import type { DoctorLine, HostAnswer, HostQuestion, HostTest, HostView, InboxItem, TestHost } from '../types';
import type { Simulation } from './simulation';

/** What to play with MUGEN and MAJIN. */
export type HostScene = 'play' | 'lost' | 'failover' | 'probing' | 'asks' | 'password' | 'gone' | 'refused';

export const HOST_SCENES: readonly HostScene[] = ['play', 'lost', 'failover', 'probing', 'asks', 'password', 'gone', 'refused'];

export const UNKNOWN_KEY: HostQuestion = {
  question: 'unknown_key',
  fingerprint: 'SHA256:uNiVztksCsDhcc0u9e8BrYHXNPNI2RIYGCI+sg5FJkM',
  key_type: 'ssh-ed25519',
  kept_as: 'majin.example.com in ~/.ssh/known_hosts',
};
export const LOCKED_KEY: HostQuestion = { question: 'passphrase', key: '~/.ssh/id_ed25519' };
const PASSWORD: HostQuestion = { question: 'password', prompt: "ec2-user@majin.example.com's password:" };

const LOST_AFTER_MILLIS = 20_000;
const BACK_AFTER_MILLIS = 26_000;
const FAILOVER_MILLIS = 600_000;

const iso = (millis: number): string => new Date(millis).toISOString();

function item(kind: 'host_lost' | 'host_question', host: string, at: number, blocks: number, answersAt: number | null): InboxItem {
  return {
    id: `${kind === 'host_lost' ? 'lost' : 'question'}-${host}`,
    number: null,
    kind,
    at: iso(at),
    agent: null,
    task: null,
    host,
    tool: '',
    what: '',
    detail: '',
    blocks,
    answers_at: answersAt === null ? null : iso(answersAt),
    spent_usd: null,
    limit_usd: null,
  };
}

/** Moves the hosts of a simulation along a scene. */
export class HostPlay {
  readonly #played: Simulation;
  readonly #scene: HostScene;
  readonly #began: number;
  #lostAt = new Map<string, number>();
  #tries = 0;

  constructor(played: Simulation, scene: HostScene, nowMillis: number) {
    this.#played = played;
    this.#scene = scene;
    this.#began = nowMillis;
    if (scene === 'asks') this.#ask('MAJIN', UNKNOWN_KEY, nowMillis);
    if (scene === 'password') this.#ask('MAJIN', PASSWORD, nowMillis);
    if (scene === 'refused') {
      this.#stand('MAJIN', { contact: 'refused', connected: false, contact_since: iso(nowMillis - 95_000), load: null, round_trip_ms: null });
      this.#host('MAJIN').problem =
        'its key has changed: ~/.ssh/known_hosts, line 14, holds another one. If the host was set up anew, take the old key out by: ssh-keygen -R majin.example.com';
    }
    if (scene === 'probing') this.#stand('MAJIN', { contact: 'probing', contact_since: iso(nowMillis - 4000) });
    if (scene === 'lost' || scene === 'failover' || scene === 'gone') this.lose('MUGEN', nowMillis - 37_000);
    if (scene === 'gone') this.giveUp('MUGEN', nowMillis);
  }

  #host(id: string): HostView {
    const host = this.#played.snapshot.hosts.find((one) => one.id === id);
    if (host === undefined) throw new Error(`there is no host ${id}`);
    return host;
  }

  #stand(id: string, change: Partial<HostView>): void {
    Object.assign(this.#host(id), change);
  }

  #drop(id: string): void {
    const { snapshot } = this.#played;
    snapshot.inbox = snapshot.inbox.filter((one) => one.host !== id);
  }

  #ask(id: string, question: HostQuestion, now: number): void {
    this.#stand(id, { contact: 'refused', connected: false, contact_since: iso(now - 41_000), question, load: null, round_trip_ms: null });
    this.#played.snapshot.inbox.push(item('host_question', id, now - 41_000, 9, null));
  }

  lose(id: string, at: number): void {
    this.#lostAt.set(id, at);
    this.#tries = 0;
    const unverified = this.#played.hold(id);
    this.#stand(id, { contact: 'reconnecting', connected: false, contact_since: iso(at), next_try_at: null, unverified, load: null, round_trip_ms: null });
    this.#drop(id);
    const answers = this.#scene === 'failover' ? at + FAILOVER_MILLIS : null;
    this.#played.snapshot.inbox.push(item('host_lost', id, at, 10, answers));
    this.#played.notify('host_lost', null, `${id} does not answer: no pong for 10 s`, unverified);
  }

  comeBack(id: string): void {
    this.#lostAt.delete(id);
    this.#drop(id);
    this.#stand(id, { contact: 'ready', connected: true, contact_since: null, next_try_at: null, unverified: 0, question: null, problem: null, round_trip_ms: 11.6 });
    this.#stand(id, { load: { load_1m: 5.2, cpus: 32, memory_total_mib: 65536, memory_free_mib: 39800, disk_free_mib: 210000 } });
    this.#played.release(id);
    this.#played.notify('host_back', null, `${id} answers again; what ran there is taken up`, 0);
  }

  giveUp(id: string, now: number): void {
    const moved = this.#played.abandon(id);
    this.#drop(id);
    this.#stand(id, { contact: 'gone', unverified: 0, contact_since: iso(now), running: 0 });
    this.#played.notify('host_given_up', null, `${moved} tasks of ${id} begin anew elsewhere`, moved);
  }

  answer(id: string, answer: HostAnswer, now: number): void {
    const host = this.#host(id);
    if (answer.answer === 'trust' && host.question?.question === 'unknown_key') {
      Object.assign(host, { question: LOCKED_KEY });
      return;
    }
    if (answer.answer === 'try_again' && this.#lostAt.has(id)) {
      host.next_try_at = iso(now);
      return;
    }
    this.comeBack(id);
  }

  advance(now: number): void {
    if (this.#scene === 'play') {
      const since = now - this.#began;
      if (since >= LOST_AFTER_MILLIS && since < LOST_AFTER_MILLIS + BACK_AFTER_MILLIS && !this.#lostAt.has('MUGEN')) this.lose('MUGEN', now);
      if (since >= LOST_AFTER_MILLIS + BACK_AFTER_MILLIS && this.#lostAt.has('MUGEN')) this.comeBack('MUGEN');
    }
    for (const id of this.#lostAt.keys()) {
      const host = this.#host(id);
      const due = host.next_try_at === null ? 0 : Date.parse(host.next_try_at);
      // A try takes a second, and each wait is longer than the one before.
      if (now < due + 1000) continue;
      this.#tries += 1;
      host.next_try_at = iso(now + Math.min(30, 2 ** this.#tries) * 1000);
    }
  }
}

const FOUND: readonly DoctorLine[] = [
  { name: 'reach', ok: true, required: true, for_agents: false, found: 'majin.example.com:22 in 11 ms', remedy: '' },
  { name: 'log-in', ok: true, required: true, for_agents: false, found: 'ec2-user, by the key ~/.ssh/id_ed25519', remedy: '' },
  { name: 'helper', ok: true, required: true, for_agents: false, found: '0.1.0, x86_64, put there just now (2.9 MB)', remedy: '' },
  { name: 'tmux', ok: true, required: true, for_agents: false, found: 'tmux 3.3a', remedy: '' },
  { name: 'disk', ok: true, required: true, for_agents: false, found: '205 GiB free at /tmp', remedy: '' },
  { name: 'clock', ok: true, required: false, for_agents: false, found: '0.1 s ahead', remedy: '' },
  { name: 'claude', ok: true, required: false, for_agents: true, found: '2.1.0', remedy: '' },
  { name: 'codex', ok: false, required: false, for_agents: true, found: '', remedy: 'npm install -g @openai/codex' },
];

/** MAJIN asks for its key and then for a passphrase; the others are good at once. */
export function testHost({ host, answer, before = [] }: TestHost): HostTest {
  if (host.id !== 'MAJIN' && !(host.address ?? '').includes('majin')) {
    return { lines: FOUND.filter((line) => host.transport !== 'local' || !['reach', 'log-in', 'clock'].includes(line.name)), question: null };
  }
  const said = [...before.map((one) => one.answer), ...(answer === null ? [] : [answer])];
  if (!said.some((one) => one.answer === 'trust')) return { lines: FOUND.slice(0, 1), question: UNKNOWN_KEY };
  if (!said.some((one) => one.answer === 'secret')) return { lines: FOUND.slice(0, 1), question: LOCKED_KEY };
  return { lines: [...FOUND], question: null };
}
