// The run over time: a row an agent, what was planned against what came of it.

import { ChartNoAxesGantt, Maximize, Minus, Plus } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { RefObject } from 'react';

import { IconButton } from '../design/controls';
import { Empty } from '../design/Empty';
import { Pane } from '../design/surfaces';
import { useSize } from '../design/useSize';
import { useText } from '../i18n';
import { panWindow, secondsAt, wholeWindow, zoomWindow } from '../model/axis';
import type { TimeWindow } from '../model/axis';
import { createRowCache, timelineRows, waveMarks } from '../model/bars';
import type { Row } from '../model/bars';
import { elapsedSeconds, wallSeconds } from '../model/time';
import { useNow } from '../store/clock';
import { useAgents, useRun, useTasks } from '../store/run';
import { useView } from '../store/view';
import { Axis, GridLines, NowLine } from './overlays';
import { linesInSight, ROW_HEIGHT, timelineLines } from './lines';
import type { Line } from './lines';
import { GUTTER, HostLine, TimelineRow } from './TimelineRow';

const AXIS_HEIGHT = 28;
const NO_ROW: Row = { agent: '', bars: [] };

/** The whole time that there is to see; the same object until it grows. */
function useWhole(): TimeWindow {
  const run = useRun((data) => data.run);
  const elapsed = elapsedSeconds(run, useNow());
  const { end } = wholeWindow(wallSeconds(run.forecast.expected_seconds, run.rehearsal_speed), elapsed);
  return useMemo(() => ({ start: 0, end }), [end]);
}

function useRows(): Map<string, Row> {
  const agents = useRun((data) => data.agentIds);
  const tasks = useTasks();
  const startedAt = useRun((data) => data.run.started_at);
  const speed = useRun((data) => data.run.rehearsal_speed);
  const [reuse] = useState(createRowCache);
  return useMemo(() => {
    const rows = reuse(timelineRows(agents, tasks, { started_at: startedAt, rehearsal_speed: speed }));
    return new Map(rows.map((row) => [row.agent, row]));
  }, [reuse, agents, tasks, startedAt, speed]);
}

/** Ctrl and wheel zoom at the pointer, a sideways wheel pans, a plain one scrolls the rows. */
function useWheel(scroll: RefObject<HTMLElement | null>, onWheel: (event: WheelEvent, x: number) => void): void {
  const handler = useRef(onWheel);
  useEffect(() => {
    handler.current = onWheel;
  });
  useEffect(() => {
    const element = scroll.current;
    if (element === null) return undefined;
    const listen = (event: WheelEvent): void => {
      const x = event.clientX - element.getBoundingClientRect().left - GUTTER;
      handler.current(event, x);
    };
    // Not passive: the page must not zoom along.
    element.addEventListener('wheel', listen, { passive: false });
    return () => element.removeEventListener('wheel', listen);
  }, [scroll]);
}

function useRevealRow(scroll: RefObject<HTMLElement | null>, lines: readonly Line[]): void {
  const agent = useView((view) => view.selectedAgent);
  useEffect(() => {
    const element = scroll.current;
    const line = lines.find((one) => one.kind === 'agent' && one.agent === agent);
    if (element === null || line === undefined) return;
    const bottom = line.top + ROW_HEIGHT + AXIS_HEIGHT;
    if (line.top < element.scrollTop) element.scrollTop = line.top;
    else if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight;
    // Only a new selection moves the rows; agents that join do not.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [agent]);
}

function Chart({ zoomed, setZoomed }: { zoomed: TimeWindow | null; setZoomed: (window: TimeWindow | null) => void }) {
  const t = useText();
  const scroll = useRef<HTMLDivElement>(null);
  const size = useSize(scroll);
  const [scrollTop, setScrollTop] = useState(0);
  const whole = useWhole();
  const window = zoomed ?? whole;
  const width = Math.max(0, size.width - GUTTER);
  const hosts = useRun((data) => data.hostIds);
  const agents = useAgents();
  const tasks = useTasks();
  const speed = useRun((data) => data.run.rehearsal_speed);
  const rows = useRows();
  const { lines, height } = useMemo(() => timelineLines(hosts, agents), [hosts, agents]);
  const waves = useMemo(() => waveMarks(tasks, speed), [tasks, speed]);
  useRevealRow(scroll, lines);

  const onWheel = useCallback(
    (event: WheelEvent, x: number) => {
      const sideways = event.shiftKey ? event.deltaY : event.deltaX;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const factor = Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.004);
        setZoomed(zoomWindow(window, whole, factor, secondsAt(Math.max(0, x), window, width)));
      } else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
        event.preventDefault();
        setZoomed(panWindow(window, whole, (sideways / Math.max(1, width)) * (window.end - window.start)));
      }
    },
    [setZoomed, whole, width, window],
  );
  useWheel(scroll, onWheel);

  return (
    <div
      ref={scroll}
      role="grid"
      aria-label={t('timeline.title')}
      data-drag-scroll
      className="h-full overflow-x-hidden overflow-y-auto"
      onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
    >
      <Axis window={window} width={width} waves={waves} />
      <div className="relative" style={{ height }}>
        <GridLines window={window} width={width} waves={waves} />
        {linesInSight(lines, scrollTop, size.height).map((line) =>
          line.kind === 'host' ? (
            <HostLine key={`host:${line.host}`} host={line.host} top={line.top} />
          ) : (
            <TimelineRow key={line.agent} row={rows.get(line.agent) ?? NO_ROW} top={line.top} window={window} width={width} />
          ),
        )}
        <NowLine window={window} width={width} />
      </div>
    </div>
  );
}

export function TimelinePane() {
  const t = useText();
  const whole = useWhole();
  const [zoomed, setZoomed] = useState<TimeWindow | null>(null);
  const empty = useRun((data) => data.agentIds.length === 0);
  const zoom = (factor: number): void => {
    const window = zoomed ?? whole;
    setZoomed(zoomWindow(window, whole, factor, (window.start + window.end) / 2));
  };
  const actions = (
    <>
      <IconButton icon={Plus} label={t('timeline.zoom_in')} className="size-6" onClick={() => zoom(0.6)} />
      <IconButton icon={Minus} label={t('timeline.zoom_out')} className="size-6" onClick={() => zoom(1 / 0.6)} />
      <IconButton icon={Maximize} label={t('timeline.fit')} className="size-6" disabled={zoomed === null} onClick={() => setZoomed(null)} />
    </>
  );
  return (
    <Pane name="timeline" title="timeline.title" actions={actions}>
      {empty ? <Empty icon={ChartNoAxesGantt} title={t('timeline.empty')} /> : <Chart zoomed={zoomed} setZoomed={setZoomed} />}
    </Pane>
  );
}
