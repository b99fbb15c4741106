// The arithmetic and the rules behind the views.

import { describe, expect, it } from 'vitest';

import { NOTHING_USED, level6 } from '../platform/memory/level6';
import type { TaskView } from '../platform/types';
import { clampWindow, panWindow, secondsAt, ticks, tickStep, wholeWindow, xOf, zoomWindow } from './axis';
import { createRowCache, timelineRows, waveMarks } from './bars';
import { matchesText, passesPhases } from './filters';
import { countBehind, dependentsOf, stepIn } from './graph';
import { corner, graphScale, NODE_HEIGHT, NODE_WIDTH } from './layout';
import { cancelBlocker, reassignBlocker, retryBlocker } from './phases';
import { reassignTargets, targetRefusal } from './reassign';
import { orderFindings, placeText, rehearseBlocker, startBlocker } from './review';
import { planView } from '../platform/memory/plans';
import { clockText, durationText, elapsedSeconds, wallSeconds } from './time';
import { waitText } from './waiting';

const plan = level6(0);

function task(id: string, change: Partial<TaskView> = {}): TaskView {
  const found = plan.tasks.find((one) => one.id === id);
  if (found === undefined) throw new Error(`the fixture lost ${id}`);
  return { ...found, ...change };
}

describe('time', () => {
  it('is written short', () => {
    expect([0, 7, 723, 6600].map(clockText)).toEqual(['0:00', '0:07', '12:03', '1:50:00']);
    expect([0.45, 8.54, 45, 900, 930, 3600, 6600].map(durationText)).toEqual(['450ms', '8.5s', '45s', '15m', '15m 30s', '1h', '1h 50m']);
  });

  it('passes faster in a rehearsal', () => {
    expect(wallSeconds(6600, 60)).toBe(110);
    expect(wallSeconds(6600, null)).toBe(6600);
  });

  it('ends with the run', () => {
    const run = { ...plan.run, started_at: '2026-11-22T15:00:00Z', ended_at: '2026-11-22T15:01:00Z' };
    expect(elapsedSeconds(run, Date.parse('2026-11-22T16:00:00Z'))).toBe(60);
    expect(elapsedSeconds(plan.run, Date.now())).toBe(0);
  });
});

describe('the axis', () => {
  const window = { start: 0, end: 100 };

  it('turns moments into places and back', () => {
    expect(xOf(25, window, 400)).toBe(100);
    expect(secondsAt(100, window, 400)).toBe(25);
  });

  it('has ticks that leave room for their labels', () => {
    expect(tickStep(window, 800)).toBe(10);
    expect(ticks({ start: 12, end: 41 }, 300)).toEqual([20, 30, 40]);
  });

  it('keeps what is under the pointer in its place while zooming', () => {
    const zoomed = zoomWindow(window, window, 0.5, 30);
    expect(zoomed.end - zoomed.start).toBeCloseTo(50);
    expect(xOf(30, zoomed, 400)).toBeCloseTo(xOf(30, window, 400));
  });

  it('never leaves the whole', () => {
    expect(panWindow({ start: 20, end: 60 }, window, -50)).toEqual({ start: 0, end: 40 });
    expect(clampWindow({ start: -50, end: 500 }, window)).toEqual(window);
  });

  it('grows in steps when a run takes longer than its forecast', () => {
    expect(wholeWindow(100, 50)).toEqual(wholeWindow(100, 90));
    expect(wholeWindow(100, 150).end).toBeGreaterThan(150);
    expect(wholeWindow(0, 0).end).toBeGreaterThan(0);
  });
});

