// All logs at once; a tile's terminal exists only while the tile is in sight.

import { memo, useEffect, useRef, useState } from 'react';

import { StateIcon } from '../design/StateIcon';
import { useText } from '../i18n';
import type { AgentId } from '../platform/types';
import { useRun, useTask } from '../store/run';
import { selectAgent, useView } from '../store/view';
import { LogTerminal } from './LogTerminal';

const ignore = (): void => undefined;

const LogTile = memo(function LogTile({ agent, follow, onOpen }: { agent: AgentId; follow: boolean; onOpen: (agent: AgentId) => void }) {
  const t = useText();
  const frame = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(false);
  const at = useRun((data) => data.agents[agent]?.task ?? null);
  const task = useTask(at);
  const selected = useView((view) => view.selectedAgent === agent);
  useEffect(() => {
    if (frame.current === null) return undefined;
    const observer = new IntersectionObserver((entries) => setSeen(entries.at(-1)?.isIntersecting ?? false), { rootMargin: '80px' });
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  return (
    <div ref={frame} className={`flex h-40 min-w-0 flex-col border-r border-b border-line ${selected ? 'outline-2 -outline-offset-2 outline-accent' : ''}`}>
      <button
        type="button"
        title={t('logs.open')}
        aria-pressed={selected}
        onClick={() => selectAgent(agent, at)}
        onDoubleClick={() => onOpen(agent)}
        className="flex h-6 shrink-0 items-center gap-1.5 border-b border-line/60 px-2 text-left hover:bg-hover"
      >
        {task === undefined ? null : <StateIcon phase={task.phase} size={12} />}
        <span className="text-2xs font-semibold tabular">{agent}</span>
        <span className="truncate text-2xs text-ink-3">{task?.title ?? ''}</span>
      </button>
      <div className="min-h-0 flex-1">{seen ? <LogTerminal agent={agent} small follow={follow} onFollow={ignore} /> : null}</div>
    </div>
  );
});

export function LogGrid({ follow, onOpen }: { follow: boolean; onOpen: (agent: AgentId) => void }) {
  const agents = useRun((data) => data.agentIds);
  return (
    <div className="grid h-full auto-rows-min grid-cols-[repeat(auto-fill,minmax(270px,1fr))] overflow-y-auto bg-surface">
      {agents.map((agent) => (
        <LogTile key={agent} agent={agent} follow={follow} onOpen={onOpen} />
      ))}
    </div>
  );
}
