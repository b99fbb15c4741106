// How many tasks stand in each state; a click keeps these in the foreground of all views.

import { StateIcon } from '../design/StateIcon';
import { useText } from '../i18n';
import { TASK_PHASES } from '../model/phases';
import type { TaskPhase } from '../platform/types';
import { useRunShallow } from '../store/run';
import { togglePhase, useView } from '../store/view';

function PhaseCount({ phase, count }: { phase: TaskPhase; count: number }) {
  const t = useText();
  const active = useView((view) => view.phaseFilter.includes(phase));
  return (
    <button
      type="button"
      aria-pressed={active}
      title={t('graph.filter', { phase: t(`phase.${phase}`) })}
      onClick={() => togglePhase(phase)}
      className="inline-flex h-6 shrink-0 items-center gap-1 rounded-md px-1.5 text-2xs text-ink-2 hover:bg-hover aria-pressed:bg-accent-soft aria-pressed:text-accent-ink"
    >
      <StateIcon phase={phase} size={12} />
      <span>{t(`phase.${phase}`)}</span>
      <span className="font-semibold tabular">{count}</span>
    </button>
  );
}

export function PhaseLegend() {
  const t = useText();
  const counts = useRunShallow((data) => {
    const found: Partial<Record<TaskPhase, number>> = {};
    for (const id of data.taskIds) {
      const phase = data.tasks[id]?.phase;
      if (phase !== undefined) found[phase] = (found[phase] ?? 0) + 1;
    }
    return found;
  });
  return (
    <div role="group" aria-label={t('graph.legend')} className="flex items-center">
      {TASK_PHASES.map((phase) => {
        const count = counts[phase];
        return count === undefined ? null : <PhaseCount key={phase} phase={phase} count={count} />;
      })}
    </div>
  );
}
