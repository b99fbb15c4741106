// To whom a task may be given, and in which order a menu offers them.

import type { AgentView, TaskView } from '../platform/types';

export type TargetRefusal = 'refusal.same' | 'refusal.host' | 'refusal.problem';

/** Why this agent cannot be given this task; null when it can. */
export function targetRefusal(task: TaskView, agent: AgentView): TargetRefusal | null {
  if (agent.id === task.agent) return 'refusal.same';
  if (task.host !== null && task.host !== agent.host) return 'refusal.host';
  return agent.problem === null ? null : 'refusal.problem';
}

/** Whether the task is planned for agents of another kind: a person may choose this one all the same, and is asked. */
export function crossesKinds(task: TaskView, agent: AgentView): boolean {
  return agent.kind !== task.kind;
}

export type Target = { agent: AgentView; refusal: TargetRefusal | null; crosses: boolean };

function rank({ agent, refusal, crosses }: Target): number {
  if (refusal !== null) return 4;
  return (crosses ? 2 : 0) + (agent.task === null ? 0 : 1);
}

/** Those of the task's own kind first, free ones before busy ones, and last those that cannot; otherwise in the plan's order. */
export function reassignTargets(task: TaskView, agents: readonly AgentView[]): Target[] {
  return agents
    .map((agent) => ({ agent, refusal: targetRefusal(task, agent), crosses: crossesKinds(task, agent) }))
    .toSorted((a, b) => rank(a) - rank(b));
}
