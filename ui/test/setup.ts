// What jsdom lacks and the window needs. Sizes are those of a small screen.

import { cleanup, configure } from '@testing-library/react';
import { afterEach, vi } from 'vitest';

import { useDialogs } from '../src/store/dialogs';
import { changeSettings } from '../src/store/settings';
import { resetView } from '../src/store/view';

// What is waited for comes by an event; on a busy machine it may be long until then.
configure({ asyncUtilTimeout: 10_000 });

class Watcher {
  readonly #callback: (entries: { isIntersecting: boolean; target: Element; contentRect: DOMRect }[]) => void;
  constructor(callback: (entries: { isIntersecting: boolean; target: Element; contentRect: DOMRect }[]) => void) {
    this.#callback = callback;
  }
  observe(target: Element): void {
    this.#callback([{ isIntersecting: true, target, contentRect: target.getBoundingClientRect() }]);
  }
  unobserve(): void {}
  disconnect(): void {}
}

vi.stubGlobal('ResizeObserver', Watcher);
vi.stubGlobal('IntersectionObserver', Watcher);
vi.stubGlobal('matchMedia', (query: string) => ({
  matches: false,
  media: query,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
  addListener: () => undefined,
  removeListener: () => undefined,
}));

class Pointer extends MouseEvent {
  readonly pointerId: number;
  readonly isPrimary: boolean;
  constructor(type: string, init: PointerEventInit = {}) {
    super(type, init);
    this.pointerId = init.pointerId ?? 0;
    this.isPrimary = init.isPrimary ?? false;
  }
}
vi.stubGlobal('PointerEvent', Pointer);

class Matrix {
  m22 = 1;
}
vi.stubGlobal('DOMMatrixReadOnly', Matrix);

for (const [name, value] of [
  ['offsetWidth', 1200],
  ['offsetHeight', 700],
  ['clientWidth', 1200],
  ['clientHeight', 700],
] as const) {
  Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => value });
}
Object.assign(Element.prototype, {
  hasPointerCapture: () => false,
  setPointerCapture: () => undefined,
  releasePointerCapture: () => undefined,
  scrollIntoView: () => undefined,
});
Object.assign(SVGElement.prototype, { getBBox: () => ({ x: 0, y: 0, width: 0, height: 0 }) });

const { getComputedStyle: computed } = globalThis;
vi.stubGlobal('getComputedStyle', (element: Element) => computed(element));

// xterm.js draws on a canvas, which jsdom does not have; what reaches it is tested in follow.test.ts and typing.test.ts.
vi.mock('../src/logs/terminal', () => ({
  openTerminal: () => ({
    terminal: {
      options: {},
      buffer: { active: { viewportY: 0, baseY: 0 } },
      write: (_bytes: Uint8Array, done: () => void) => done(),
      scrollToBottom: () => undefined,
      scrollLines: () => undefined,
      dispose: () => undefined,
    },
    fit: { fit: () => undefined },
    search: { findNext: () => true, findPrevious: () => true, clearDecorations: () => undefined },
  }),
  openLiveTerminal: () => ({
    terminal: {
      options: {},
      cols: 80,
      rows: 24,
      write: (_bytes: Uint8Array, done: () => void) => done(),
      onData: () => ({ dispose: () => undefined }),
      onResize: () => ({ dispose: () => undefined }),
      attachCustomKeyEventHandler: () => undefined,
      focus: () => undefined,
      dispose: () => undefined,
    },
    fit: { fit: () => undefined },
  }),
  liveTheme: () => ({}),
  terminalTheme: () => ({}),
  searchDecorations: () => ({}),
}));

afterEach(() => {
  cleanup();
  resetView();
  useDialogs.setState({ question: null, answer: null, toasts: [] });
  changeSettings({ theme: 'light', language: 'en', notifications: true });
  localStorage.clear();
});
