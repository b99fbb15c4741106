// Which tasks stand out: those in the phases that were asked for, and those of the selected host.

import { passesPhases } from '../model/filters';
import type { TaskView } from '../platform/types';
import { useRun } from './run';
import { useView } from './view';

type Placed = Pick<TaskView, 'phase' | 'agent'>;

export function useStandsOut(task: Placed): boolean {
  const passes = useView((view) => passesPhases(task.phase, view.phaseFilter));
  const host = useView((view) => view.selectedHost);
  const isThere = useRun((data) => host === null || data.agents[task.agent]?.host === host);
  return passes && isThere;
}
