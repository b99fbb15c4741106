// To whom a task may be given, and in which order a menu offers them.

import type { AgentView, TaskView } from '../platform/types';

export type TargetRefusal = 'refusal.same' | 'refusal.kind' | 'refusal.host' | 'refusal.problem';

/** Why this agent cannot be given this task; null when it can. */
export function targetRefusal(task: TaskView, agent: AgentView): TargetRefusal | null {
  if (agent.id === task.agent) return 'refusal.same';
  if (agent.kind !== task.kind) return 'refusal.kind';
  if (task.host !== null && task.host !== agent.host) return 'refusal.host';
  return agent.problem === null ? null : 'refusal.problem';
}

export type Target = { agent: AgentView; refusal: TargetRefusal | null };

function rank(target: Target): number {
  if (target.refusal === null) return target.agent.task === null ? 0 : 1;
  return target.refusal === 'refusal.kind' ? 4 : 2;
}

/** Those that may take it first, free ones before busy ones; otherwise in the plan's order. */
export function reassignTargets(task: TaskView, agents: readonly AgentView[]): Target[] {
  return agents
    .map((agent) => ({ agent, refusal: targetRefusal(task, agent) }))
    .toSorted((a, b) => rank(a) - rank(b));
}
