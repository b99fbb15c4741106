// xterm.js, set up as a window on a log, which only reads and keeps a bounded number of lines, or as a
// terminal to type into.

import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { Terminal } from '@xterm/xterm';
import type { ITheme } from '@xterm/xterm';

export type LogView = { terminal: Terminal; fit: FitAddon; search: SearchAddon };

const LIGHT: ITheme = {
  background: '#fcfcfd',
  foreground: '#33323d',
  cursor: '#fcfcfd',
  selectionBackground: '#d9d6f5',
  overviewRulerBorder: '#00000000',
  scrollbarSliderBackground: '#33323d26',
  scrollbarSliderHoverBackground: '#33323d40',
  scrollbarSliderActiveBackground: '#33323d59',
  black: '#33323d',
  red: '#c0362c',
  green: '#2c7a4b',
  yellow: '#8a6100',
  blue: '#3361c4',
  magenta: '#7a3fb0',
  cyan: '#14768a',
  white: '#6d6b78',
  brightBlack: '#6d6b78',
};

const DARK: ITheme = {
  background: '#141419',
  foreground: '#d6d5de',
  cursor: '#141419',
  selectionBackground: '#3d3a66',
  overviewRulerBorder: '#00000000',
  scrollbarSliderBackground: '#d6d5de26',
  scrollbarSliderHoverBackground: '#d6d5de40',
  scrollbarSliderActiveBackground: '#d6d5de59',
  black: '#23222b',
  red: '#f0837a',
  green: '#79c796',
  yellow: '#dcb868',
  blue: '#86abf5',
  magenta: '#c39bee',
  cyan: '#74c5d4',
  white: '#d6d5de',
  brightBlack: '#8d8b99',
};

const HITS = {
  light: { matchBackground: '#efe3b5', activeMatchBackground: '#f5c542', matchOverviewRuler: '#b08900', activeMatchColorOverviewRuler: '#7a5c00' },
  dark: { matchBackground: '#4d431f', activeMatchBackground: '#8a6d12', matchOverviewRuler: '#8a7430', activeMatchColorOverviewRuler: '#d9b43f' },
};

export function terminalTheme(theme: 'light' | 'dark'): ITheme {
  return theme === 'dark' ? DARK : LIGHT;
}

/** The same colours, with a cursor that is seen. */
export function liveTheme(theme: 'light' | 'dark'): ITheme {
  const colours = terminalTheme(theme);
  return { ...colours, cursor: theme === 'dark' ? '#a9a2f0' : '#5b4fc4', cursorAccent: colours.background ?? '#000000' };
}

export function searchDecorations(theme: 'light' | 'dark') {
  return HITS[theme];
}

/** What a click on a link in an agent's output does: nothing. Agents do not open things on this machine. */
const NO_LINKS = { activate: () => undefined };

function fontFamily(): string {
  return getComputedStyle(document.documentElement).getPropertyValue('--font-mono') || 'monospace';
}

function opened(terminal: Terminal, element: HTMLElement): LogView {
  const fit = new FitAddon();
  const search = new SearchAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(search);
  terminal.open(element);
  return { terminal, fit, search };
}

/** A terminal to type into: the tmux window itself, which keeps its own history. */
export function openLiveTerminal(element: HTMLElement, theme: 'light' | 'dark'): LogView {
  const terminal = new Terminal({
    drawBoldTextInBrightColors: false,
    theme: liveTheme(theme),
    fontSize: 12,
    fontFamily: fontFamily(),
    lineHeight: 1.2,
    scrollback: 0,
    cursorBlink: true,
    cursorInactiveStyle: 'outline',
    linkHandler: NO_LINKS,
    allowProposedApi: true,
  });
  return opened(terminal, element);
}

export function openTerminal(element: HTMLElement, theme: 'light' | 'dark', options: { fontSize: number; scrollback: number }): LogView {
  const terminal = new Terminal({
    // Bold text keeps its colour: a bright yellow cannot be read on white.
    drawBoldTextInBrightColors: false,
    ...options,
    theme: terminalTheme(theme),
    fontFamily: fontFamily(),
    lineHeight: 1.25,
    convertEol: true,
    disableStdin: true,
    cursorBlink: false,
    // The scroll bar takes its width from here.
    overviewRuler: { width: 8 },
    cursorInactiveStyle: 'none',
    // Marks of search hits are a proposed part of xterm's interface.
    allowProposedApi: true,
  });
  return opened(terminal, element);
}
