// Joins a terminal on the screen with an agent's window: what is typed, what is drawn, and its size.
// No more is asked for than the screen has drawn.

import { asApiError } from '../platform/platform';
import type { Platform, TerminalStream } from '../platform/platform';
import type { AgentId, TerminalSize } from '../platform/types';

/** The part of xterm.js that is used. */
export type Screen = {
  cols: number;
  rows: number;
  write: (bytes: Uint8Array, done: () => void) => void;
  onData: (listener: (text: string) => void) => { dispose: () => void };
  onResize: (listener: (size: { cols: number; rows: number }) => void) => { dispose: () => void };
};

export type Typing = { close: () => void };

export type TypingListener = { onOpen: () => void; onEnd: (why: string) => void };

function sizeOf(screen: { cols: number; rows: number }): TerminalSize {
  return { columns: Math.max(1, screen.cols), rows: Math.max(1, screen.rows) };
}

export function typeIntoWindow(platform: Platform, agent: AgentId, screen: Screen, listener: TypingListener): Typing {
  let stream: TerminalStream | null = null;
  let closed = false;
  let owed = 0;
  let early = '';
  const asked = sizeOf(screen);

  const end = (why: string): void => {
    if (closed) return;
    stop();
    listener.onEnd(why);
  };
  const onBytes = (bytes: Uint8Array): void => {
    if (closed) return;
    screen.write(bytes, () => {
      if (closed) return;
      if (stream === null) owed += bytes.length;
      else stream.addCredit(bytes.length);
    });
  };
  const typed = screen.onData((text) => {
    if (stream === null) early += text;
    else stream.type(text);
  });
  const resized = screen.onResize(() => stream?.resize(sizeOf(screen)));

  function stop(): void {
    closed = true;
    typed.dispose();
    resized.dispose();
    stream?.close();
  }

  platform.openTerminal(agent, asked, { onBytes, onEnd: end }).then(
    (opened) => {
      stream = opened;
      if (closed) {
        opened.close();
        return undefined;
      }
      listener.onOpen();
      const size = sizeOf(screen);
      if (size.columns !== asked.columns || size.rows !== asked.rows) opened.resize(size);
      if (owed > 0) opened.addCredit(owed);
      if (early !== '') opened.type(early);
      return undefined;
    },
    (thrown: unknown) => end(asApiError(thrown).message),
  );

  return { close: stop };
}

export type KeyMeaning = 'leave' | 'copy' | 'browser' | 'terminal';

/** Whose a key is: nearly all of them are the terminal's. */
export function keyMeaning(event: Pick<KeyboardEvent, 'key' | 'shiftKey' | 'ctrlKey' | 'metaKey' | 'altKey'>): KeyMeaning {
  const key = event.key.toLowerCase();
  if (key === 'escape' && event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey) return 'leave';
  if (event.ctrlKey && event.shiftKey && key === 'c') return 'copy';
  if ((event.ctrlKey && event.shiftKey && key === 'v') || (event.metaKey && (key === 'v' || key === 'c'))) return 'browser';
  return 'terminal';
}