describe('the rows of the timeline', () => {
  const run = { started_at: '2026-11-22T15:00:00Z', rehearsal_speed: 60 };
  const attempt = {
    number: 1,
    agent: 'CG-9',
    host: 'local',
    assigned_at: '2026-11-22T15:00:10Z',
    started_at: '2026-11-22T15:00:12Z',
    ended_at: null,
    cause: null,
    error: null,
    output_files: [],
    evidence: null,
    session: null,
    model: null,
    tree: null, comments: [], usage: NOTHING_USED,
  };

  it('hold the plan, and beside it what came of it in the row of who did it', () => {
    const tried = task('Task-2', { agent: 'CG-9', phase: 'running', attempts: [attempt] });
    const rows = timelineRows(['CG-1', 'CG-9'], [tried], run);
    expect(rows[0]?.bars.map((bar) => [bar.kind, bar.start, bar.end])).toEqual([['ghost', 10, 25]]);
    expect(rows[1]?.bars.map((bar) => [bar.kind, bar.start, bar.end])).toEqual([['current', 12, null]]);
  });

  it('show a task that moved on after a failed try where it goes next', () => {
    const failed = { ...attempt, agent: 'CG-1', ended_at: '2026-11-22T15:00:20Z', cause: 'reassigned' as const };
    const rows = timelineRows(['CG-1', 'CG-9'], [task('Task-2', { agent: 'CG-9', attempts: [failed] })], run);
    expect(rows[0]?.bars.map((bar) => `${bar.kind} ${bar.phase}`)).toEqual(['ghost pending', 'current cancelled']);
    expect(rows[1]?.bars.map((bar) => bar.kind)).toEqual(['planned']);
  });

  it('let a task that came by hand stand behind what its agent has already', () => {
    const moved = [task('Task-2'), task('Task-3', { agent: 'CG-1' })];
    const [row] = timelineRows(['CG-1', 'CG-2'], moved, run);
    expect(row?.bars.map((bar) => [bar.task.id, bar.start, bar.end])).toEqual([
      ['Task-2', 10, 25],
      ['Task-3', 25, 40],
    ]);
  });

  it('stay the same objects while nothing in them changes', () => {
    const reuse = createRowCache();
    const agents = ['CG-1', 'CG-2'];
    const tasks = [task('Task-2'), task('Task-3')];
    const before = reuse(timelineRows(agents, tasks, run));
    const after = reuse(timelineRows(agents, [tasks[0] as TaskView, { ...(tasks[1] as TaskView), progress: 0.1 }], run));
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
  });

  it('are crossed by the waves as they are planned', () => {
    expect(waveMarks(plan.tasks, null).map((mark) => mark.start)).toEqual([0, 600, 1500, 3900, 4500, 5700]);
  });
});

describe('the graph', () => {
  const dependents = dependentsOf(plan.tasks);

  it('knows what waits behind a task', () => {
    expect(dependents['Task-10']).toEqual(['Task-11', 'Task-12', 'Task-13']);
    expect(countBehind('Task-7', dependents)).toBe(7);
    expect(countBehind('Task-15', dependents)).toBe(0);
  });

  it('is walked within its ends', () => {
    expect(stepIn(['a', 'b'], null, 1)).toBe('a');
    expect(stepIn(['a', 'b'], null, -1)).toBe('b');
    expect(stepIn(['a', 'b'], 'b', 1)).toBe('b');
    expect(stepIn([], null, 1)).toBeNull();
  });

  it('never draws two nodes over each other, whatever the pitch of the layout', () => {
    for (const pitch of [0.3, 1, 6]) {
      const placed = plan.tasks.map((one) => ({ ...one, position: { x: (one.position.x / 3) * pitch, y: one.position.y * pitch } }));
      const scale = graphScale(placed);
      const corners = placed.map((one) => corner(one.position, scale));
      for (const [index, a] of corners.entries()) {
        for (const b of corners.slice(index + 1)) {
          expect(Math.abs(a.x - b.x) >= NODE_WIDTH || Math.abs(a.y - b.y) >= NODE_HEIGHT).toBe(true);
        }
      }
    }
  });

  it('turns its edges when it is laid out downwards', () => {
    const turned = plan.tasks.map((one) => ({ ...one, position: { x: one.position.y, y: one.position.x } }));
    expect(graphScale(plan.tasks).flow).toBe('right');
    expect(graphScale(turned).flow).toBe('down');
  });
});

