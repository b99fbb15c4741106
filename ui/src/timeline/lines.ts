// Which lines the timeline has, and which of them are in sight. Fixed heights, so this is arithmetic.

import type { AgentId, AgentView, HostId } from '../platform/types';

export const ROW_HEIGHT = 26;
export const HOST_HEIGHT = 22;

export type Line = { kind: 'host'; host: HostId; top: number } | { kind: 'agent'; agent: AgentId; top: number };

/** Agents under their hosts, in the hosts' order; hosts without agents are left out. */
export function timelineLines(hosts: readonly HostId[], agents: readonly AgentView[]): { lines: Line[]; height: number } {
  const lines: Line[] = [];
  let top = 0;
  const known = new Set(hosts);
  const others = [...new Set(agents.map((agent) => agent.host))].filter((host) => !known.has(host));
  for (const host of [...hosts, ...others]) {
    const here = agents.filter((agent) => agent.host === host);
    if (here.length === 0) continue;
    lines.push({ kind: 'host', host, top });
    top += HOST_HEIGHT;
    for (const agent of here) {
      lines.push({ kind: 'agent', agent: agent.id, top });
      top += ROW_HEIGHT;
    }
  }
  return { lines, height: top };
}

/** The lines that touch the window, with a few more on either side. */
export function linesInSight(lines: readonly Line[], scrollTop: number, height: number): Line[] {
  const margin = 6 * ROW_HEIGHT;
  return lines.filter((line) => line.top + ROW_HEIGHT > scrollTop - margin && line.top < scrollTop + height + margin);
}
