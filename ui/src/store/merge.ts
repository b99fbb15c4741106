// The run as the window holds it, and how a patch changes it. Pure.

import { dependentsOf, sameTopology } from '../model/graph';
import type {
  AgentId,
  AgentView,
  HostId,
  HostView,
  InboxItem,
  Notice,
  RunPatch,
  RunSnapshot,
  RunView,
  TaskId,
  TaskView,
} from '../platform/types';

export type RunData = {
  revision: number;
  run: RunView;
  taskIds: TaskId[];
  tasks: Record<TaskId, TaskView>;
  agentIds: AgentId[];
  agents: Record<AgentId, AgentView>;
  hostIds: HostId[];
  hosts: Record<HostId, HostView>;
  /** What waits for the person. */
  inbox: InboxItem[];
  /** What should be known. */
  notices: Notice[];
  dependents: Record<TaskId, TaskId[]>;
  /** Counts the changes of needs and places: while it stands still, the graph keeps its shape. */
  topology: number;
};

type Named = { id: string };

function byId<T extends Named>(items: readonly T[]): Record<string, T> {
  return Object.fromEntries(items.map((item) => [item.id, item]));
}

export function fromSnapshot(snapshot: RunSnapshot, topology = 0): RunData {
  return {
    revision: snapshot.revision,
    run: snapshot.run,
    taskIds: snapshot.tasks.map((task) => task.id),
    tasks: byId(snapshot.tasks),
    agentIds: snapshot.agents.map((agent) => agent.id),
    agents: byId(snapshot.agents),
    hostIds: snapshot.hosts.map((host) => host.id),
    hosts: byId(snapshot.hosts),
    inbox: snapshot.inbox,
    notices: snapshot.notices,
    dependents: dependentsOf(snapshot.tasks),
    topology,
  };
}

function mergeNamed<T extends Named>(
  ids: string[],
  items: Record<string, T>,
  changed: readonly T[],
): { ids: string[]; items: Record<string, T> } {
  if (changed.length === 0) return { ids, items };
  const added = changed.filter((item) => items[item.id] === undefined).map((item) => item.id);
  return { ids: added.length === 0 ? ids : [...ids, ...added], items: { ...items, ...byId(changed) } };
}

/** Adds the notices that are not there yet, in the order of their numbers. */
export function mergeNotices(notices: Notice[], added: readonly Notice[]): Notice[] {
  const known = new Set(notices.map((notice) => notice.id));
  const fresh = added.filter((notice) => !known.has(notice.id));
  return fresh.length === 0 ? notices : [...notices, ...fresh].toSorted((a, b) => a.id - b.id);
}

/** The run after the patch; `gap` when a patch before it was missed and the run must be fetched anew. */
export function applyPatch(data: RunData, patch: RunPatch): RunData | 'gap' {
  if (patch.revision <= data.revision) return data;
  if (patch.revision !== data.revision + 1) return 'gap';
  const tasks = mergeNamed(data.taskIds, data.tasks, patch.tasks);
  const agents = mergeNamed(data.agentIds, data.agents, patch.agents);
  const hosts = mergeNamed(data.hostIds, data.hosts, patch.hosts);
  const before = patch.tasks.map((task) => data.tasks[task.id]).filter((task) => task !== undefined);
  const reshaped = !sameTopology(before, patch.tasks);
  return {
    revision: patch.revision,
    run: patch.run,
    taskIds: tasks.ids,
    tasks: tasks.items,
    agentIds: agents.ids,
    agents: agents.items,
    hostIds: hosts.ids,
    hosts: hosts.items,
    inbox: patch.inbox ?? data.inbox,
    notices: mergeNotices(data.notices, patch.notices),
    dependents: reshaped ? dependentsOf(tasks.ids.flatMap((id) => tasks.items[id] ?? [])) : data.dependents,
    topology: reshaped ? data.topology + 1 : data.topology,
  };
}
