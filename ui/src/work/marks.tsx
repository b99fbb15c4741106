// Small marks beside a task: it overlaps with another one, or it resolves a conflict.

import { GitMerge, Layers2 } from 'lucide-react';

import { Hint } from '../design/controls';
import { useText } from '../i18n';
import type { TaskView } from '../platform/types';

export function WorkMarks({ task, size = 12 }: { task: Pick<TaskView, 'overlaps' | 'conflict'>; size?: number }) {
  const t = useText();
  const overlap = t('work.overlap_mark', { tasks: task.overlaps.map((one) => one.task).join(', ') });
  return (
    <>
      {task.conflict === null ? null : (
        <Hint text={t('work.merge_task')}>
          <GitMerge size={size} data-testid="merge-mark" role="img" aria-label={t('work.merge_task')} className="shrink-0 text-accent-ink" />
        </Hint>
      )}
      {task.overlaps.length === 0 ? null : (
        <Hint text={overlap}>
          <Layers2 size={size} data-testid="overlap-mark" role="img" aria-label={overlap} className="shrink-0 text-back-off" />
        </Hint>
      )}
    </>
  );
}
