// Dragging a task onto an agent. Pointer events only: HTML5 dragging cannot be driven by WebDriver.

import { DndContext, DragOverlay, PointerSensor, pointerWithin, useDndContext, useDroppable, useSensor, useSensors } from '@dnd-kit/core';
import type { DragEndEvent, Modifier } from '@dnd-kit/core';
import type { ReactNode } from 'react';

import { StateIcon } from '../design/StateIcon';
import { useText } from '../i18n';
import { targetRefusal } from '../model/reassign';
import { useCommands } from '../store/context';
import { useRun, useRunStore, useTask } from '../store/run';
import type { AgentId } from '../platform/types';

const ACTIVATION = { activationConstraint: { distance: 6 } };

const GHOST_OFFSET = 14;

/** Keeps the ghost beside the pointer, so that it never hides what it would be dropped on. */
const besidePointer: Modifier = ({ activatorEvent, draggingNodeRect, transform }) => {
  if (!(activatorEvent instanceof MouseEvent) || draggingNodeRect === null) return transform;
  return {
    ...transform,
    x: transform.x + activatorEvent.clientX - draggingNodeRect.left + GHOST_OFFSET,
    y: transform.y + activatorEvent.clientY - draggingNodeRect.top + GHOST_OFFSET,
  };
};
const GHOST_MODIFIERS = [besidePointer];

function idIn(data: Record<string, unknown> | undefined, name: 'task' | 'agent'): string | null {
  const id = data?.[name];
  return typeof id === 'string' ? id : null;
}

/** The task that is being dragged at this moment. */
function useDraggedTask(): string | null {
  return idIn(useDndContext().active?.data.current, 'task');
}

function Ghost() {
  const t = useText();
  const task = useTask(useDraggedTask());
  if (task === undefined) return null;
  return (
    <div className="pointer-events-none flex w-max items-center gap-1.5 rounded-md border border-accent bg-raised px-2 py-1 shadow-float">
      <StateIcon phase={task.phase} />
      <span className="text-xs font-semibold tabular">{task.id}</span>
      <span className="text-2xs text-ink-3">{t('drag.hint', { kind: task.kind })}</span>
    </div>
  );
}

export type DropState = 'idle' | 'allowed' | 'over' | 'refused';

/** Makes an agent a place to drop a task on; `prefix` tells two places of one agent apart. */
export function useAgentDrop(prefix: string, agent: AgentId): { attach: (element: HTMLElement | null) => void; state: DropState } {
  const dragged = useDraggedTask();
  const allowed = useRun((data) => {
    const task = dragged === null ? undefined : data.tasks[dragged];
    const target = data.agents[agent];
    return task !== undefined && target !== undefined && targetRefusal(task, target) === null;
  });
  const { setNodeRef, isOver } = useDroppable({ id: `${prefix}:${agent}`, data: { agent } });
  if (dragged === null) return { attach: setNodeRef, state: 'idle' };
  if (!allowed) return { attach: setNodeRef, state: 'refused' };
  return { attach: setNodeRef, state: isOver ? 'over' : 'allowed' };
}

export const DROP_LOOK: Record<DropState, string> = {
  idle: '',
  allowed: 'bg-accent-soft/60',
  over: 'bg-accent-soft ring-2 ring-inset ring-accent',
  refused: 'opacity-40',
};

export function DragScope({ children }: { children: ReactNode }) {
  const store = useRunStore();
  const commands = useCommands();
  const t = useText();
  const sensors = useSensors(useSensor(PointerSensor, ACTIVATION));
  const drop = ({ active, over }: DragEndEvent): void => {
    const { data } = store.getState();
    const task = data.tasks[idIn(active.data.current, 'task') ?? ''];
    const agent = data.agents[idIn(over?.data.current, 'agent') ?? ''];
    if (task !== undefined && agent !== undefined && targetRefusal(task, agent) === null) {
      void commands.reassign(task.id, agent.id);
    }
  };
  return (
    <DndContext
      sensors={sensors}
      collisionDetection={pointerWithin}
      onDragEnd={drop}
      accessibility={{ screenReaderInstructions: { draggable: t('drag.instructions') } }}
    >
      {children}
      <DragOverlay dropAnimation={null} modifiers={GHOST_MODIFIERS}>
        <Ghost />
      </DragOverlay>
    </DndContext>
  );
}
