import { describe, expect, it } from 'vitest';

import { permission } from '../platform/memory/inbox';
import { level6 } from '../platform/memory/level6';
import type { Notice, RunPatch } from '../platform/types';
import { applyPatch, fromSnapshot, mergeNotices } from './merge';

const start = fromSnapshot(level6(0));

function patch(change: Partial<RunPatch>): RunPatch {
  return { revision: 2, run: start.run, tasks: [], agents: [], hosts: [], inbox: null, notices: [], ...change };
}

function notice(id: number): Notice {
  return { id, at: '2026-11-22T15:34:00Z', kind: 'task_failed', task: null, agent: null, detail: '', blocks: 0 };
}

describe('applyPatch', () => {
  it('changes what the patch names and keeps all else as the same objects', () => {
    const task = start.tasks['Task-2'];
    if (task === undefined) throw new Error('the fixture lost Task-2');
    const after = applyPatch(start, patch({ tasks: [{ ...task, progress: 0.5 }] }));
    if (after === 'gap') throw new Error('not a gap');
    expect(after.tasks['Task-2']?.progress).toBe(0.5);
    expect(after.tasks['Task-3']).toBe(start.tasks['Task-3']);
    expect(after.agents).toBe(start.agents);
    expect(after.taskIds).toBe(start.taskIds);
    expect(after.topology).toBe(start.topology);
  });

  it('tells a missed patch from one that is known already', () => {
    expect(applyPatch(start, patch({ revision: 3 }))).toBe('gap');
    expect(applyPatch(start, patch({ revision: 1 }))).toBe(start);
  });

  it('adds an agent that joined at the end', () => {
    const agent = start.agents['CG-1'];
    if (agent === undefined) throw new Error('the fixture lost CG-1');
    const after = applyPatch(start, patch({ agents: [{ ...agent, id: 'CG-10' }] }));
    expect(after === 'gap' ? null : after.agentIds.at(-1)).toBe('CG-10');
  });

  it('keeps the inbox until a patch brings another', () => {
    const waiting = [{ ...permission, number: 3 }];
    const asked = applyPatch(start, patch({ inbox: waiting }));
    if (asked === 'gap') throw new Error('not a gap');
    expect(asked.inbox).toBe(waiting);
    const later = applyPatch(asked, patch({ revision: 3 }));
    expect(later === 'gap' ? null : later.inbox).toBe(waiting);
    const answered = applyPatch(asked, patch({ revision: 3, inbox: [] }));
    expect(answered === 'gap' ? null : answered.inbox).toEqual([]);
  });

  it('lays the graph out again only when needs or places changed', () => {
    const task = start.tasks['Task-8'];
    if (task === undefined) throw new Error('the fixture lost Task-8');
    const after = applyPatch(start, patch({ tasks: [{ ...task, needs: [] }] }));
    if (after === 'gap') throw new Error('not a gap');
    expect(after.topology).toBe(start.topology + 1);
    expect(after.dependents['Task-6']).toEqual([]);
  });
});

describe('mergeNotices', () => {
  it('takes each notice once, in the order of their numbers', () => {
    const known = [notice(1), notice(3)];
    expect(mergeNotices(known, [notice(2), notice(3)]).map((one) => one.id)).toEqual([1, 2, 3]);
    expect(mergeNotices(known, [notice(3)])).toBe(known);
  });
});
