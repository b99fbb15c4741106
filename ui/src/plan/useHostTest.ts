// Trying a host out, question by question. Answers are kept as long as the test is on the screen,
// since each further test needs all of them; then they are forgotten.

import { useRef, useState } from 'react';

import { asApiError } from '../platform/platform';
import type { ApiError, HostAnswer, HostSaid, HostTest, HostWay } from '../platform/types';
import { useSession } from '../store/context';

export type HostTesting = {
  busy: boolean;
  result: HostTest | null;
  error: ApiError | null;
  start: (way: HostWay) => Promise<void>;
  /** Goes on with the answer to what was asked last. */
  answer: (said: HostAnswer) => Promise<void>;
  /** Nothing of the last test counts any more. */
  forget: () => void;
};

export function useHostTest(plan: string): HostTesting {
  const { platform } = useSession();
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<HostTest | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const way = useRef<HostWay | null>(null);
  const before = useRef<HostSaid[]>([]);
  const round = useRef(0);

  async function ask(host: HostWay, said: HostAnswer | null): Promise<HostTest | null> {
    round.current += 1;
    const mine = round.current;
    setBusy(true);
    setError(null);
    try {
      const tested = await platform.testHost({ plan, host, answer: said, before: before.current });
      if (mine !== round.current) return null;
      setResult(tested);
      return tested;
    } catch (thrown) {
      if (mine === round.current) setError(asApiError(thrown));
      return null;
    } finally {
      if (mine === round.current) setBusy(false);
    }
  }

  async function start(host: HostWay): Promise<void> {
    way.current = host;
    before.current = [];
    setResult(null);
    await ask(host, null);
  }

  async function answer(said: HostAnswer): Promise<void> {
    const question = result?.question ?? null;
    if (way.current === null || question === null) return;
    await ask(way.current, said);
    before.current = [...before.current, { question, answer: said }];
  }

  function forget(): void {
    round.current += 1;
    before.current = [];
    setBusy(false);
    setResult(null);
    setError(null);
  }

  return { busy, result, error, start, answer, forget };
}
