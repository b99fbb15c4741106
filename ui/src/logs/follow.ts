// Follows one log into a terminal, with credits: no more is asked for than the terminal has drawn.

import type { LogStream, Platform } from '../platform/platform';
import type { AgentId } from '../platform/types';

type Sink = { write: (bytes: Uint8Array, done: () => void) => void };

export type Follower = {
  /** Where the next byte stands in the file. */
  offset: () => number;
  close: () => void;
};

/** Starts at `from`; after a broken connection one goes on from the last follower's offset. */
export function followInto(
  platform: Platform,
  agent: AgentId | null,
  from: number,
  sink: Sink,
  onError: (thrown: unknown) => void,
): Follower {
  let offset = from;
  let closed = false;
  let stream: LogStream | null = null;
  let owed = 0;

  const onBytes = (bytes: Uint8Array, at: number): void => {
    if (closed) return;
    offset = at + bytes.length;
    sink.write(bytes, () => {
      if (closed) return;
      if (stream === null) owed += bytes.length;
      else stream.addCredit(bytes.length);
    });
  };

  platform.followLog(agent, from, onBytes).then(
    (opened) => {
      if (closed) opened.close();
      stream = opened;
      if (owed > 0) opened.addCredit(owed);
      return undefined;
    },
    (thrown: unknown) => {
      if (!closed) onError(thrown);
    },
  );

  return {
    offset: () => offset,
    close: () => {
      closed = true;
      stream?.close();
    },
  };
}
