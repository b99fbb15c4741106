// A made-up plan of any size, to see how the window bears it.

import { level6 } from './level6';
import type { AgentView, RunSnapshot, TaskView } from '../types';

const LANES = 20;

function task(index: number, model: TaskView, agents: readonly AgentView[]): TaskView {
  const level = Math.floor(index / LANES);
  const lane = index % LANES;
  const above = [index - LANES, index - LANES + (lane === LANES - 1 ? 0 : 1)].filter((need) => need >= 0);
  const needs = [...new Set(above)].map((need) => `Task-${need + 1}`);
  const agent = agents[lane % agents.length]?.id ?? model.agent;
  return {
    ...model,
    id: `Task-${index + 1}`,
    title: `Part ${index + 1} of the work`,
    agent,
    planned_agent: agent,
    kind: agent.split('-')[0] ?? agent,
    needs,
    estimated_seconds: 300,
    level,
    wave: null,
    critical: lane === 0,
    phase: needs.length === 0 ? 'ready' : 'pending',
    status: needs.length === 0 ? 'READY' : 'PENDING',
    waiting: needs.length === 0 ? [] : [{ reason: 'need', tasks: needs }],
    attempts: [],
    planned_start_seconds: level * 300,
    planned_end_seconds: (level + 1) * 300,
    position: { x: level * 3, y: (lane - LANES / 2) * 1.4 },
  };
}

export function synthetic(count: number, nowMillis: number): RunSnapshot {
  const base = level6(nowMillis);
  const model = base.tasks[0];
  const first = base.agents[0];
  if (model === undefined || first === undefined) return base;
  const agents = Array.from({ length: LANES }, (_, index) => ({
    ...first,
    id: `CG-${index + 1}`,
    kind: 'CG',
    title: `Lane ${index + 1}`,
    host: index % 2 === 0 ? 'MUGEN' : 'MAJIN',
    window: `CG-${index + 1}-Lane`,
  }));
  const tasks = Array.from({ length: count }, (_, index) => task(index, model, agents));
  const expected = Math.ceil(count / LANES) * 300;
  const forecast = { ...base.run.forecast, expected_seconds: expected, lower_bound_seconds: expected, slots: [] };
  const hosts = base.hosts.map((host) => Object.assign({}, host, { capacity: LANES }));
  return { ...base, tasks, agents, hosts, run: { ...base.run, total: count, title: `${count} tasks`, forecast } };
}
