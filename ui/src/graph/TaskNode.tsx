// One task in the graph. It reads its own task from the store, so that a patch draws only the
// nodes that it changed.

import { Handle, Position, useStore } from '@xyflow/react';
import { RotateCcw, Route } from 'lucide-react';
import { memo } from 'react';

import { onTaskPress, useDrag } from '../app/drag';
import { Hint, Progress } from '../design/controls';
import { StateIcon } from '../design/StateIcon';
import { useText } from '../i18n';
import { NODE_HEIGHT, NODE_WIDTH } from '../model/layout';
import { isAtWork, reassignBlocker } from '../model/phases';
import type { TaskPhase, TaskView } from '../platform/types';
import { useRunMoment, useTask } from '../store/run';
import { useStandsOut } from '../store/standsOut';
import { openInspector, selectTask, useView } from '../store/view';
import { WorkMarks } from '../work/marks';
import { isReadable } from './elements';

type NodeProps = { id: string; data: { flow: 'right' | 'down' } };

const Face = memo(function Face({ task, movable }: { task: TaskView; movable: boolean }) {
  const t = useText();
  const selected = useView((view) => view.selectedTask === task.id);
  const passes = useStandsOut(task);
  const rest = task.phase === 'unverified' ? 'border-dashed border-(--phase)' : task.phase === 'review' ? 'border-(--phase)' : task.conflict !== null ? 'border-accent/60' : 'border-line hover:border-line-strong';
  const edge = selected ? 'border-accent ring-2 ring-accent/35' : rest;
  return (
    <button
      type="button"
      data-testid="task-node"
      data-task-id={task.id}
      data-phase={task.phase}
      aria-pressed={selected}
      aria-label={t('graph.node', { id: task.id, title: task.title, phase: t(`phase.${task.phase}`), agent: task.agent })}
      onClick={() => selectTask(task.id, task.agent)}
      onDoubleClick={() => openInspector(true)}
      style={{ width: NODE_WIDTH, height: NODE_HEIGHT }}
      className={`phase-${task.phase} flex flex-col rounded-lg border bg-raised px-2.5 pt-2 text-left shadow-card transition-[border-color,opacity] ${edge} ${passes ? '' : 'opacity-30'} ${movable ? 'cursor-grab' : ''}`}
    >
      <span className="flex h-4 w-full shrink-0 items-center gap-1.5">
        <StateIcon phase={task.phase} size={15} />
        <span className="truncate text-sm leading-4 font-semibold tabular">{task.id}</span>
        {task.critical ? (
          <Hint text={t('graph.critical')}>
            <Route size={12} className="shrink-0 text-ink-3" aria-hidden="true" />
          </Hint>
        ) : null}
        <WorkMarks task={task} />
        {task.attempts.length > 1 ? (
          <span className="ml-auto inline-flex shrink-0 items-center gap-0.5 text-2xs text-back-off tabular">
            <RotateCcw size={10} aria-hidden="true" />
            {task.attempts.length}
          </span>
        ) : null}
      </span>
      <span className="mt-0.5 line-clamp-2 w-full shrink-0 text-xs text-ink-2">{task.title}</span>
      <span className="mt-auto mb-2 flex h-4 w-full items-center gap-2">
        {(isAtWork(task.phase) && task.phase !== 'unverified') || task.phase === 'completed' ? (
          <Progress value={task.phase === 'completed' ? 1 : task.progress} label={task.id} className="flex-1" />
        ) : (
          <span className="min-w-0 flex-1 truncate text-2xs text-ink-3">{t(`phase.${task.phase}`)}</span>
        )}
        <span className="shrink-0 rounded-sm bg-hover px-1 text-2xs text-ink-2 tabular">{task.agent}</span>
      </span>
    </button>
  );
});

function Card({ task }: { task: TaskView }) {
  const runPhase = useRunMoment();
  const movable = reassignBlocker(task, runPhase) === null;
  const dragged = useDrag((drag) => drag.task === task.id);
  return (
    <div onPointerDown={movable ? onTaskPress(task.id) : undefined} className={`nopan nodrag ${dragged ? 'opacity-40' : ''}`}>
      <Face task={task} movable={movable} />
    </div>
  );
}

/** A task from afar. */
const Field = memo(function Field({ id, phase, agent }: { id: string; phase: TaskPhase; agent: string }) {
  const selected = useView((view) => view.selectedTask === id);
  const passes = useStandsOut({ phase, agent });
  return (
    <button
      type="button"
      data-testid="task-node"
      data-task-id={id}
      data-phase={phase}
      aria-label={id}
      tabIndex={-1}
      onClick={() => selectTask(id, agent)}
      style={{ width: NODE_WIDTH, height: NODE_HEIGHT }}
      className={`phase-${phase} block rounded-lg ${selected ? 'bg-accent' : 'bg-[color-mix(in_oklab,var(--phase)_45%,var(--surface))]'} ${passes ? '' : 'opacity-30'}`}
    />
  );
});

export const TaskNode = memo(function TaskNode({ id, data }: NodeProps) {
  const task = useTask(id);
  const near = useStore(isReadable);
  if (task === undefined) return null;
  return (
    <>
      <Handle type="target" position={data.flow === 'right' ? Position.Left : Position.Top} isConnectable={false} />
      {near ? <Card task={task} /> : <Field id={id} phase={task.phase} agent={task.agent} />}
      <Handle type="source" position={data.flow === 'right' ? Position.Right : Position.Bottom} isConnectable={false} />
    </>
  );
});
