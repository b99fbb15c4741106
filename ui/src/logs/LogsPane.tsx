// The logs: one agent's, the orchestrator's, or all of them in a grid.

import { ArrowDownToLine, ChevronDown, ChevronUp, LayoutGrid, Search, SquareTerminal, X } from 'lucide-react';
import { useCallback, useMemo, useRef, useState } from 'react';

import { useTheme } from '../app/theme';
import { IconButton } from '../design/controls';
import { PickMenu } from '../design/menus';
import { Pane } from '../design/surfaces';
import { useText } from '../i18n';
import { LostHostLine, useLostHost } from '../hosts/LostHost';
import { useAgents, useRun } from '../store/run';
import { selectAgent, typeInto, useView } from '../store/view';
import { LogGrid } from './LogGrid';
import { LiveTerminal } from './LiveTerminal';
import { SayLine } from './SayLine';
import { LogTerminal } from './LogTerminal';
import { searchDecorations } from './terminal';
import type { LogView } from './terminal';

const ORCHESTRATOR = ' ';

function SearchBar({ view, onClose }: { view: LogView | null; onClose: () => void }) {
  const t = useText();
  const theme = useTheme();
  const [words, setWords] = useState('');
  const decorations = searchDecorations(theme);
  const next = (text: string, incremental: boolean): void => void view?.search.findNext(text, { decorations, incremental });
  const previous = (): void => void view?.search.findPrevious(words, { decorations });
  const close = (): void => {
    view?.search.clearDecorations();
    onClose();
  };
  return (
    <search className="absolute top-1.5 right-3 z-10 flex items-center gap-0.5 rounded-md border border-line bg-raised p-0.5 pl-2 shadow-float">
      <input
        // The person has just asked for this field.
        // oxlint-disable-next-line jsx-a11y/no-autofocus
        autoFocus
        type="search"
        aria-label={t('logs.search')}
        placeholder={t('logs.search')}
        value={words}
        onChange={(event) => {
          setWords(event.target.value);
          next(event.target.value, true);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') close();
          if (event.key === 'Enter' && event.shiftKey) previous();
          else if (event.key === 'Enter') next(words, false);
        }}
        className="h-6 w-44 bg-transparent text-xs outline-none placeholder:text-ink-3"
      />
      <IconButton icon={ChevronUp} label={t('logs.previous')} className="size-6" onClick={previous} />
      <IconButton icon={ChevronDown} label={t('logs.next')} className="size-6" onClick={() => next(words, false)} />
      <IconButton icon={X} label={t('action.close')} className="size-6" onClick={close} />
    </search>
  );
}

/** One log, or the orchestrator's; a host that is lost is said above it. */
function OneLog({ agent, follow, onFollow, onView }: { agent: string | null; follow: boolean; onFollow: (follow: boolean) => void; onView: (view: LogView | null) => void }) {
  const t = useText();
  const host = useLostHost(useRun((data) => (agent === null ? null : (data.agents[agent]?.host ?? null))));
  return (
    <div className="flex h-full flex-col">
      {host === null ? null : <LostHostLine host={host} text={t('lost.log')} />}
      <div className="min-h-0 flex-1">
        <LogTerminal agent={agent} small={false} follow={follow} onFollow={onFollow} onView={onView} />
      </div>
    </div>
  );
}

export function LogsPane() {
  const t = useText();
  const agents = useAgents();
  const selected = useView((view) => view.selectedAgent);
  const wanted = useView((view) => view.typing);
  const planned = useRun((data) => data.run.phase === 'planned');
  const [grid, setGrid] = useState(false);
  const [follow, setFollow] = useState(true);
  const [searching, setSearching] = useState(false);
  const [view, setView] = useState<LogView | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const openOne = useCallback((agent: string) => {
    selectAgent(agent);
    setGrid(false);
  }, []);
  const options = useMemo(
    () => [
      { value: ORCHESTRATOR, label: t('logs.orchestrator') },
      ...agents.map((agent) => ({ value: agent.id, label: agent.id, note: agent.title })),
    ],
    [agents, t],
  );
  const lead = grid ? (
    <span className="text-xs text-ink-3">{t('logs.all', { count: agents.length })}</span>
  ) : (
    <PickMenu
      label={t('logs.pick')}
      value={selected ?? ORCHESTRATOR}
      options={options}
      onPick={(agent) => selectAgent(agent === ORCHESTRATOR ? null : agent)}
    />
  );
  const typing = wanted && selected !== null && !grid;
  const actions = (
    <>
      <IconButton
        icon={SquareTerminal}
        label={t('terminal.open')}
        className="size-6"
        data-testid="terminal-open"
        disabled={grid || selected === null || planned}
        pressed={typing}
        onClick={() => typeInto(!typing)}
      />
      <IconButton icon={Search} label={t('logs.search')} className="size-6" disabled={grid || typing} pressed={searching} onClick={() => setSearching(!searching)} />
      <IconButton icon={ArrowDownToLine} label={t('logs.follow')} className="size-6" disabled={typing} pressed={follow} onClick={() => setFollow(!follow)} />
      <IconButton icon={LayoutGrid} label={t('logs.grid')} className="size-6" pressed={grid} data-testid="logs-grid" onClick={() => setGrid(!grid)} />
    </>
  );
  return (
    <Pane name="logs" title={typing ? 'terminal.title' : 'logs.title'} lead={lead} actions={actions}>
      <div ref={frame} className="flex h-full flex-col">
        <div className="relative min-h-0 flex-1">
        {searching && !grid && !typing ? <SearchBar view={view} onClose={() => setSearching(false)} /> : null}
        {grid ? <LogGrid follow={follow} onOpen={openOne} /> : null}
        {typing ? <LiveTerminal key={selected} agent={selected} /> : null}
        {grid || typing ? null : <OneLog key={selected ?? ''} agent={selected} follow={follow} onFollow={setFollow} onView={setView} />}
        </div>
        {grid || typing || selected === null ? null : <SayLine key={selected} agent={selected} />}
      </div>
    </Pane>
  );
}
