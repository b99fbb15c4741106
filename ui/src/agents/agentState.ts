// An agent's state in one word.

import type { AgentView } from '../platform/types';

export type AgentState = 'absent' | 'draining' | 'idle' | 'working';

export function agentState(agent: AgentView): AgentState {
  if (agent.draining) return 'draining';
  if (agent.status === null) return 'absent';
  return agent.task === null ? 'idle' : 'working';
}
