// One bar: planned, tried or under way. It can be dragged onto another agent.

import { memo } from 'react';

import { onTaskPress } from '../app/drag';
import { StateIcon } from '../design/StateIcon';
import { useText } from '../i18n';
import { xOf } from '../model/axis';
import type { TimeWindow } from '../model/axis';
import type { Bar } from '../model/bars';
import { reassignBlocker } from '../model/phases';
import { durationText, millisOf } from '../model/time';
import { useNow } from '../store/clock';
import { useRun, useRunMoment } from '../store/run';
import { WorkMarks } from '../work/marks';
import { useStandsOut } from '../store/standsOut';
import { openInspector, selectTask, useView } from '../store/view';

const LABEL_FROM = 58;
const ICON_FROM = 20;

type BarProps = { bar: Bar; window: TimeWindow; width: number };

function useSpan({ bar, window, width }: BarProps): { left: number; length: number; seconds: number } {
  const now = useNow(bar.end === null);
  const startedAt = useRun((data) => data.run.started_at);
  const elapsed = startedAt === null ? 0 : (now - millisOf(startedAt)) / 1000;
  const end = Math.max(bar.start, bar.end ?? elapsed);
  const left = xOf(bar.start, window, width);
  return { left, length: Math.max(3, xOf(end, window, width) - left), seconds: end - bar.start };
}

/** What was planned, behind what came of it. */
export const GhostBar = memo(function GhostBar(props: BarProps) {
  const { left, length } = useSpan(props);
  if (left > props.width || left + length < 0) return null;
  return (
    <div
      aria-hidden="true"
      data-testid="timeline-planned"
      data-task-id={props.bar.task.id}
      className="bar-ghost pointer-events-none absolute top-[3px] h-5 rounded-sm"
      style={{ left, width: length }}
    />
  );
});

export const TimelineBar = memo(function TimelineBar(props: BarProps) {
  const { bar, width } = props;
  const { task } = bar;
  const t = useText();
  const { left, length, seconds } = useSpan(props);
  const selected = useView((view) => view.selectedTask === task.id);
  const passes = useStandsOut(task);
  const runPhase = useRunMoment();
  const main = bar.kind !== 'past';
  const movable = main && reassignBlocker(task, runPhase) === null;
  if (left > width || left + length < 0) return null;
  const label = t('timeline.bar', { id: task.id, title: task.title, phase: t(`phase.${bar.phase}`), duration: durationText(seconds) });
  return (
    <button
      type="button"
      onPointerDown={movable ? onTaskPress(task.id) : undefined}
      data-testid={main ? 'timeline-bar' : 'timeline-attempt'}
      data-task-id={task.id}
      data-phase={bar.phase}
      aria-pressed={selected}
      aria-label={label}
      title={label}
      onClick={() => selectTask(task.id, task.agent)}
      onDoubleClick={() => openInspector(true)}
      className={`phase-${bar.phase} bar-${bar.kind} absolute flex items-center gap-1 overflow-hidden rounded-sm px-1 text-left text-2xs ${bar.kind === 'planned' ? 'top-[3px] h-5' : 'top-[5px] h-4'} ${length < ICON_FROM ? 'bar-narrow' : ''} ${task.critical && bar.kind === 'current' ? 'bar-critical' : ''} ${selected ? 'bar-selected z-2' : ''} ${passes ? '' : 'opacity-25'}`}
      style={{ left, width: length }}
    >
      {length >= ICON_FROM ? <StateIcon phase={bar.phase} size={11} /> : null}
      {main && length >= ICON_FROM * 2 ? <WorkMarks task={task} size={11} /> : null}
      {length >= LABEL_FROM ? <span className="truncate text-ink tabular">{task.id}</span> : null}
    </button>
  );
});
