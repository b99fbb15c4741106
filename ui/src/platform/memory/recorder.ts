// Remembers how a run stood after each change of a task's phase, so that it can be looked at again.

import type { Moment, RunSnapshot } from '../types';

const MOST_TASKS = 60;
const WORDS: Record<string, string> = { running: 'begins', completed: 'is completed', failed: 'failed', checking: 'is being checked', review: 'waits for a person', back_off: 'failed and is tried again', cancelled: 'is cancelled' };

export class Recorder {
  readonly #kept = new Map<number, RunSnapshot>();
  readonly #moments: Moment[] = [];
  #phases = new Map<string, string>();

  note(snapshot: RunSnapshot): void {
    if (snapshot.tasks.length > MOST_TASKS) return;
    const changed = snapshot.tasks.filter((task) => this.#phases.has(task.id) && this.#phases.get(task.id) !== task.phase && WORDS[task.phase] !== undefined);
    const first = this.#phases.size === 0;
    this.#phases = new Map(snapshot.tasks.map((task) => [task.id, task.phase]));
    if (!first && changed.length === 0) return;
    const seq = this.#moments.length + 1;
    const [task] = changed;
    this.#moments.push({ seq, at: snapshot.run.now, what: task === undefined ? 'The run begins' : changed.map((one) => `${one.id} ${WORDS[one.phase]}`).join(', '), task: task?.id ?? null });
    this.#kept.set(seq, structuredClone(snapshot));
  }

  moments(): Moment[] {
    return [...this.#moments];
  }

  at(seq: number): RunSnapshot | undefined {
    return structuredClone(this.#kept.get(seq));
  }
}
