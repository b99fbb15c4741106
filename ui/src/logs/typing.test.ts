import { describe, expect, it, vi } from 'vitest';

import { memoryPlatform } from '../platform/memory/platform';
import type { TerminalListener, TerminalStream } from '../platform/platform';
import { splitTerminalMessage } from '../platform/tauri';
import { keyMeaning, typeIntoWindow } from './typing';
import type { Screen } from './typing';

const nothing = (): void => undefined;

type Held = Partial<Record<'shiftKey' | 'ctrlKey' | 'metaKey' | 'altKey', boolean>>;

function press(key: string, held: Held = {}): string {
  return keyMeaning({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...held });
}

function stage() {
  const platform = memoryPlatform({ tickMillis: 0 });
  const stream = { type: vi.fn<TerminalStream['type']>(), resize: vi.fn<TerminalStream['resize']>(), addCredit: vi.fn<TerminalStream['addCredit']>(), close: vi.fn<TerminalStream['close']>() };
  let opened: (stream: TerminalStream) => void = nothing;
  let refused: (thrown: unknown) => void = nothing;
  let tell: TerminalListener = { onBytes: nothing, onEnd: nothing };
  const open = vi.spyOn(platform, 'openTerminal').mockImplementation((_agent, _size, listener) => {
    tell = listener;
    return new Promise((resolve, reject) => {
      opened = resolve;
      refused = reject;
    });
  });
  const drawn: (() => void)[] = [];
  const typed: ((text: string) => void)[] = [];
  const sized: (() => void)[] = [];
  const disposed = vi.fn<() => void>();
  const screen: Screen & { cols: number; rows: number } = {
    cols: 80,
    rows: 24,
    write: (_bytes, done) => drawn.push(done),
    onData: (listener) => {
      typed.push(listener);
      return { dispose: disposed };
    },
    onResize: (listener) => {
      sized.push(() => listener({ cols: screen.cols, rows: screen.rows }));
      return { dispose: disposed };
    },
  };
  const listener = { onOpen: vi.fn<() => void>(), onEnd: vi.fn<(why: string) => void>() };
  const typing = typeIntoWindow(platform, 'CG-1', screen, listener);
  return {
    open, stream, screen, listener, typing, drawn, disposed,
    type: (text: string) => typed.forEach((one) => one(text)),
    resize: (cols: number, rows: number) => {
      Object.assign(screen, { cols, rows });
      sized.forEach((one) => one());
    },
    draw: (bytes: number) => tell.onBytes(new Uint8Array(bytes)),
    end: (why: string) => tell.onEnd(why),
    answer: async () => {
      opened(stream);
      await Promise.resolve();
    },
    refuse: async (thrown: unknown) => {
      refused(thrown);
      await Promise.resolve();
      await Promise.resolve();
    },
  };
}

describe('typing into an agent’s window', () => {
  it('loses nothing of what is typed, drawn or resized before the window is there', async () => {
    const at = stage();
    at.type('ls');
    at.type('\r');
    at.draw(100);
    at.drawn[0]?.();
    at.resize(120, 40);
    await at.answer();
    expect(at.open.mock.calls[0]?.slice(0, 2)).toEqual(['CG-1', { columns: 80, rows: 24 }]);
    expect(at.stream.type.mock.calls).toEqual([['ls\r']]);
    expect(at.stream.resize).toHaveBeenCalledExactlyOnceWith({ columns: 120, rows: 40 });
    expect(at.stream.addCredit).toHaveBeenCalledExactlyOnceWith(100);
    expect(at.listener.onOpen).toHaveBeenCalledTimes(1);
  });

  it('asks for no more than was drawn', async () => {
    const at = stage();
    await at.answer();
    at.draw(10);
    at.draw(20);
    at.drawn[1]?.();
    expect(at.stream.addCredit.mock.calls).toEqual([[20]]);
  });

  it('says once why it ended, and takes nothing after that', async () => {
    const at = stage();
    await at.answer();
    at.end('the window is gone');
    at.end('again');
    at.draw(5);
    expect(at.listener.onEnd.mock.calls).toEqual([['the window is gone']]);
    expect(at.drawn).toEqual([]);
    expect(at.disposed).toHaveBeenCalledTimes(2);
    expect(at.stream.close).toHaveBeenCalledTimes(1);
  });

  it('says why it was refused', async () => {
    const at = stage();
    await at.refuse({ code: 'conflict', message: 'CG-1 has no window', hints: [], findings: [] });
    expect(at.listener.onEnd).toHaveBeenCalledExactlyOnceWith('CG-1 has no window');
  });

  it('hangs up a window that arrives after the person has left', async () => {
    const at = stage();
    at.typing.close();
    await at.answer();
    expect(at.stream.close).toHaveBeenCalled();
    expect(at.listener.onOpen).not.toHaveBeenCalled();
  });

  it('tells what is drawn from why it ended', () => {
    expect(splitTerminalMessage(new Uint8Array([0, 27, 91]).buffer)).toEqual({ bytes: new Uint8Array([27, 91]) });
    expect(splitTerminalMessage(new Uint8Array([1, 104, 105]).buffer)).toEqual({ why: 'hi' });
  });

  it('leaves nearly every key to the terminal', () => {
    expect([press('Escape'), press('Tab'), press('k', { ctrlKey: true }), press('c', { ctrlKey: true }), press('v', { ctrlKey: true })]).toEqual(Array(5).fill('terminal'));
    expect(press('Escape', { shiftKey: true })).toBe('leave');
    expect(press('C', { ctrlKey: true, shiftKey: true })).toBe('copy');
    expect([press('V', { ctrlKey: true, shiftKey: true }), press('v', { metaKey: true })]).toEqual(['browser', 'browser']);
  });
});
