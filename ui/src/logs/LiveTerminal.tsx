// An agent's tmux window, to type into. A link that is lost is shown as such; the agent goes on.

import { Keyboard, TerminalSquare } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useStore } from 'zustand';

import { useTheme } from '../app/theme';
import { Button } from '../design/controls';
import { LostHostLine, useLostHost } from '../hosts/LostHost';
import { useText } from '../i18n';
import type { AgentId } from '../platform/types';
import { useSession } from '../store/context';
import { useRun, useRunStore } from '../store/run';
import { typeInto } from '../store/view';
import { liveTheme, openLiveTerminal } from './terminal';
import type { LogView } from './terminal';
import { keyMeaning, typeIntoWindow } from './typing';

type State = { at: 'opening' } | { at: 'open' } | { at: 'ended'; why: string };

/** Keys that are not for the terminal; false keeps the terminal from taking one. */
function sortKeys({ terminal }: LogView, leave: () => void): void {
  terminal.attachCustomKeyEventHandler((event) => {
    if (event.type !== 'keydown') return true;
    switch (keyMeaning(event)) {
      case 'leave':
        event.preventDefault();
        leave();
        return false;
      case 'copy':
        event.preventDefault();
        if (terminal.hasSelection()) void navigator.clipboard.writeText(terminal.getSelection());
        return false;
      case 'browser':
        return false;
      case 'terminal':
        return true;
    }
  });
}

export function LiveTerminal({ agent }: { agent: AgentId }) {
  const t = useText();
  const theme = useTheme();
  const { platform } = useSession();
  const backend = useStore(useRunStore(), (state) => state.backend);
  const host = useLostHost(useRun((data) => data.agents[agent]?.host ?? null));
  const frame = useRef<HTMLDivElement>(null);
  const back = useRef<HTMLButtonElement>(null);
  const view = useRef<LogView | null>(null);
  const [state, setState] = useState<State>({ at: 'opening' });
  const [tries, setTries] = useState(0);

  useEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    setState({ at: 'opening' });
    const opened = openLiveTerminal(element, theme);
    view.current = opened;
    sortKeys(opened, () => back.current?.focus());
    opened.fit.fit();
    opened.terminal.focus();
    const typing = typeIntoWindow(platform, agent, opened.terminal, {
      onOpen: () => setState({ at: 'open' }),
      onEnd: (why) => setState({ at: 'ended', why }),
    });
    const observer = new ResizeObserver(() => opened.fit.fit());
    observer.observe(element);
    return () => {
      observer.disconnect();
      typing.close();
      view.current = null;
      opened.terminal.dispose();
    };
    // A new theme recolours the terminal below; only another window, or opening it again, makes a new one.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [platform, agent, tries]);

  useEffect(() => {
    if (view.current !== null) view.current.terminal.options.theme = liveTheme(theme);
  }, [theme]);

  return (
    <div data-testid="live-terminal" data-agent-id={agent} data-state={state.at} className="flex h-full flex-col">
      <div className="flex h-7 shrink-0 items-center gap-2 border-b border-line bg-accent-soft pr-1 pl-3 text-xs text-accent-ink">
        <Keyboard size={13} className="shrink-0" aria-hidden="true" />
        <span className="min-w-0 flex-1 truncate" role="status">
          {state.at === 'opening' ? t('terminal.opening', { agent }) : t('terminal.leave', { agent })}
        </span>
        <button
          ref={back}
          type="button"
          data-testid="terminal-back"
          onClick={() => typeInto(false)}
          className="h-6 shrink-0 rounded-md px-2 text-xs font-medium hover:bg-hover"
        >
          {t('terminal.back')}
        </button>
      </div>
      {host === null ? null : <LostHostLine host={host} text={t('terminal.link_lost', { host: host.id })} />}
      {host === null && backend === 'lost' ? (
        <p role="status" className="border-b border-line bg-surface px-3 py-1 text-xs text-failed">
          {t('terminal.backend_lost')}
        </p>
      ) : null}
      {/* The terminal brings its own field for the keyboard, which reads itself out. */}
      <div
        ref={frame}
        role="group"
        aria-label={t('terminal.of', { agent })}
        data-live-terminal
        data-testid="terminal-screen"
        className={`selectable min-h-0 flex-1 overflow-hidden transition-opacity ${state.at === 'open' && host === null && backend !== 'lost' ? '' : 'opacity-55'}`}
      />
      {state.at === 'ended' ? (
        <div role="alert" data-testid="terminal-ended" className="flex items-center gap-2 border-t border-line bg-raised px-3 py-1.5 text-xs">
          <TerminalSquare size={13} className="shrink-0 text-ink-3" aria-hidden="true" />
          <span className="selectable min-w-0 flex-1">
            <span className="font-medium">{t('terminal.ended')}</span> <span className="text-ink-2">{state.why}</span>
          </span>
          <Button look="quiet" onClick={() => setTries((count) => count + 1)}>
            {t('terminal.again')}
          </Button>
        </div>
      ) : null}
    </div>
  );
}