describe('what may be done', () => {
  it('depends on where task and run stand', () => {
    expect(retryBlocker(task('Task-2', { phase: 'failed' }), 'running')).toBeNull();
    expect(retryBlocker(task('Task-2', { phase: 'running' }), 'running')).toBe('blocker.not_ended');
    expect(cancelBlocker(task('Task-2', { phase: 'running' }), 'running')).toBeNull();
    expect(cancelBlocker(task('Task-2', { phase: 'completed' }), 'running')).toBe('blocker.completed');
    expect(reassignBlocker(task('Task-2'), 'planned')).toBe('blocker.planned');
    expect(reassignBlocker(task('Task-2', { phase: 'failed' }), 'failed')).toBeNull();
  });

  it('offers free agents of the kind first, then other kinds, and says why others are out', () => {
    const busy = plan.agents.map((agent) => (agent.id === 'CG-2' ? { ...agent, task: 'Task-3' } : agent));
    const targets = reassignTargets(task('Task-2'), busy);
    expect(targets[0]?.agent.id).toBe('CG-3');
    expect(targets.findIndex((target) => target.agent.id === 'CG-2')).toBe(7);
    expect(targets.find((target) => target.agent.id === 'CG-1')?.refusal).toBe('refusal.same');
    expect(targets.at(-1)?.agent.id).toBe('CG-1');
    const kinds = targets.slice(0, -1).map((target) => target.crosses);
    expect(kinds.lastIndexOf(false)).toBe(7);
    expect(kinds.indexOf(true)).toBe(8);
  });

  it('keeps a task on its host', () => {
    const agent = plan.agents.find((one) => one.id === 'CG-9');
    if (agent === undefined) throw new Error('the fixture lost CG-9');
    expect(targetRefusal(task('Task-2', { host: 'MUGEN' }), agent)).toBe('refusal.host');
    expect(targetRefusal(task('Task-2'), agent)).toBeNull();
  });
});

describe('why a task waits', () => {
  it('names what it waits for', () => {
    expect(waitText({ reason: 'need', tasks: ['Task-2', 'Task-3'] }, 0)).toEqual({
      key: 'wait.need',
      values: { tasks: 'Task-2, Task-3' },
      tasks: ['Task-2', 'Task-3'],
    });
    expect(waitText({ reason: 'agent', agent: 'CG-1', task: 'Task-2' }, 0).key).toBe('wait.agent_busy');
    expect(waitText({ reason: 'agent', agent: 'CG-1', task: null }, 0).key).toBe('wait.agent');
    expect(waitText({ reason: 'capacity', host: null, limit: 4 }, 0).key).toBe('wait.capacity_run');
  });

  it('counts down to the next try and stops at nothing', () => {
    const reason = { reason: 'back_off' as const, until_seconds: 100, attempt: 2 };
    expect(waitText(reason, 92_500).values['seconds']).toBe(8);
    expect(waitText(reason, 200_000).values['seconds']).toBe(0);
  });
});

describe('finding and reviewing', () => {
  it('finds tasks by any words', () => {
    expect(matchesText(task('Task-7'), 'cg-6 data')).toBe(true);
    expect(matchesText(task('Task-7'), 'router')).toBe(false);
    expect(passesPhases('running', [])).toBe(true);
    expect(passesPhases('running', ['failed'])).toBe(false);
  });

  it('puts errors first and names their place', () => {
    const view = planView('p', plan.run.choice, null, plan, true);
    const findings = orderFindings(view.findings.toReversed());
    expect(findings.map((finding) => finding.severity)).toEqual(['error', 'error', 'warning', 'warning']);
    expect(findings.map(placeText)).toContain('task_dag.json:88  tasks[5].needs[1]');
  });

  it('knows why a start is not possible', () => {
    const good = planView('p', plan.run.choice, null, plan, false);
    const tmux = { name: 'tmux', ok: false, required: true, for_agents: false, found: '', remedy: 'apt install tmux' };
    expect(rehearseBlocker(good, [])).toBeNull();
    expect(rehearseBlocker(good, [tmux])).toBe('review.blocked_machine');
    expect(rehearseBlocker(planView('p', plan.run.choice, null, plan, true), [])).toBe('review.blocked_errors');
    expect(startBlocker(good, [], false)).toBe('review.blocked_runners');
    expect(startBlocker(good, [], true)).toBeNull();
  });

  it('lets a plan be rehearsed whose agent programs are missing', () => {
    const here = { ...planView('p', plan.run.choice, null, plan, false), obstacles: [] };
    const missing = { name: 'node (acp)', ok: false, required: true, for_agents: true, found: '', remedy: 'npm install' };
    expect(rehearseBlocker(here, [missing])).toBeNull();
    expect(startBlocker(here, [missing], false)).toBe('review.blocked_runners');
    expect(startBlocker(here, [missing], true)).toBeNull();
    expect(startBlocker(here, [{ ...missing, required: false }], false)).toBeNull();
    expect(startBlocker(here, [{ ...missing, ok: true }], false)).toBeNull();
    const tmux = { ...missing, name: 'tmux', for_agents: false };
    expect(startBlocker(here, [tmux], true)).toBe('review.blocked_machine');
  });
});
