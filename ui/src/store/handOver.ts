// The packet that a person looks at before a task moves to another agent.

import { create } from 'zustand';

import type { AgentId, HandOver, Kind } from '../platform/types';

/** `across`: the kind of agent that the task is planned for, where this one is of another. */
type Asked = { handOver: HandOver; agent: AgentId; across: Kind | null; answer: (text: string | null) => void };

export const useHandOver = create<{ asked: Asked | null }>(() => ({ asked: null }));

/** Resolves to the packet's text as the person left it; null when the task stays. */
export function askHandOver(handOver: HandOver, agent: AgentId, across: Kind | null): Promise<string | null> {
  useHandOver.getState().asked?.answer(null);
  return new Promise((answer) => useHandOver.setState({ asked: { handOver, agent, across, answer } }));
}

export function answerHandOver(text: string | null): void {
  const { asked } = useHandOver.getState();
  useHandOver.setState({ asked: null });
  asked?.answer(text);
}
