// Opens the window on the in-memory platform, whose clock stands still unless a test moves it.

import { act, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';

import { App } from '../src/app/App';
import { memoryPlatform } from '../src/platform/memory/platform';
import type { MemoryOptions, MemoryPlatform } from '../src/platform/memory/platform';
import { createSession } from '../src/store/session';
import type { Session } from '../src/store/session';

export type OpenWindow = {
  platform: MemoryPlatform;
  session: Session;
  user: ReturnType<typeof userEvent.setup>;
  /** Moves the run on by so many seconds. */
  play: (seconds: number) => Promise<void>;
};

export async function openWindow(options: Partial<MemoryOptions> = {}): Promise<OpenWindow> {
  const platform = memoryPlatform({ tickMillis: 0, ...options });
  const session = createSession(platform);
  render(<App session={session} />);
  await act(async () => Promise.resolve());
  return {
    platform,
    session,
    user: userEvent.setup({ pointerEventsCheck: 0 }),
    play: (seconds) => act(async () => platform.advance(seconds * 1000)),
  };
}

/** A run of the Level 6 plan, so many seconds after its start. */
export async function openRun(seconds = 0, options: Partial<MemoryOptions> = {}): Promise<OpenWindow> {
  const target = { plan: null, stateDir: '/tmp/x', rehearse: null };
  const opened = await openWindow({ target, skipSeconds: seconds, ...options });
  await screen.findAllByTestId('timeline-row');
  return opened;
}

/** The element with this hook and this task or agent. */
export function hook(name: string, id?: string): HTMLElement {
  const found = screen.getAllByTestId(name).find((element) => id === undefined || element.dataset['taskId'] === id || element.dataset['agentId'] === id);
  if (found === undefined) throw new Error(`no ${name} of ${id}`);
  return found;
}
