// One agent's row: its name, its bars, and a place to drop a task on.

import { memo } from 'react';

import { DROP_LOOK, useAgentDrop } from '../app/drag';
import type { TimeWindow } from '../model/axis';
import type { Row } from '../model/bars';
import { ContactIcon } from '../hosts/ContactIcon';
import { useText } from '../i18n';
import { lookOf } from '../model/hosts';
import type { HostId } from '../platform/types';
import { useRun } from '../store/run';
import { selectAgent, useView } from '../store/view';
import { GhostBar, TimelineBar } from './TimelineBar';
import { HOST_HEIGHT, ROW_HEIGHT } from './lines';

export const GUTTER = 144;

type RowProps = { row: Row; top: number; window: TimeWindow; width: number };

export const TimelineRow = memo(function TimelineRow({ row, top, window, width }: RowProps) {
  const title = useRun((data) => data.agents[row.agent]?.title ?? '');
  const task = useRun((data) => data.agents[row.agent]?.task ?? null);
  const selected = useView((view) => view.selectedAgent === row.agent);
  const drop = useAgentDrop(row.agent);
  return (
    <div
      {...drop.place}
      role="row"
      data-testid="timeline-row"
      data-agent-id={row.agent}
      className={`absolute flex w-full border-b border-line/50 ${selected ? 'bg-accent-soft' : ''} ${DROP_LOOK[drop.state]}`}
      style={{ top, height: ROW_HEIGHT }}
    >
      <div role="rowheader" aria-label={row.agent} className="h-full shrink-0 border-r border-line" style={{ width: GUTTER }}>
        <button
          type="button"
          aria-pressed={selected}
          onClick={() => selectAgent(row.agent, task)}
          className="flex h-full w-full items-center gap-2 pr-2 pl-3 text-left hover:bg-hover"
        >
          <span className="w-12 shrink-0 text-xs font-medium tabular">{row.agent}</span>
          <span className="truncate text-2xs text-ink-3">{title}</span>
        </button>
      </div>
      <div role="gridcell" className="relative min-w-0 flex-1 overflow-hidden">
        {row.bars.map((bar) =>
          bar.kind === 'ghost' ? (
            <GhostBar key={bar.key} bar={bar} window={window} width={width} />
          ) : (
            <TimelineBar key={bar.key} bar={bar} window={window} width={width} />
          ),
        )}
      </div>
    </div>
  );
});

export const HostLine = memo(function HostLine({ host, top }: { host: HostId; top: number }) {
  const t = useText();
  const running = useRun((data) => data.hosts[host]?.running ?? 0);
  const contact = useRun((data) => {
    const known = data.hosts[host];
    return known === undefined ? 'unknown' : lookOf(known);
  });
  const capacity = useRun((data) => data.hosts[host]?.capacity ?? 0);
  return (
    <div role="row" className="absolute w-full border-b border-line bg-sunken" style={{ top, height: HOST_HEIGHT }}>
      <div role="rowheader" className="flex h-full items-center gap-2 px-3 text-2xs font-semibold text-ink-2">
        {host}
        <span className="font-normal text-ink-3 tabular">
          {running}/{capacity}
        </span>
        {contact === 'ready' || contact === 'unknown' ? null : (
          <span className="inline-flex items-center gap-1 font-normal text-ink-2">
            <ContactIcon contact={contact} size={11} />
            {t(`contact.${contact}`)}
          </span>
        )}
      </div>
    </div>
  );
});
