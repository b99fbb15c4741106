// One live log.

import { useEffect, useRef, useState } from 'react';
import { useStore } from 'zustand';

import { useTheme } from '../app/theme';
import { Button } from '../design/controls';
import { useText } from '../i18n';
import { asApiError } from '../platform/platform';
import type { AgentId, ApiError } from '../platform/types';
import { useSession } from '../store/context';
import { useRunStore } from '../store/run';
import { followInto } from './follow';
import { openTerminal, terminalTheme } from './terminal';
import type { LogView } from './terminal';

type LogTerminalProps = {
  /** None for the orchestrator's log. */
  agent: AgentId | null;
  /** Smaller, with fewer lines kept: one of many. */
  small: boolean;
  follow: boolean;
  onFollow: (follow: boolean) => void;
  onView?: (view: LogView | null) => void;
};

const SIZES = { one: { fontSize: 12, scrollback: 10_000 }, small: { fontSize: 10, scrollback: 1000 } };

function atBottom({ terminal }: LogView): boolean {
  const buffer = terminal.buffer.active;
  return buffer.viewportY >= buffer.baseY;
}

export function LogTerminal({ agent, small, follow, onFollow, onView }: LogTerminalProps) {
  const t = useText();
  const theme = useTheme();
  const { platform } = useSession();
  const backend = useStore(useRunStore(), (state) => state.backend);
  const frame = useRef<HTMLDivElement>(null);
  const view = useRef<LogView | null>(null);
  const offset = useRef(0);
  const following = useRef(follow);
  const [error, setError] = useState<ApiError | null>(null);
  const [silent, setSilent] = useState(true);
  const [tries, setTries] = useState(0);

  useEffect(() => {
    following.current = follow;
    const opened = view.current;
    if (opened === null) return;
    if (follow) opened.terminal.scrollToBottom();
    else if (atBottom(opened)) opened.terminal.scrollLines(-1);
  }, [follow]);

  useEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    const opened = openTerminal(element, theme, small ? SIZES.small : SIZES.one);
    view.current = opened;
    offset.current = 0;
    onView?.(opened);
    const observer = new ResizeObserver(() => opened.fit.fit());
    observer.observe(element);
    return () => {
      observer.disconnect();
      onView?.(null);
      view.current = null;
      opened.terminal.dispose();
    };
    // A new theme recolours the terminal below; only another log makes a new one.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [agent, small, onView]);

  useEffect(() => {
    if (view.current !== null) view.current.terminal.options.theme = terminalTheme(theme);
  }, [theme]);

  useEffect(() => {
    if (backend === 'lost') return undefined;
    setError(null);
    const write = (bytes: Uint8Array, done: () => void): void => {
      const opened = view.current;
      if (opened === null) return;
      setSilent(false);
      opened.terminal.write(bytes, () => {
        if (following.current) opened.terminal.scrollToBottom();
        done();
      });
    };
    const follower = followInto(platform, agent, offset.current, { write }, (thrown) => setError(asApiError(thrown)));
    return () => {
      offset.current = follower.offset();
      follower.close();
    };
  }, [platform, agent, small, backend, tries]);

  const onWheel = (deltaY: number): void => {
    const opened = view.current;
    if (opened === null) return;
    if (deltaY < 0 && follow) onFollow(false);
    else if (deltaY > 0 && !follow && atBottom(opened)) onFollow(true);
  };

  return (
    <div className="relative h-full">
      <div
        ref={frame}
        role="log"
        aria-label={t('logs.of', { agent: agent ?? t('logs.orchestrator') })}
        data-testid="log-terminal"
        data-agent-id={agent ?? ''}
        className="selectable h-full overflow-hidden"
        onWheel={(event) => onWheel(event.deltaY)}
      />
      {silent && error === null ? (
        <p className={`rising-late pointer-events-none absolute text-ink-3 ${small ? 'top-1.5 left-2 text-2xs' : 'top-2 left-3 text-xs'}`}>{t('logs.no_output')}</p>
      ) : null}
      {error === null ? null : (
        <div className="absolute inset-x-0 bottom-0 flex items-center gap-2 border-t border-line bg-raised px-3 py-1.5 text-xs text-failed">
          <span className="selectable min-w-0 flex-1">{error.message}</span>
          <Button look="quiet" onClick={() => setTries((count) => count + 1)}>
            {t('action.try_again')}
          </Button>
        </div>
      )}
    </div>
  );
}
