import { describe, expect, it, vi } from 'vitest';

import { memoryPlatform } from '../platform/memory/platform';
import type { LogStream } from '../platform/platform';
import { splitLogMessage } from '../platform/tauri';
import { followInto } from './follow';

type OnBytes = (bytes: Uint8Array, offset: number) => void;

function platformWith(stream: LogStream) {
  const platform = memoryPlatform({ tickMillis: 0 });
  const listeners: OnBytes[] = [];
  const follow = vi.spyOn(platform, 'followLog').mockImplementation((_agent, _offset, onBytes) => {
    listeners.push(onBytes);
    return Promise.resolve(stream);
  });
  const send: OnBytes = (bytes, offset) => listeners.forEach((listener) => listener(bytes, offset));
  return { platform, follow, send };
}

describe('following a log', () => {
  it('gives credit only for what the terminal has drawn', async () => {
    const stream = { addCredit: vi.fn<(bytes: number) => void>(), close: vi.fn<() => void>() };
    const { platform, send } = platformWith(stream);
    const drawn: (() => void)[] = [];
    const follower = followInto(platform, 'CG-1', 0, { write: (_bytes, done) => drawn.push(done) }, () => undefined);
    await Promise.resolve();
    send(new Uint8Array(100), 0);
    expect(stream.addCredit).not.toHaveBeenCalled();
    drawn[0]?.();
    expect(stream.addCredit).toHaveBeenCalledWith(100);
    expect(follower.offset()).toBe(100);
  });

  it('goes on from where it was, and is silent after its end', async () => {
    const stream = { addCredit: vi.fn<(bytes: number) => void>(), close: vi.fn<() => void>() };
    const { platform, follow, send } = platformWith(stream);
    const write = vi.fn<(bytes: Uint8Array, done: () => void) => void>();
    const follower = followInto(platform, 'CG-1', 4096, { write }, () => undefined);
    await Promise.resolve();
    expect(follow).toHaveBeenCalledWith('CG-1', 4096, expect.any(Function));
    follower.close();
    send(new Uint8Array(1), 4096);
    expect(write).not.toHaveBeenCalled();
    expect(stream.close).toHaveBeenCalledTimes(1);
  });

  it('reads the offset before the bytes', () => {
    const message = new Uint8Array([0, 0, 0, 1, 0, 0, 0, 2, 104, 105]);
    const { offset, bytes } = splitLogMessage(message.buffer);
    expect(offset).toBe(2 ** 32 + 2);
    expect(new TextDecoder().decode(bytes)).toBe('hi');
  });
});
