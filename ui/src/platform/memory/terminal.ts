// A terminal that shows what is typed into it, for the window without a program behind it.

import type { TerminalListener, TerminalStream } from '../platform';

const ENTER = '\r';
const ERASE = '\u007f';
const INTERRUPT = '\u0003';
const END = '\u0004';

export function echoTerminal(agent: string, host: string, listener: TerminalListener): TerminalStream {
  const encoder = new TextEncoder();
  const draw = (text: string): void => listener.onBytes(encoder.encode(text));
  const prompt = `\u001b[32m${agent}\u001b[0m@\u001b[35m${host}\u001b[0m \u001b[2m~/webapp_framework\u001b[0m $ `;
  let line = '';
  let over = false;

  function take(key: string): void {
    if (key === ENTER) {
      draw(`\r\n${line === '' ? '' : `you typed: ${line}\r\n`}${prompt}`);
      line = '';
    } else if (key === ERASE) {
      if (line !== '') draw('\b \b');
      line = line.slice(0, -1);
    } else if (key === INTERRUPT) {
      draw(`^C\r\n${prompt}`);
      line = '';
    } else if (key === END && line === '') {
      over = true;
      listener.onEnd('the person logged out');
    } else if (key >= ' ') {
      draw(key);
      line += key;
    }
  }

  queueMicrotask(() => draw(`\u001b[2J\u001b[H\u001b[1mtmux window ${agent}\u001b[0m, played in memory. Ctrl-D ends it.\r\n\r\n${prompt}`));
  return {
    type: (text) => {
      for (const key of text) if (!over) take(key);
    },
    resize: () => undefined,
    addCredit: () => undefined,
    close: () => {
      over = true;
    },
  };
}
