// The packet that a person looks at before a task moves to another agent.

import { create } from 'zustand';

import type { AgentId, HandOver } from '../platform/types';

type Asked = { handOver: HandOver; agent: AgentId; answer: (text: string | null) => void };

export const useHandOver = create<{ asked: Asked | null }>(() => ({ asked: null }));

/** Resolves to the packet's text as the person left it; null when the task stays. */
export function askHandOver(handOver: HandOver, agent: AgentId): Promise<string | null> {
  useHandOver.getState().asked?.answer(null);
  return new Promise((answer) => useHandOver.setState({ asked: { handOver, agent, answer } }));
}

export function answerHandOver(text: string | null): void {
  const { asked } = useHandOver.getState();
  useHandOver.setState({ asked: null });
  asked?.answer(text);
}
